"""Jobs as containers of this machine's Docker engine, as the ECS agent runs them on EC2.

One event loop, in a thread of its own, looks after all of them; the engine's calls run in a few
worker threads and the ends of containers come from the engine's events.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial

from snakemake_executor_plugin_batchx.local.docker_containers import LABEL, ContainerWorld
from snakemake_executor_plugin_batchx.local.docker_deaths import DeathWatch
from snakemake_executor_plugin_batchx.local.docker_engine import (
    DaemonError,
    DockerEngine,
    open_engine,
)
from snakemake_executor_plugin_batchx.local.docker_images import ImageSupply
from snakemake_executor_plugin_batchx.local.docker_orphans import (
    make_server_label,
    sweep_orphans,
)
from snakemake_executor_plugin_batchx.local.docker_task import (
    DockerPorts,
    DockerTask,
    TaskContainer,
)
from snakemake_executor_plugin_batchx.local.ecs_agent import EcsAgent
from snakemake_executor_plugin_batchx.local.jobs import ContainerResult
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAwsError, RuntimeTrees
from snakemake_executor_plugin_batchx.local.limits import STOP_GRACE_SECONDS
from snakemake_executor_plugin_batchx.local.orders import StartOrder
from snakemake_executor_plugin_batchx.local.process_environment import Surroundings
from snakemake_executor_plugin_batchx.local.runners import RunnerEvents
from snakemake_executor_plugin_batchx.local.workers import Workers

STARTERS = 8
ENDERS = 4
CLOSE_SECONDS = 10.0
"""How long calls of the engine that are under way may take when the runner closes."""


class DockerRunner:
    """See the module. Implements Runner.

    Args:
        events: whom to tell.
        world: what all containers share.
        engine: the Docker engine; closed with the runner.
        agent: what ECS does for containers before they start.
        grace_seconds: between SIGTERM and SIGKILL of containers whose essential sibling ended.
    """

    def __init__(
        self,
        events: RunnerEvents,
        world: ContainerWorld,
        engine: DockerEngine,
        agent: EcsAgent,
        *,
        grace_seconds: float = STOP_GRACE_SECONDS,
    ):
        self._events = events
        self._engine = engine
        self._server = world.server
        self._starts = Workers(STARTERS, "batchx-start")
        self._ends = Workers(ENDERS, "batchx-end")
        self._images = ImageSupply(engine, agent.log_in)
        self._ports = DockerPorts(
            *(engine, events, world, agent, self._images, self._starts, self._ends),
            grace_seconds=grace_seconds,
        )
        # Both belong to the loop's thread.
        self._tasks: dict[str, DockerTask] = {}
        self._containers: dict[str, TaskContainer] = {}
        self._runs: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._drive, name="batchx-jobs", daemon=True)
        self._thread.start()
        self._deaths = DeathWatch(
            engine,
            f"{LABEL}={world.server}",
            self._list_running,
            lambda container_id: self._tell(self._note_death, container_id),
        )

    def start(self, order: StartOrder) -> None:
        """See Runner."""
        self._tell(self._begin, order)

    def stop(self, attempt_id: str) -> None:
        """See Runner."""
        self._tell(self._with_task, attempt_id, DockerTask.stop)

    def kill(self, attempt_id: str) -> None:
        """See Runner."""
        self._tell(self._with_task, attempt_id, DockerTask.kill)

    def close(self) -> None:
        """See Runner."""
        self._deaths.close()
        asyncio.run_coroutine_threadsafe(self._cancel_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._starts.close(CLOSE_SECONDS)
        self._ends.close(CLOSE_SECONDS)
        self._remove_all()
        self._engine.close()

    def _tell(self, call: Callable[..., object], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(call, *arguments)

    def _drive(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _begin(self, order: StartOrder) -> None:
        task = DockerTask(order, self._ports, self._containers)
        self._tasks[order.attempt_id] = task
        run = self._loop.create_task(task.run())
        self._runs.add(run)
        run.add_done_callback(partial(self._note_end, order))

    def _note_end(self, order: StartOrder, run: asyncio.Task[None]) -> None:
        self._runs.discard(run)
        del self._tasks[order.attempt_id]
        if run.cancelled() or run.exception() is None:
            return
        # A mistake of ours must not leave the job running for ever.
        error = run.exception()
        traceback.print_exception(error, file=sys.stderr)
        lost = ContainerResult(order.containers[0].name, None, f"InternalError: {error}")
        self._events.report_exited(order.attempt_id, [lost])

    def _with_task(self, attempt_id: str, act: Callable[[DockerTask], None]) -> None:
        task = self._tasks.get(attempt_id)
        if task is not None:
            act(task)

    def _list_running(self) -> list[str]:
        return [key for key, each in list(self._containers.items()) if each.is_running]

    def _note_death(self, container_id: str) -> None:
        container = self._containers.get(container_id)
        if container is not None:
            container.died.set()

    async def _cancel_all(self) -> None:
        for task in self._tasks.values():
            task.kill()
        runs = list(self._runs)
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
        await self._images.close()

    def _remove_all(self) -> None:
        """Removes whatever has this server's label, whether a task knew it or not."""
        workers = Workers(STARTERS, "batchx-remove")
        try:
            list(workers.map(self._engine.remove, self._list_own(self._engine.list_containers)))
            for name in self._list_own(self._engine.list_volumes):
                self._engine.remove_volume(name)
        except DaemonError as error:
            sys.stderr.write(f"Docker containers may be left over: {error}\n")
        workers.close(CLOSE_SECONDS)

    def _list_own(self, list_labelled: Callable[[str], dict[str, str]]) -> list[str]:
        return [key for key, label in list_labelled(LABEL).items() if label == self._server]


def open_docker_runner(
    events: RunnerEvents,
    around: Surroundings,
    runtime: RuntimeTrees | None,
    agent: EcsAgent,
    *,
    grace_seconds: float,
) -> DockerRunner:
    """A runner on this machine's engine, which is rid of what dead servers left there.

    Raises:
        EmbeddedAwsError: no engine answers.
    """
    try:
        engine = open_engine()
        sweep_orphans(engine)
    except DaemonError as error:
        raise EmbeddedAwsError(f"Jobs cannot run in Docker: {error}") from error
    return DockerRunner(
        *(events, ContainerWorld(around, runtime, make_server_label()), engine, agent),
        grace_seconds=grace_seconds,
    )
