"""A request to AWS Batch: which operation it calls, with which parameters."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs

from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.shapes import JsonObject, list_operation_paths

TAGS_PATH = "/v1/tags/"
TAGS_TEMPLATE = "/v1/tags/{resourceArn}"


def read_batch_request(environ: dict[str, Any]) -> tuple[str, JsonObject]:
    """The operation and its parameters, as boto3's caller gave them.

    Raises:
        ClientError: no operation has this path, or the body is no JSON object.
    """
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    parameters: JsonObject = {}
    if path.startswith(TAGS_PATH):
        parameters["resourceArn"] = path.removeprefix(TAGS_PATH)
        path = TAGS_TEMPLATE
    operation = list_operation_paths().get((method, path))
    if operation is None:
        raise ClientError(f"AWS Batch has no operation at {method} {path}")
    query = parse_qs(environ.get("QUERY_STRING", ""))
    if "tagKeys" in query:
        parameters["tagKeys"] = query["tagKeys"]
    body = environ["wsgi.input"].getvalue()
    if body:
        try:
            given = json.loads(body)
        except ValueError:
            raise ClientError("The request body is no JSON") from None
        if not isinstance(given, dict):
            raise ClientError("The request body is no JSON object")
        parameters.update(given)
    return operation, parameters
