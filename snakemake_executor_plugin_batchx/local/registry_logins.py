"""The logins of ECR: a password of its own for everybody who asks for one."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.local.iam.principals import Principal

USER = "AWS"
LOGIN_SECONDS = 12 * 3600
"""Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html"""


class UnknownLoginError(Exception):
    """ECR gave nobody this password."""


class ExpiredLoginError(Exception):
    """The password's time is over."""


@dataclass(frozen=True)
class RegistryLogin:
    """A password, whose it is, and until when it holds (seconds since 1970)."""

    password: str
    principal: Principal
    expiry: float


class RegistryLogins:
    """All that are out. Any thread may ask.

    Args:
        read_now: the time, in seconds since 1970.
    """

    def __init__(self, read_now: Callable[[], float]):
        self._read_now = read_now
        self._lock = threading.Lock()
        self._by_password: dict[str, RegistryLogin] = {}

    def issue(self, principal: Principal) -> RegistryLogin:
        """A new login; what the principal may do with it is seen when it is used."""
        now = self._read_now()
        login = RegistryLogin(secrets.token_urlsafe(64), principal, now + LOGIN_SECONDS)
        with self._lock:
            self._by_password[login.password] = login
            self._forget(now - LOGIN_SECONDS)
        return login

    def find(self, username: str, password: str) -> Principal:
        """Whose login it is.

        Raises:
            UnknownLoginError: nobody's.
            ExpiredLoginError: its time is over.
        """
        with self._lock:
            login = self._by_password.get(password)
        if login is None or username != USER:
            raise UnknownLoginError
        if login.expiry <= self._read_now():
            raise ExpiredLoginError
        return login.principal

    def _forget(self, before: float) -> None:
        """Drops those that expired before a time; the first that were issued expire first."""
        while (oldest := next(iter(self._by_password.values()))).expiry < before:
            del self._by_password[oldest.password]
