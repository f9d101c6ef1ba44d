"""The Docker engine of this machine, as far as images go."""

from contextlib import ExitStack
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.credentials import Credential
from snakemake_executor_plugin_batchx.images.engine import EngineImage

NO_COMMAND = ["/batchx-never-started"]
"""The command of a container that is made to be committed, never started."""


class DockerEngine:
    """Calls a Docker engine; `client` is a docker.APIClient. Implements images.engine.Engine."""

    def __init__(self, client: Any) -> None:
        import docker.errors  # noqa: PLC0415 - of the extra [local]

        self._client = client
        self._not_found = docker.errors.NotFound
        self._failures = (docker.errors.DockerException, OSError)

    def inspect_image(self, name: str) -> EngineImage | None:
        """Return an image that the engine has, None without it."""
        try:
            found = self._client.inspect_image(name)
        except self._not_found:
            return None
        except self._failures as error:
            raise BatchxError(f"Docker cannot tell of {name}: {error}.") from error
        config = found.get("Config") or {}
        return EngineImage(
            image_id=found["Id"],
            digests=tuple(found.get("RepoDigests") or ()),
            entrypoint=tuple(config.get("Entrypoint") or ()),
            environment=tuple(config.get("Env") or ()),
        )

    def pull_image(self, name: str, login: Credential | None) -> None:
        """Fetch an image from its registry; raises BatchxError in the engine's words.

        None as `login`: what `docker login` left.
        """
        auth = {"username": login.user, "password": login.password} if login else None
        # Without a tag the engine would fetch all of them.
        has_tag = "@" in name or ":" in name.rpartition("/")[2]
        try:
            for line in self._client.pull(
                name if has_tag else f"{name}:latest", stream=True, decode=True, auth_config=auth
            ):
                if "error" in line:
                    raise BatchxError(f"{line['error']}.")
        except self._failures as error:
            raise BatchxError(f"{getattr(error, 'explanation', None) or error}.") from error

    def make_twin(self, image_id: str, repository: str, tag: str) -> None:
        """Make an image that differs from another in having no ENTRYPOINT."""
        try:
            with ExitStack() as undo:
                # An empty entrypoint of the container's is what its image gets: a change of
                # ENTRYPOINT to [] when committing would count as none.
                made = self._client.create_container(image_id, NO_COMMAND, entrypoint=[""])["Id"]
                undo.callback(self._client.remove_container, made, v=True, force=True)
                self._client.commit(made, repository, tag)
        except self._failures as error:
            raise BatchxError(f"Docker cannot derive an image from {image_id}: {error}.") from error


def open_docker_engine() -> DockerEngine:
    """Return the engine that Docker's own variables name, else the machine's.

    Raises BatchxError where there is none.
    """
    try:
        import docker  # noqa: PLC0415 - of the extra [local]

        return DockerEngine(docker.from_env().api)
    except ImportError as error:
        raise BatchxError(
            "Jobs in containers of this machine need Docker's Python library: pip install "
            "'snakemake-executor-plugin-batchx[local]'"
        ) from error
    except docker.errors.DockerException as error:
        raise BatchxError(f"No Docker engine can be reached: {error}.") from error
