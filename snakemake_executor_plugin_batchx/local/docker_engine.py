"""The Docker engine of this machine: the few calls of its API that running jobs needs.

Looking images up for a run is images/docker_engine.py's. Source: https://docs.docker.com/reference/api/engine/
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import docker
import docker.errors
import docker.utils
import requests
import urllib3

from snakemake_executor_plugin_batchx.local.docker_pulls import PullCredentials
from snakemake_executor_plugin_batchx.local.shapes import JsonObject

CALL_SECONDS = 300.0
"""How long a call may take: the engine is slow when a hundred containers start at once."""

SAID_BY_DAEMON = "Error response from daemon: "
UNIX_SOCKET = "http+docker://"
UNANSWERED = (
    docker.errors.DockerException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
)
"""What is raised where the engine says nothing, or breaks off."""

NOT_FOUND = 404
CONFLICT = 409


class DaemonError(Exception):
    """The engine refused, or did not answer; the text is in its words.

    ``status`` is the answer's HTTP status; None where there was no answer.
    """

    def __init__(self, text: str, status: int | None = None):
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class ImageFacts:
    """What running an image needs to know of it; ``stop_signal`` is empty where it names none."""

    identifier: str
    stop_signal: str


@dataclass(frozen=True)
class ContainerEnd:
    """How a container ended; ``error`` is the engine's own, mostly empty."""

    exit_code: int
    is_out_of_memory: bool
    error: str


class Attachment:
    """A container's output on its way: a handle to read from, never blocking, until closed."""

    def __init__(self, raw_socket: Any):
        self._socket = raw_socket
        self.handle: int = raw_socket.fileno()
        os.set_blocking(self.handle, False)

    def close(self) -> None:
        """Ends the connection."""
        # docker keeps the answer, and with it the connection, on the socket; closing it flushes
        # what it takes for a file, which may be closed already.
        for part in (self._socket._response, self._socket):
            with suppress(OSError, ValueError):
                part.close()


def open_engine() -> DockerEngine:
    """The engine that DOCKER_HOST names, else the machine's own.

    Raises:
        DaemonError: none answers.
    """
    with _in_daemons_words():
        client = docker.APIClient(
            version="auto", timeout=CALL_SECONDS, **docker.utils.kwargs_from_env()
        )
    return DockerEngine(client)


