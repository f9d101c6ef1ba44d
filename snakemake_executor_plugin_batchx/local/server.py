"""The embedded AWS as one HTTP application: Batch is ours, moto serves the rest.

What moto lacks of ECR is ours, too. Requests are told apart by the service in their signature's
credential scope, as moto does it.
Two pages are our own: ``/_batchx/calls`` (how often what was called),
``/_batchx/credentials/<role>`` (as ECS serves them).
"""

from __future__ import annotations

import datetime
import json
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from snakemake_executor_plugin_batchx.local.ecr import EmbeddedEcr
from snakemake_executor_plugin_batchx.local.ecr_images import EcrError
from snakemake_executor_plugin_batchx.local.engine import Engine
from snakemake_executor_plugin_batchx.local.errors import BatchError, ClientError
from snakemake_executor_plugin_batchx.local.http_server import Headers, StartResponse
from snakemake_executor_plugin_batchx.local.identity import Credentials
from snakemake_executor_plugin_batchx.local.s3_guard import (
    find_bad_digest,
    hold_conditional_write,
    name_checksum_algorithm,
)
from snakemake_executor_plugin_batchx.local.shapes import JsonObject, list_operation_paths
from snakemake_executor_plugin_batchx.local.throttle import Throttle

CALLS_PATH = "/_batchx/calls"
CREDENTIALS_PATH = "/_batchx/credentials/"
TAGS_PATH = "/v1/tags/"
TAGS_TEMPLATE = "/v1/tags/{resourceArn}"

SCOPE = re.compile(r"Credential=[^/]+/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")
ERROR_FRAME = "Error executing request, Exception : {message}, RequestId: {request_id}"
"""How AWS Batch frames its refusals. Seen in https://github.com/pegasus-isi/pegasus/issues/2086."""


class CallCounter:
    """How often each operation was called: ``batch.SubmitJob``, ``s3.GET``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, name: str) -> None:
        """Counts one call."""
        with self._lock:
            self._counts[name] += 1

    def clear(self) -> None:
        """Starts at zero."""
        with self._lock:
            self._counts.clear()

    def copy(self) -> dict[str, int]:
        """The counts so far."""
        with self._lock:
            return dict(self._counts)


class EmbeddedAwsApplication:
    """WSGI: routes a request to the Batch, to moto, or to a page of our own.

    Args:
        engine: answers Batch's calls.
        region: of the embedded Batch; calls signed for another are refused.
        credentials: the key pair that roles get.
        ecr: answers of ECR's calls what moto does not.
    """

    def __init__(self, engine: Engine, region: str, credentials: Credentials, ecr: EmbeddedEcr):
        self._engine = engine
        self._region = region
        self._credentials = credentials
        self._ecr = ecr
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._throttle = Throttle(time.monotonic)
        self.calls = CallCounter()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answers one request."""
        path = environ["PATH_INFO"]
        if path == CALLS_PATH:
            return _send_json(start_response, "200 OK", self.calls.copy())
        if path.startswith(CREDENTIALS_PATH):
            return _send_json(start_response, "200 OK", self._make_credentials(path))
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        service = scope["service"] if scope else "unsigned"
        if scope is not None and service == "batch":
            return self._answer_batch(environ, start_response, scope["region"])
        if service == "ecr":
            return self._answer_ecr(environ, start_response)
        self.calls.add(f"{service}.{environ['REQUEST_METHOD']}")
        if service == "s3":
            return self._answer_s3(environ, start_response)
        answer: Iterable[bytes] = self._moto(environ, start_response)
        return answer

    def _answer_batch(
        self, environ: dict[str, Any], start_response: StartResponse, region: str
    ) -> Iterable[bytes]:
        request_id = str(uuid.uuid4())
        headers = [("x-amzn-RequestId", request_id)]
        try:
            operation, parameters = read_batch_request(environ)
            self.calls.add(f"batch.{operation}")
            self._throttle.take()
            if region != self._region:
                raise ClientError(f"The embedded Batch is in {self._region}, not in {region}")
            answer = self._engine.call(operation, parameters)
        except BatchError as error:
            message = error.message
            if error.is_framed:
                message = ERROR_FRAME.format(message=message, request_id=request_id)
            headers.append(("x-amzn-errortype", error.code))
            status = f"{error.http_status} {error.code}"
            return _send_json(start_response, status, {"message": message}, headers)
        return _send_json(start_response, "200 OK", answer, headers)

    def _answer_ecr(
        self, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        self.calls.add(f"ecr.{operation}")
        try:
            parameters = json.loads(environ["wsgi.input"].getvalue() or b"{}")
            answer = self._ecr.answer(operation, parameters)
        except EcrError as error:
            refusal = {"__type": error.code, "message": error.message}
            return _send_json(start_response, "400 Bad Request", refusal)
        if answer is not None:
            return _send_json(start_response, "200 OK", answer)
        return [self._ecr.name_registry(b"".join(self._moto(environ, start_response)))]

    def _answer_s3(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        body = environ["wsgi.input"].getvalue()
        bad = find_bad_digest(environ, body)
        if bad is not None:
            message = f"The {bad} you specified did not match what we received."
            return _send_s3_error(start_response, "400 Bad Request", "BadDigest", message)
        name_checksum_algorithm(environ)
        with hold_conditional_write(environ):
            answer: Iterable[bytes] = self._moto(environ, start_response)
            return answer

    def _make_credentials(self, path: str) -> JsonObject:
        """Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html."""
        expiration = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=6)
        return {
            "RoleArn": path.removeprefix(CREDENTIALS_PATH),
            "AccessKeyId": self._credentials.access_key_id,
            "SecretAccessKey": self._credentials.secret_access_key,
            "Token": f"embedded-{path.removeprefix(CREDENTIALS_PATH)}",
            "Expiration": expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


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
    body = environ["wsgi.input"].read()
    if body:
        try:
            given = json.loads(body)
        except ValueError:
            raise ClientError("The request body is no JSON") from None
        if not isinstance(given, dict):
            raise ClientError("The request body is no JSON object")
        parameters.update(given)
    return operation, parameters


def _send_json(
    start_response: Callable[..., Any],
    status: str,
    content: JsonObject,
    headers: Headers | None = None,
) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "application/json"), *(headers or [])])
    return [json.dumps(content).encode()]


def _send_s3_error(
    start_response: StartResponse, status: str, code: str, message: str
) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "application/xml")])
    text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return [text.encode()]
