"""Credentials for registries, as `docker login` leaves them on this machine."""

import base64
import binascii
import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.reference import DOCKER_HUB_NAMES

DOCKER_HUB_KEY = "https://index.docker.io/v1/"
"""Docker Hub's name in config.json and for credential helpers."""

IDENTITY_USER = "<token>"
"""The user name that says: the password is an identity token
(https://github.com/docker/docker-credential-helpers)."""

HELPER_SECONDS = 60


@dataclass(frozen=True)
class Credential:
    """A user and password, or an identity token, which only a token server takes."""

    user: str
    password: str = field(repr=False)
    is_identity_token: bool = False

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


CredentialSource = Callable[[bool], Credential | None]
"""Returns credentials, new ones if asked for by True; None where there are none."""


def keep_until_renewal(find: Callable[[], Credential | None]) -> CredentialSource:
    """Return a source that asks `find` once, and again each time new credentials are wanted."""
    kept: list[Credential | None] = []

    def get(is_renewal: bool) -> Credential | None:
        if is_renewal or not kept:
            kept[:] = [find()]
        return kept[0]

    return get


LoginReader = Callable[[str], Credential]
"""Reads a registry's login from the secret of an ARN; raises BatchxError where it cannot."""


def interpret_login(arn: str, text: str) -> Credential:
    """Return the login that a secret holds as ECS wants it; never tells what is in it.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/private-auth.html
    Raises BatchxError where it holds none.
    """
    try:
        content = json.loads(text)
        return Credential(str(content["username"]), str(content["password"]))
    except (ValueError, TypeError, KeyError) as error:
        raise BatchxError(
            f"Secret {arn} does not hold a registry's login: it must be "
            '{"username": "…", "password": "…"}.'
        ) from error


class DockerConfig:
    """The part of docker's config.json that is about logging in.

    https://docs.docker.com/reference/cli/docker/login/#credential-stores
    """

    def __init__(self, content: Mapping[str, Any], search_path: str | None) -> None:
        self._content = content
        self._search_path = search_path

    def find(self, host: str) -> Credential | None:
        """Return the credentials for a registry's host, None where there are none."""
        key = DOCKER_HUB_KEY if host in DOCKER_HUB_NAMES else host
        helper = self._find_helper(key)
        return (helper and self._ask_helper(helper, key)) or self._find_inline(key)

    def make_source(self, host: str) -> CredentialSource:
        """Return a source that looks again each time new credentials are asked for."""
        return keep_until_renewal(lambda: self.find(host))

    def _find_helper(self, key: str) -> str:
        helpers: Mapping[str, Any] = self._content.get("credHelpers") or {}
        by_host = {_strip(name): str(helper) for name, helper in helpers.items()}
        return by_host.get(_strip(key)) or str(self._content.get("credsStore") or "")

    def _ask_helper(self, helper: str, key: str) -> Credential | None:
        """Ask docker-credential-<helper>; one that is missing or knows nothing is no error.

        A public image needs none, and config.json is often copied from another machine.
        """
        program = shutil.which(f"docker-credential-{helper}", path=self._search_path)
        if not program:
            return None
        try:
            done = subprocess.run(
                [program, "get"],
                input=key.encode(),
                capture_output=True,
                timeout=HELPER_SECONDS,
                check=False,
            )
            found = json.loads(done.stdout) if done.returncode == 0 else {}
            user, secret = found.get("Username"), found.get("Secret")
        except (OSError, ValueError, AttributeError, subprocess.TimeoutExpired):
            return None
        return Credential(str(user), str(secret), user == IDENTITY_USER) if secret else None

    def _find_inline(self, key: str) -> Credential | None:
        entries: Mapping[str, Any] = self._content.get("auths") or {}
        for name, entry in entries.items():
            if _strip(name) == _strip(key) and isinstance(entry, dict):
                return _read_entry(entry)
        return None


def _strip(name: str) -> str:
    """Return the host of a key, which may be a URL."""
    host = name.partition("://")[2] or name
    return host.partition("/")[0].lower()


def _read_entry(entry: Mapping[str, Any]) -> Credential | None:
    if entry.get("identitytoken"):
        return Credential(IDENTITY_USER, str(entry["identitytoken"]), is_identity_token=True)
    user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    try:
        decoded = base64.b64decode(entry.get("auth") or "", validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    if decoded:
        user, _, password = decoded.rstrip("\0").partition(":")
    return Credential(user, password) if user and password else None


def read_docker_config(environment: Mapping[str, str]) -> DockerConfig:
    """Read config.json from $DOCKER_CONFIG, else ~/.docker; without one, nobody is logged in.

    Raises BatchxError where the file is damaged or unreadable.
    """
    folder = environment.get("DOCKER_CONFIG")
    home = environment.get("HOME")
    path = (Path(folder) if folder else Path(home or Path.home()) / ".docker") / "config.json"
    search_path = environment.get("PATH")
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return DockerConfig({}, search_path)
    except OSError as error:
        raise BatchxError(f"{path} cannot be read ({error.strerror}): mend it.") from error
    except ValueError as error:
        raise BatchxError(f"{path} is not JSON: mend it, or log in again.") from error
    return DockerConfig(content if isinstance(content, dict) else {}, search_path)
