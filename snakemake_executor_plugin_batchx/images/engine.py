"""Images of this machine's Docker engine, for jobs of the embedded Batch.

The engine mounts the runtime, so an image needs nothing added. Only an ENTRYPOINT is in the way,
which a job definition cannot override: such an image gets a twin without it, in the engine alone.
"""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.credentials import Credential, LoginReader
from snakemake_executor_plugin_batchx.images.image import plan_environment
from snakemake_executor_plugin_batchx.images.reference import make_batch_image, parse_reference
from snakemake_executor_plugin_batchx.plan.image import ImageNeed, JobImage

TWIN_REPOSITORY = "batchx-local"
TWIN_CHARACTERS = 32


@dataclass(frozen=True)
class EngineImage:
    """What the engine tells of an image: its id ("sha256:…"), and parts of its configuration."""

    image_id: str
    digests: tuple[str, ...]
    entrypoint: tuple[str, ...]
    environment: tuple[str, ...]


class Engine(Protocol):
    """What is needed of a Docker engine (images/docker_engine.py)."""

    def inspect_image(self, name: str) -> EngineImage | None:
        """Return an image that the engine has, None without it."""

    def pull_image(self, name: str, login: Credential | None) -> None:
        """Fetch an image from its registry; raises BatchxError in the engine's words.

        None as `login`: the user's own.
        """

    def make_twin(self, image_id: str, repository: str, tag: str) -> None:
        """Make an image that differs from another in having no ENTRYPOINT."""


class EngineImages:
    """Images of a Docker engine, each looked at once a run. Safe to use from many threads.

    `read_login` reads a registry's login from the secret of an ARN.
    """

    def __init__(self, engine: Engine, say: Callable[[str], None], read_login: LoginReader) -> None:
        self._engine = engine
        self._read_login = read_login
        self._say = say
        self._locks: defaultdict[str, Any] = defaultdict(threading.Lock)
        self._lock = threading.Lock()
        self._found: dict[str, JobImage] = {}

    def provide(self, need: ImageNeed, label: str) -> JobImage:
        """Return the image that a job needs, fetched if the engine does not have it.

        Raises BatchxError, which starts with `label`, where it cannot be had.
        """
        name = make_batch_image(need.container, label)
        with self._lock:
            lock = self._locks[name]
        with lock:
            if name not in self._found:
                self._found[name] = self._look_up(name, label, _find_secret(name, need))
            return self._found[name]

    def _look_up(self, name: str, label: str, secret: str | None) -> JobImage:
        image = self._engine.inspect_image(name)
        if image is None:
            self._say(f"Docker fetches {name}.")
            try:
                login = self._read_login(secret) if secret else None
                self._engine.pull_image(name, login)
            except BatchxError as error:
                raise BatchxError(
                    f"{label}: image {name} is not in this machine's Docker engine and cannot be "
                    f"fetched: {error} Check the name; `docker pull {name}` must succeed."
                ) from error
            image = self._engine.inspect_image(name)
        if image is None:
            raise BatchxError(f"{label}: Docker fetched {name}, but does not have it.")
        digest = next(iter(image.digests), f"{name}@{image.image_id}")
        environment = plan_environment({"config": {"Env": list(image.environment)}})
        return JobImage(self._provide_plain(image), digest, environment)

    def _provide_plain(self, image: EngineImage) -> str:
        """Return the id of an image without ENTRYPOINT."""
        if not image.entrypoint:
            return image.image_id
        tag = image.image_id.removeprefix("sha256:")[:TWIN_CHARACTERS]
        twin = self._engine.inspect_image(f"{TWIN_REPOSITORY}:{tag}")
        if twin is None:
            self._engine.make_twin(image.image_id, TWIN_REPOSITORY, tag)
            twin = self._engine.inspect_image(f"{TWIN_REPOSITORY}:{tag}")
        if twin is None:
            raise BatchxError(f"Docker made no image {TWIN_REPOSITORY}:{tag}.")
        return twin.image_id


def _find_secret(name: str, need: ImageNeed) -> str | None:
    reference = parse_reference(name)
    return need.find_secret(reference.host) if reference else None
