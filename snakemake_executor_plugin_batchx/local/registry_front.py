"""ECR's registry: in front of one of this machine, it lets in whom IAM lets in.

A request comes with a login that GetAuthorizationToken gave out, and goes on with the login of the
registry behind. A plain registry creates repositories by itself and overwrites tags that ECR would
protect. Sources of the words: https://github.com/NVIDIA/enroot/issues/59 and
https://github.com/mdlavin/copy-docker-image/issues/5 (no login),
https://github.com/aws/aws-cli/issues/6580 (an old one),
https://github.com/ministryofjustice/cloud-platform/issues/7245 (no permission) and
https://github.com/moby/buildkit/issues/1194 (what ECR does not take)
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from email.message import Message

from snakemake_executor_plugin_batchx.local.iam.authority import AccessDeniedError, Authority
from snakemake_executor_plugin_batchx.local.iam.keys import make_request_keys
from snakemake_executor_plugin_batchx.local.iam.principals import Principal
from snakemake_executor_plugin_batchx.local.iam.refusals import (
    FORBIDDEN,
    UNAUTHORIZED,
    Answer,
    Headers,
)
from snakemake_executor_plugin_batchx.local.iam.registry_needs import list_registry_needs
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.launch import RegistryAccess
from snakemake_executor_plugin_batchx.local.registry_logins import (
    USER,
    ExpiredLoginError,
    RegistryLogins,
    UnknownLoginError,
)

BASIC = "Basic "
CHALLENGE = 'Basic realm="http://{host}/",service="ecr.amazonaws.com"'
NO_LOGIN = "Not Authorized\n"
OLD_LOGIN = "Your authorization token has expired. Reauthenticate and try again."
NOT_TAKEN = "405 Method Not Allowed"
UNSUPPORTED = "The operation is unsupported."
OF_ALL: Headers = [("Docker-Distribution-Api-Version", "registry/2.0")]


@dataclass(frozen=True)
class RegistryRequest:
    """A request as far as the question goes who may make it; ``target`` is path and query."""

    method: str
    target: str
    headers: Message
    source_ip: str


class RegistryFront:
    """See the module.

    Args:
        identity: account and region.
        authority: decides.
        logins: those that are out.
        behind: the registry that has the images.
    """

    def __init__(
        self,
        identity: Identity,
        authority: Authority,
        logins: RegistryLogins,
        behind: RegistryAccess,
    ):
        self._identity = identity
        self._authority = authority
        self._logins = logins
        self._behind = behind

    @property
    def host_behind(self) -> str:
        """Where requests go on to."""
        return self._behind.host

    def make_authorization(self) -> str:
        """The login with which requests go on."""
        pair = f"{USER}:{self._behind.read_password()}"
        return BASIC + base64.b64encode(pair.encode()).decode()

    def find_refusal(self, request: RegistryRequest) -> Answer | None:
        """What the sender of a request is told instead of an answer; None if it is let in."""
        try:
            principal = self._find_principal(request.headers.get("Authorization", ""))
            needs = list_registry_needs(request.method, request.target, self._identity)
            if needs is None:
                return _refuse(request, NOT_TAKEN, "UNSUPPORTED", UNSUPPORTED)
            user_agent = request.headers.get("User-Agent", "")
            keys = make_request_keys(request.source_ip, user_agent)
            self._authority.check(principal, needs, keys)
        except UnknownLoginError:
            challenge = CHALLENGE.format(host=request.headers.get("Host", ""))
            headers = [("WWW-Authenticate", challenge), ("Content-Type", "text/plain")]
            return _answer(request, UNAUTHORIZED, headers, NO_LOGIN)
        except ExpiredLoginError:
            return _refuse(request, FORBIDDEN, "DENIED", OLD_LOGIN)
        except AccessDeniedError as error:
            return _refuse(request, FORBIDDEN, "DENIED", str(error))
        return None

    def _find_principal(self, authorization: str) -> Principal:
        """Whose login a request has.

        Raises:
            UnknownLoginError: nobody's.
            ExpiredLoginError: its time is over.
        """
        scheme, _, token = authorization.partition(" ")
        try:
            pair = base64.b64decode(token, validate=True).decode()
        except (binascii.Error, ValueError):
            raise UnknownLoginError from None
        if scheme.title() != BASIC.strip():
            raise UnknownLoginError
        username, _, password = pair.partition(":")
        return self._logins.find(username, password)


def _refuse(request: RegistryRequest, status: str, code: str, message: str) -> Answer:
    """Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes."""
    text = json.dumps({"errors": [{"code": code, "message": message}]})
    return _answer(request, status, [("Content-Type", "application/json")], text)


def _answer(request: RegistryRequest, status: str, headers: Headers, text: str) -> Answer:
    body = b"" if request.method == "HEAD" else text.encode()
    return Answer(status, [*OF_ALL, *headers], body)
