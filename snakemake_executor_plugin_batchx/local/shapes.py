"""Requests against botocore's own model of the Batch API: members, types, enumerations, lengths.

The model is the same file from which boto3 makes its clients, so the embedded Batch learns new
members with botocore.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from snakemake_executor_plugin_batchx.local.errors import ClientError

JsonObject = dict[str, Any]

# Enumerations whose values AWS takes in any case (API_EvaluateOnExit: "The values aren't case
# sensitive").
CASELESS_ENUMS = frozenset({"RetryAction"})


@functools.cache
def load_batch_model() -> ServiceModel:
    """Botocore's model of AWS Batch, loaded once per process."""
    return ServiceModel(Loader().load_service_model("batch", "service-2"), "batch")


@functools.cache
def list_operation_paths() -> dict[tuple[str, str], str]:
    """Maps (HTTP method, path with placeholders) to the operation's name."""
    model = load_batch_model()
    return {
        (operation.http["method"], operation.http["requestUri"]): name
        for name in model.operation_names
        for operation in (model.operation_model(name),)
    }


def check_shape(operation: str, parameters: JsonObject) -> None:
    """Checks a request's parameters against the model.

    Raises:
        ClientError: a member is missing, unknown, of the wrong type, not in its enumeration, or
            too long.
    """
    # botocore finds a shape's members (.members, .member, .key) at run time.
    shape: Any = load_batch_model().operation_model(operation).input_shape
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        raise ClientError(re.sub(r"\s*\n\s*", "; ", report.generate_report()))
    for breach in _iter_breaches(shape, parameters, operation):
        raise ClientError(breach)


def _iter_breaches(shape: Any, value: Any, where: str) -> Iterator[str]:
    """What botocore's validator leaves to the service: enumerations and upper bounds."""
    if shape.type_name == "structure":
        for name, member in value.items():
            yield from _iter_breaches(shape.members[name], member, f"{where}.{name}")
    elif shape.type_name == "list":
        for index, member in enumerate(value):
            yield from _iter_breaches(shape.member, member, f"{where}[{index}]")
    elif shape.type_name == "map":
        for key, member in value.items():
            yield from _iter_breaches(shape.key, key, f"{where} (key {key!r})")
            yield from _iter_breaches(shape.value, member, f"{where}.{key}")
    elif shape.type_name == "string":
        yield from _iter_string_breaches(shape, value, where)


def _iter_string_breaches(shape: Any, value: str, where: str) -> Iterator[str]:
    allowed = shape.enum
    given = value.upper() if shape.name in CASELESS_ENUMS else value
    if allowed and given not in allowed:
        yield f"{value} is not a value of {where}: it should be one of {', '.join(allowed)}"
    longest = shape.metadata.get("max")
    if longest is not None and len(value) > longest:
        yield f"{where} has {len(value)} characters: it can have up to {longest}"
