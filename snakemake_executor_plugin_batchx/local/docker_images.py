"""Images for containers: looked for in the engine, pulled where they are not there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from snakemake_executor_plugin_batchx.local.docker_engine import (
    SAID_BY_DAEMON,
    DaemonError,
    DockerEngine,
    ImageFacts,
)
from snakemake_executor_plugin_batchx.local.docker_pulls import PullCredentials
from snakemake_executor_plugin_batchx.local.orders import StartOrder
from snakemake_executor_plugin_batchx.local.workers import Workers

BARE_ID = "sha256:"
LOOKERS = 4
PULLERS = 8
Wish = tuple[str, PullCredentials | None, str | None]
"""An image, the login to pull it with, and the role with which ECS gets one."""
LogIn = Callable[[StartOrder, str], PullCredentials | None]


class ImageSupply:
    """Brings images to the engine, each once at a time; used from one event loop.

    Args:
        engine: the Docker engine.
        log_in: user and password to pull a task's image with; None for the user's own.
    """

    def __init__(self, engine: DockerEngine, log_in: LogIn):
        self._engine = engine
        self._log_in = log_in
        # A pull may hang for as long as a registry does.
        self._looks = Workers(LOOKERS, "batchx-image")
        self._pulls = Workers(PULLERS, "batchx-pull")
        self._under_way: dict[Wish, asyncio.Task[ImageFacts]] = {}

    async def provide(
        self, task: StartOrder, image: str, login: PullCredentials | None = None
    ) -> ImageFacts:
        """Returns the image once it is here; whoever waits may be cancelled, the pull is not.

        Args:
            task: whose image it is.
            image: by tag, digest or id.
            login: the job's own for the image's registry; None where it has none.

        Raises:
            DaemonError: it is not here and cannot be pulled.
            StartRefusedError: the task's role may not log in to its registry.
        """
        wish = (image, login, task.execution_role_arn or task.instance_profile)
        supply = self._under_way.get(wish)
        if supply is None:
            supply = asyncio.create_task(self._bring(task, image, login))
            self._under_way[wish] = supply
            supply.add_done_callback(partial(self._forget, wish))
        return await asyncio.shield(supply)

    async def close(self) -> None:
        """Forgets the pulls that are under way; they end with the process."""
        supplies = list(self._under_way.values())
        for supply in supplies:
            supply.cancel()
        await asyncio.gather(*supplies, return_exceptions=True)
        self._looks.close(0)
        self._pulls.close(0)

    def _forget(self, wish: Wish, supply: asyncio.Task[ImageFacts]) -> None:
        del self._under_way[wish]
        if not supply.cancelled():
            # Looked at, also where nobody waits any more.
            supply.exception()

    async def _bring(
        self, task: StartOrder, image: str, login: PullCredentials | None
    ) -> ImageFacts:
        loop = asyncio.get_running_loop()
        find = partial(self._engine.find_image, image)
        facts = await loop.run_in_executor(self._looks, find)
        # An id says what an image is, not where.
        if facts is None and not image.startswith(BARE_ID):
            credentials = login or self._log_in(task, image)
            pull = partial(self._engine.pull, image, credentials)
            await loop.run_in_executor(self._pulls, pull)
            facts = await loop.run_in_executor(self._looks, find)
        if facts is None:
            raise DaemonError(f"{SAID_BY_DAEMON}No such image: {image}")
        return facts
