"""The embedded AWS as one HTTP application: Batch is ours, moto serves the rest.

What moto lacks of ECR is ours, too. Requests are told apart by the service in their signature's
credential scope, as moto does it.
Three pages are our own: ``/_batchx/calls`` (how often what was called),
``/_batchx/permissions`` (what each principal was allowed and denied) and
``/_batchx/credentials/…`` (of ``role/<role>/<session>`` or
``instance-profile/<profile>/<session>``, as ECS and EC2 serve them).
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from snakemake_executor_plugin_batchx.local.batch_request import read_batch_request
from snakemake_executor_plugin_batchx.local.ecr import EmbeddedEcr
from snakemake_executor_plugin_batchx.local.ecr_images import EcrError
from snakemake_executor_plugin_batchx.local.engine import Engine
from snakemake_executor_plugin_batchx.local.errors import BatchError, ClientError
from snakemake_executor_plugin_batchx.local.host_calls import (
    DESCRIBE_HOSTS,
    answer_ecs,
    describe_instances,
)
from snakemake_executor_plugin_batchx.local.http_server import Headers, StartResponse
from snakemake_executor_plugin_batchx.local.iam.authority import Authority
from snakemake_executor_plugin_batchx.local.iam.gate import Gate, RefusedError, Visitor
from snakemake_executor_plugin_batchx.local.iam.principals import Principal
from snakemake_executor_plugin_batchx.local.iam.resource_names import AccountNames
from snakemake_executor_plugin_batchx.local.iam.s3_door import S3Door
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.s3_guard import (
    find_bad_digest,
    hold_conditional_write,
    name_checksum_algorithm,
)
from snakemake_executor_plugin_batchx.local.shapes import JsonObject
from snakemake_executor_plugin_batchx.local.throttle import Throttle

CALLS_PATH = "/_batchx/calls"
PERMISSIONS_PATH = "/_batchx/permissions"
CREDENTIALS_PATH = "/_batchx/credentials/"
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
        identity: account and region; calls of Batch, and of CloudFormation, which makes things of
            Batch's, are refused where they are signed for another region.
        authority: knows who may what.
        ecr: answers of ECR's calls what moto does not.
    """

    def __init__(self, engine: Engine, identity: Identity, authority: Authority, ecr: EmbeddedEcr):
        self._engine = engine
        self._region = identity.region
        self._identity = identity
        self._authority = authority
        self._gate = Gate(identity, authority, engine.find_tags)
        self._names = AccountNames(identity, authority.sessions)
        self._ecr = ecr
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._s3 = S3Door(self._gate, identity.partition, self._moto)
        self._throttle = Throttle(time.monotonic)
        self.calls = CallCounter()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answers one request."""
        path = environ["PATH_INFO"]
        if path == CALLS_PATH:
            return _send_json(start_response, "200 OK", self.calls.copy())
        if path == PERMISSIONS_PATH:
            return _send_json(start_response, "200 OK", self._authority.record.copy())
        if path.startswith(CREDENTIALS_PATH):
            return self._answer_credentials(path.removeprefix(CREDENTIALS_PATH), start_response)
        try:
            visitor = self._gate.admit(environ)
        except RefusedError as refused:
            start_response(refused.answer.status, refused.answer.headers)
            return [refused.answer.body]
        return self._answer(environ, start_response, visitor)

    def _answer(
        self, environ: dict[str, Any], start_response: StartResponse, visitor: Visitor | None
    ) -> Iterable[bytes]:
        service = "unsigned" if visitor is None else visitor.service
        if visitor is not None and service == "batch":
            return self._answer_batch(environ, start_response, visitor.region)
        if visitor is not None and service == "ecr":
            return self._answer_ecr(environ, start_response, visitor.principal)
        self.calls.add(f"{service}.{environ['REQUEST_METHOD']}")
        if service == "s3":
            return self._answer_s3(environ, start_response, visitor)
        if visitor is not None and service in {"ecs", "ec2"}:
            return self._answer_hosts(environ, start_response, service)
        if service == "cloudformation" and visitor is not None:
            return self._answer_stacks(environ, start_response, visitor.region)
        answer: Iterable[bytes] = self._moto(environ, start_response)
        return answer

    def forget_calls(self) -> None:
        """Counts calls, and what was allowed and denied, from zero."""
        self.calls.clear()
        self._authority.record.clear()

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
                raise ClientError(self._tell_region(region))
            answer = self._engine.call(operation, parameters)
        except BatchError as error:
            message = error.message
            if error.is_framed:
                message = ERROR_FRAME.format(message=message, request_id=request_id)
            headers.append(("x-amzn-errortype", error.code))
            status = f"{error.http_status} {error.code}"
            return _send_json(start_response, status, {"message": message}, headers)
        return _send_json(start_response, "200 OK", answer, headers)

    def _answer_stacks(
        self, environ: dict[str, Any], start_response: StartResponse, region: str
    ) -> Iterable[bytes]:
        if region != self._region:
            # A stack's queues would be in this region, and all else in that one.
            return _send_query_error(start_response, self._tell_region(region))
        answer: Iterable[bytes] = self._moto(environ, start_response)
        return answer

    def _tell_region(self, region: str) -> str:
        return f"The embedded AWS is in {self._region}, not in {region}"

    def _answer_ecr(
        self, environ: dict[str, Any], start_response: StartResponse, principal: Principal
    ) -> Iterable[bytes]:
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        self.calls.add(f"ecr.{operation}")
        try:
            parameters = json.loads(environ["wsgi.input"].getvalue() or b"{}")
            answer = self._ecr.answer(operation, parameters, principal)
        except EcrError as error:
            refusal = {"__type": error.code, "message": error.message}
            return _send_json(start_response, "400 Bad Request", refusal)
        if answer is not None:
            return _send_json(start_response, "200 OK", answer)
        return [self._ecr.name_registry(b"".join(self._moto(environ, start_response)))]

    def _answer_hosts(
        self, environ: dict[str, Any], start_response: StartResponse, service: str
    ) -> Iterable[bytes]:
        """Tell of the hosts of compute environments; what else is asked goes to moto."""
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        body: bytes = environ["wsgi.input"].getvalue()
        environments = self._engine.list_environments()
        if service == "ecs" and operation == DESCRIBE_HOSTS:
            start_response("200 OK", [("Content-Type", "application/x-amz-json-1.1")])
            return [answer_ecs(body, environments, self._identity)]
        answer = (
            describe_instances(body, environments, self._identity) if service == "ec2" else None
        )
        if answer is None:
            moto: Iterable[bytes] = self._moto(environ, start_response)
            return moto
        start_response("200 OK", [("Content-Type", "text/xml")])
        return [answer]

    def _answer_s3(
        self, environ: dict[str, Any], start_response: StartResponse, visitor: Visitor | None
    ) -> Iterable[bytes]:
        body = environ["wsgi.input"].getvalue()
        bad = find_bad_digest(environ, body)
        if bad is not None:
            message = f"The {bad} you specified did not match what we received."
            return _send_s3_error(start_response, "400 Bad Request", "BadDigest", message)
        name_checksum_algorithm(environ)
        with hold_conditional_write(environ):
            return self._s3.answer(environ, start_response, visitor)

    def _answer_credentials(self, place: str, start_response: StartResponse) -> Iterable[bytes]:
        """Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html."""
        kind, holder, name = [*place.split("/"), "", ""][:3]
        role = self._names.find_profile_role(holder) if kind == "instance-profile" else holder
        session = self._authority.sessions.provide(role, name) if role and name else None
        if session is None:
            refusal = {"code": "NoIdInRequest", "message": f"There is no session {place}."}
            return _send_json(start_response, "404 Not Found", refusal)
        credentials = {
            "RoleArn": session.role_arn,
            "AccessKeyId": session.access_key_id,
            "SecretAccessKey": session.secret_access_key,
            "Token": session.session_token,
            "Expiration": session.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return _send_json(start_response, "200 OK", credentials)


def _send_json(
    start_response: Callable[..., Any],
    status: str,
    content: JsonObject,
    headers: Headers | None = None,
) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "application/json"), *(headers or [])])
    return [json.dumps(content).encode()]


def _send_query_error(start_response: StartResponse, message: str) -> Iterable[bytes]:
    """As CloudFormation refuses what is not valid."""
    start_response("400 Bad Request", [("Content-Type", "text/xml")])
    error = f"<Type>Sender</Type><Code>ValidationError</Code><Message>{message}</Message>"
    return [f"<ErrorResponse><Error>{error}</Error></ErrorResponse>".encode()]


def _send_s3_error(
    start_response: StartResponse, status: str, code: str, message: str
) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "application/xml")])
    text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return [text.encode()]