class DockerEngine:
    """The calls; any thread may make them. All raise DaemonError where the engine refuses.

    Args:
        client: docker's low-level APIClient.
    """

    def __init__(self, client: Any):
        self._client = client

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def find_problem(self) -> str | None:
        """Why jobs of this machine cannot run in this engine; None if they can.

        They need the machine's own network and folders.
        """
        if not self._client.base_url.startswith(UNIX_SOCKET):
            return (
                "the Docker engine is reached over the network, so it has not this machine's files"
            )
        with _in_daemons_words():
            info = self._client.info()
        if info.get("OSType") != "linux" or info.get("Name") != socket.gethostname():
            return "the Docker engine runs in another (virtual) machine or container than batchx"
        options = info.get("SecurityOptions") or []
        if any(option.startswith(("name=rootless", "name=userns")) for option in options):
            return "the Docker engine is rootless or remaps users: it lacks the machine's network"
        return None

    def find_image(self, image: str) -> ImageFacts | None:
        """An image that is here, by tag, digest or id; None if it is not."""
        try:
            with _in_daemons_words():
                found = self._client.inspect_image(image)
        except DaemonError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        config = found.get("Config") or {}
        return ImageFacts(found["Id"], config.get("StopSignal") or "")

    def pull(self, image: str, credentials: PullCredentials | None) -> None:
        """Pulls an image; returns when it is here.

        Without credentials those of the user's ``docker login`` are used, if there are any.
        """
        auth = None
        if credentials is not None:
            auth = {"username": credentials.username, "password": credentials.password}
        with _in_daemons_words():
            progress = self._client.pull(image, stream=True, decode=True, auth_config=auth)
            for line in progress:
                if "error" in line:
                    raise DaemonError(line.get("errorDetail", {}).get("message") or line["error"])

    def create(self, body: JsonObject, name: str) -> str:
        """Creates a container of ``POST /containers/create``'s body; returns its id."""
        with _in_daemons_words():
            return str(self._client.create_container_from_config(body, name)["Id"])

    def attach(self, container_id: str) -> Attachment:
        """A created container's output from its first byte on."""
        parameters = {"stdout": 1, "stderr": 1, "stream": 1}
        with _in_daemons_words():
            return Attachment(self._client.attach_socket(container_id, params=parameters))

    def start(self, container_id: str) -> None:
        """Starts a container."""
        with _in_daemons_words():
            self._client.start(container_id)

    def send_signal(self, container_id: str, name: str) -> None:
        """Signals a container's first process; nothing happens if it is over."""
        with _unless({NOT_FOUND, CONFLICT}), _in_daemons_words():
            self._client.kill(container_id, signal=name)

    def is_running(self, container_id: str) -> bool:
        """False once the container ended or is gone."""
        try:
            with _in_daemons_words():
                return bool(self._client.inspect_container(container_id)["State"]["Running"])
        except DaemonError as error:
            if error.status == NOT_FOUND:
                return False
            raise

    def inspect_end(self, container_id: str) -> ContainerEnd:
        """How a container ended."""
        with _in_daemons_words():
            state = self._client.inspect_container(container_id)["State"]
        return ContainerEnd(state["ExitCode"], state["OOMKilled"], state["Error"])

    def remove(self, container_id: str) -> None:
        """Kills and removes a container with its anonymous volumes; it may be gone already."""
        # A conflict: its removal is under way.
        with _unless({NOT_FOUND, CONFLICT}), _in_daemons_words():
            self._client.remove_container(container_id, v=True, force=True)

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Creates a volume; one of this name may exist."""
        with _in_daemons_words():
            self._client.create_volume(name, labels=dict(labels))

    def remove_volume(self, name: str) -> None:
        """Removes a volume, unless it is gone already."""
        with _unless({NOT_FOUND}), _in_daemons_words():
            self._client.remove_volume(name)

    def list_containers(self, label: str) -> dict[str, str]:
        """Maps the ids of all containers that have a label to the label's value."""
        with _in_daemons_words():
            found = self._client.containers(all=True, filters={"label": label})
        return {each["Id"]: each["Labels"][label] for each in found}

    def list_volumes(self, label: str) -> dict[str, str]:
        """Maps the names of all volumes that have a label to the label's value."""
        with _in_daemons_words():
            found = self._client.volumes(filters={"label": label})["Volumes"] or []
        return {each["Name"]: each["Labels"][label] for each in found}

    def watch_deaths(self, label: str, since: int) -> DeathStream:
        """The ends of containers with a label (``key=value``) from ``since`` (Unix time) on."""
        filters = {"type": "container", "event": "die", "label": label}
        with _in_daemons_words():
            return DeathStream(self._client.events(since=since, filters=filters, decode=True))


class DeathStream:
    """Ids of containers as they end, until the engine or ``close`` ends it."""

    def __init__(self, stream: Any):
        self._stream = stream

    def __iter__(self) -> Iterator[str]:
        with _in_daemons_words():
            for event in self._stream:
                yield event["Actor"]["ID"]

    def close(self) -> None:
        """Ends the iteration, from any thread."""
        with suppress(OSError):
            self._stream.close()


@contextmanager
def _in_daemons_words() -> Iterator[None]:
    """Turns the errors of the docker library into DaemonError."""
    try:
        yield
    except docker.errors.APIError as error:
        said = error.explanation or str(error)
        raise DaemonError(f"{SAID_BY_DAEMON}{said}", error.status_code) from error
    except UNANSWERED as error:
        raise DaemonError(_find_cause(error)) from error


def _find_cause(error: BaseException) -> str:
    """The system's own words for a lost connection, below three libraries'; else the error's."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error)


@contextmanager
def _unless(statuses: set[int]) -> Iterator[None]:
    """Swallows DaemonErrors of these statuses."""
    try:
        yield
    except DaemonError as error:
        if error.status not in statuses:
            raise
