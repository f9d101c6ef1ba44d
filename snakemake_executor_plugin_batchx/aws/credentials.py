"""Credentials as boto3 finds them, and found anew when they end while a run goes on.

botocore renews what it knows the end of (an assumed role, SSO, a process), but raises where that
fails, and keeps what a file said once. A run of days outlives an SSO session: here it waits until
the user has signed in again.
"""

import functools
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import botocore.exceptions
import botocore.session

from snakemake_executor_plugin_batchx.aws.credential_words import (
    AGAIN,
    EXPIRED,
    EXPIRED_CODES,
    MEANWHILE,
    CredentialsLostError,
    ExpiredError,
    explain_trouble,
)
from snakemake_executor_plugin_batchx.errors import BatchxError

RETRY_SECONDS = 5.0
"""How often credentials are looked for while there are none."""

MAX_ATTEMPTS = 5
"""A request that is refused as often as this with new credentials has another trouble."""

ENVIRONMENT = "env"
"""What botocore calls credentials of environment variables, which nobody can change from outside
(botocore/credentials.py, EnvProvider)."""

ENVIRONMENT_ENDED = (
    f"{EXPIRED.what}, and those of environment variables cannot change while this runs: set new "
    f"ones, or name a profile, which is read again,{AGAIN}."
)

RENEWAL_ERRORS = (
    botocore.exceptions.BotoCoreError,
    botocore.exceptions.ClientError,
    OSError,  # a token's file, a process's program
    EOFError,  # nobody types an MFA code
    RuntimeError,  # what is new has ended, too
    BatchxError,
)
"""What the search for credentials raises."""

_SIGNED_WITH = re.compile(r"Credential=([^/]+)/")


@dataclass
class Renewal:
    """What becomes of a run without credentials: once it `has_begun` it waits, or ends in order.

    `wait` takes seconds and returns whether nobody wants to wait any longer, `tell` takes a
    sentence. `lost` is one once there is nothing to wait for.
    """

    wait: Callable[[float], bool] = lambda _seconds: True
    tell: Callable[[str], object] = lambda _sentence: None
    has_begun: bool = False
    lost: str = ""
    _is_told: bool = field(default=False, init=False)

    def note_renewed(self) -> None:
        """Note that there are credentials again."""
        if self._is_told:
            self.tell("There are AWS credentials again: the run goes on.")
        self._is_told = False

    def await_next(self, error: Exception, method: str, profile: str | None) -> None:
        """Wait until it is time to look again. Raises CredentialsLostError where that is no use."""
        if not self.has_begun:
            raise CredentialsLostError(sentence=explain_trouble(error, profile)) from error
        if method == ENVIRONMENT or isinstance(error, BatchxError):
            self.lost = str(error) if isinstance(error, BatchxError) else ENVIRONMENT_ENDED
            raise CredentialsLostError(sentence=self.lost) from error
        if not self._is_told:
            self._is_told = True
            self.tell(explain_trouble(error, profile, MEANWHILE))
        if self.wait(RETRY_SECONDS):
            raise CredentialsLostError(sentence=explain_trouble(error, profile)) from error


class LastingCredentials:
    """botocore's credentials; whoever signs asks for them at each request. For many threads.

    `search` looks for credentials as at the start of the run, and returns None or botocore's.
    """

    def __init__(
        self,
        found: Any,
        search: Callable[[], Any],
        renewal: Renewal,
        profile: str | None = None,
    ) -> None:
        self._current = found
        self._search = search
        self._renewal = renewal
        self._profile = profile
        self._lock = threading.Lock()
        self._sent = threading.local()
        self.method: str = found.method

    @property
    def access_key(self) -> str:
        """The key's id, as botocore's credentials have it."""
        return str(self.get_frozen_credentials().access_key)

    @property
    def secret_key(self) -> str:
        """The secret, as botocore's credentials have it."""
        return str(self.get_frozen_credentials().secret_key)

    @property
    def token(self) -> str | None:
        """The session's token, as botocore's credentials have it."""
        token: str | None = self.get_frozen_credentials().token
        return token

    @property
    def account_id(self) -> str | None:
        """The account, where it is known."""
        account: str | None = getattr(self.get_frozen_credentials(), "account_id", None)
        return account

    def get_deferred_property(self, name: str) -> Callable[[], Any]:
        """Return what tells a property when it is wanted, as botocore's credentials do."""
        return lambda: getattr(self, name)

    def get_frozen_credentials(self) -> Any:
        """Return credentials for one request, new ones if need be.

        Raises CredentialsLostError where there are none and nobody waits for them.
        """
        current = self._current
        try:
            return current.get_frozen_credentials()
        except RENEWAL_ERRORS as error:
            return self._renew(current, error)

    def install(self, core: Any) -> None:
        """Make them those of a botocore session, all of whose clients are still to be made."""
        core.register_component("credential_provider", self)
        core.register("before-send", self._note_sent)
        core.register("needs-retry", self._judge_answer)

    def load_credentials(self) -> "LastingCredentials":
        """Return them, as botocore's chain of providers does."""
        return self

    def _note_sent(self, request: Any, **_: Any) -> None:
        signed = request.headers.get("Authorization", b"")
        text = signed.decode("latin-1") if isinstance(signed, bytes) else signed
        found = _SIGNED_WITH.search(text)
        self._sent.key = found.group(1) if found else ""

    def _judge_answer(
        self, response: tuple[Any, Mapping[str, Any]] | None, attempts: int, **_: Any
    ) -> int | None:
        """Have a request sent again, by returning 0, whose session is over but has a successor.

        https://github.com/boto/botocore/blob/develop/botocore/endpoint.py, _needs_retry
        """
        error = response[1].get("Error", {}) if response is not None else {}
        if error.get("Code") not in EXPIRED_CODES or attempts >= MAX_ATTEMPTS:
            return None
        current = self._current
        refused = getattr(self._sent, "key", "")
        try:
            if current.get_frozen_credentials().access_key == refused:
                self._renew(current, ExpiredError(), refused)
        except RENEWAL_ERRORS:
            return None  # AWS's answer says what is wrong
        return 0

    def _renew(self, ended: Any, error: Exception, refused: str = "") -> Any:
        """Replace credentials that have ended, once for all threads; return the new ones."""
        with self._lock:
            while True:
                try:
                    found = self._current if self._current is not ended else self._search()
                    frozen = found.get_frozen_credentials() if found is not None else None
                    if frozen is not None and frozen.access_key != refused:
                        self._current = found
                        self._renewal.note_renewed()
                        return frozen
                except RENEWAL_ERRORS as again:
                    error = again
                    ended = self._current
                self._renewal.await_next(error, self.method, self._profile)


