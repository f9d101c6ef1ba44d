"""Logging in to a registry: Basic, Bearer and anonymous, as its challenge says."""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from snakemake_executor_plugin_batchx.images.credentials import Credential, CredentialSource
from snakemake_executor_plugin_batchx.images.errors import RegistryError
from snakemake_executor_plugin_batchx.images.reference import is_local_host

DEFAULT_TOKEN_SECONDS = 60.0
"""https://distribution.github.io/distribution/spec/auth/token/#token-response-fields"""

EARLY_SECONDS = 15.0
"""A token is renewed this long before it expires."""

CLIENT_NAME = "batchx"

_CHALLENGE = re.compile(r"(?i)\b(basic|bearer)\b((?:\s*,?\s*\w+=(?:\"[^\"]*\"|[^\s,]+))*)")
_PARAMETER = re.compile(r"(\w+)=(?:\"([^\"]*)\"|([^\s,]+))")


@dataclass(frozen=True)
class Challenge:
    """What a registry wants: `scheme` is basic or bearer; realm and service are for bearer."""

    scheme: str
    realm: str = ""
    service: str = ""


def read_challenge(header: str) -> Challenge | None:
    """Return what WWW-Authenticate asks for, bearer rather than basic; None if neither."""
    found = {}
    for scheme, parameters in _CHALLENGE.findall(header):
        values = {name: quoted or bare for name, quoted, bare in _PARAMETER.findall(parameters)}
        found[scheme.lower()] = Challenge(
            scheme.lower(), values.get("realm", ""), values.get("service", "")
        )
    return found.get("bearer") or found.get("basic")


@dataclass(frozen=True)
class TokenRequest:
    """A request to a token server; `form` makes it a POST."""

    url: str
    authorization: str = ""
    form: str = ""


def plan_token_request(
    challenge: Challenge, scope: str, credential: Credential | None
) -> TokenRequest:
    """Return how to ask for a token: with a password, an identity token, or as nobody.

    `scope` may hold several, separated by blanks.
    https://distribution.github.io/distribution/spec/auth/token/ and …/auth/oauth/
    """
    if credential and credential.is_identity_token:
        form = {
            "grant_type": "refresh_token",
            "service": challenge.service,
            "client_id": CLIENT_NAME,
            "scope": scope,
            "refresh_token": credential.password,
        }
        return TokenRequest(challenge.realm, form=urlencode(form))
    query = [("service", challenge.service)] if challenge.service else []
    query += [("scope", one) for one in scope.split()]
    joint = "&" if "?" in challenge.realm else "?"
    url = f"{challenge.realm}{joint}{urlencode(query)}"
    return TokenRequest(url, credential.basic if credential else "")


class Login:
    """Keeps what a registry wants and what we have for it. Safe to use from many threads.

    `fetch` makes a token request and returns the answer's body.
    """

    def __init__(
        self,
        host: str,
        source: CredentialSource,
        fetch: Callable[[TokenRequest], bytes],
        clock: Callable[[], float],
    ) -> None:
        self._host = host
        self._source = source
        self._fetch = fetch
        self._clock = clock
        self._challenge: Challenge | None = None
        self._tokens: dict[str, tuple[str, float]] = {}
        self._lock = threading.Lock()

    def is_logged_in(self) -> bool:
        """Return True if there are credentials for this registry."""
        return self._source(False) is not None

    def make_header(self, scope: str) -> str:
        """Return the Authorization to send for a scope, empty for none.

        Basic is sent unasked: it saves a refused request, and goes to whom it is for.
        """
        with self._lock:
            if self._challenge and self._challenge.scheme == "bearer":
                return self._provide_token(self._challenge, scope)
            credential = self._source(False)
            is_password = credential is not None and not credential.is_identity_token
            return credential.basic if credential and is_password else ""

    def renew(self, challenge_header: str, scope: str, sent: str) -> bool:
        """Take in a refusal of `sent`; return True if there is something new to send.

        Without a challenge in the answer (ECR's expired tokens) the known one holds.
        """
        with self._lock:
            challenge = read_challenge(challenge_header) or self._challenge
            if challenge is None:
                challenge = Challenge("basic")
            self._challenge = challenge
            if challenge.scheme == "basic":
                return self._renew_password(sent)
            known, _ = self._tokens.get(scope, ("", 0.0))
            if known and sent == f"Bearer {known}":
                del self._tokens[scope]
                self._source(True)
            return bool(self._provide_token(challenge, scope))

    def _renew_password(self, sent: str) -> bool:
        credential = self._source(False)
        if credential and credential.basic == sent:
            credential = self._source(True)
        return credential is not None and credential.basic != sent

    def _provide_token(self, challenge: Challenge, scope: str) -> str:
        token, expiry = self._tokens.get(scope, ("", 0.0))
        if not token or expiry <= self._clock():
            self._refuse_plain_realm(challenge.realm)
            body = self._fetch(plan_token_request(challenge, scope, self._source(False)))
            token, seconds = self._read_token(body)
            self._tokens[scope] = (token, self._clock() + seconds - EARLY_SECONDS)
        return f"Bearer {token}"

    def _read_token(self, body: bytes) -> tuple[str, float]:
        try:
            answer: dict[str, Any] = json.loads(body)
            token = str(answer.get("token") or answer["access_token"])
            return token, float(answer.get("expires_in") or DEFAULT_TOKEN_SECONDS)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise RegistryError(
                f"The token server of {self._host} answers without a token: try again later.",
                kind="trouble",
            ) from error

    def _refuse_plain_realm(self, realm: str) -> None:
        """Credentials go to a token server by TLS, or to this machine."""
        address = urlsplit(realm)
        if address.scheme == "https" or (
            address.scheme == "http" and is_local_host(address.netloc)
        ):
            return
        raise RegistryError(
            f"{self._host} sends for a login to {address.netloc or realm} without encryption, "
            "which batchx does not follow: use a registry that logs in by https.",
            kind="login",
        )
