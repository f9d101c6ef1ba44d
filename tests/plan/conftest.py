"""Requests against botocore's own model of AWS Batch."""

from collections.abc import Callable, Mapping
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

CheckRequest = Callable[[str, Mapping[str, Any]], None]


@pytest.fixture(scope="session")
def check_request() -> CheckRequest:
    """A function that fails where a request does not fit the operation's input."""
    model = botocore.session.Session().get_service_model("batch")

    def check(operation: str, request: Mapping[str, Any]) -> None:
        report = ParamValidator().validate(request, model.operation_model(operation).input_shape)
        assert not report.has_errors(), report.generate_report()

    return check