def open_core(profile: str | None) -> Any:
    """Return a botocore session with a profile. Raises BatchxError where it is unknown."""
    core = botocore.session.get_session()
    if profile:
        core.set_config_variable("profile", profile)
    try:
        core.get_scoped_config()
    except botocore.exceptions.ProfileNotFound as error:
        source = (
            f"--batchx-profile {profile!r}"
            if profile
            else f"AWS_PROFILE {os.environ.get('AWS_PROFILE')!r}"
        )
        raise BatchxError(
            f"{source} is not in ~/.aws/config: name one that is (aws configure list-profiles)."
        ) from error
    except botocore.exceptions.ConfigParseError as error:
        raise BatchxError(f"{error}: mend the file, or name another in AWS_CONFIG_FILE.") from error
    return core


def find_credentials(
    core: Any, profile: str | None, region: str | None, renewal: Renewal | None = None
) -> LastingCredentials:
    """Return the credentials of a botocore session's clients, all of which are still to be made.

    They are had at once, so that who is not signed in is told now. Raises BatchxError where there
    are none. `renewal` is None where nobody waits for new ones.
    """
    search = functools.partial(search_credentials, profile, region)
    used = profile or os.environ.get("AWS_PROFILE")
    try:
        found = search()
        if found is None:
            raise botocore.exceptions.NoCredentialsError
        found.get_frozen_credentials()
    except BatchxError:
        raise
    except RENEWAL_ERRORS as error:
        raise BatchxError(explain_trouble(error, used)) from error
    # What it writes of each search in vain, with a traceback, is told in a sentence.
    for name in ("botocore.credentials", "botocore.tokens"):
        logging.getLogger(name).setLevel(logging.ERROR)
    lasting = LastingCredentials(found, search, renewal or Renewal(), used)
    if region:
        core.set_config_variable("region", region)
    lasting.install(core)
    return lasting


def has_own_terminal() -> bool:
    """Tell whether somebody can be asked, as getpass finds out."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return sys.stdin is not None and sys.stdin.isatty()
    return True


def search_credentials(
    profile: str | None,
    region: str | None,
    environ: Mapping[str, str] = os.environ,
    has_terminal: Callable[[], bool] = has_own_terminal,
) -> Any:
    """Return botocore's credentials, looked for in the order that boto3 has; None without any.

    A profile that is named counts more than keys in the environment
    (https://docs.aws.amazon.com/boto3/latest/guide/credentials.html). Raises what botocore does, or
    BatchxError where an MFA code is needed and nobody can be asked.
    """
    core = botocore.session.get_session()
    if profile:
        core.set_config_variable("profile", profile)
    if region:
        core.set_config_variable("region", region)
    if profile or "AWS_ACCESS_KEY_ID" not in environ:
        used = profile or environ.get("AWS_PROFILE", "default")
        serial = find_mfa_serial(core.full_config.get("profiles", {}), used)
        if serial and not has_terminal():
            raise BatchxError(
                f"AWS profile {used} needs a code of MFA device {serial}, and there is no terminal "
                "to ask for one on: start in a terminal, or name a profile that needs none."
            )
    return core.get_credentials()


def find_mfa_serial(profiles: Mapping[str, Mapping[str, str]], name: str) -> str:
    """Return the MFA device that a profile, or one that it builds on, names; "" without one.

    https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-role.html
    """
    seen: set[str] = set()
    while name and name not in seen:
        seen.add(name)
        told = profiles.get(name, {})
        if "role_arn" not in told:
            return ""
        if "mfa_serial" in told:
            return told["mfa_serial"]
        name = told.get("source_profile", "")
    return ""
