"""One attempt of a job in Docker: its containers from the pull to their removal.

All of it runs in the runner's event loop; calls of the engine run in its workers.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from snakemake_executor_plugin_batchx.local import docker_messages as messages
from snakemake_executor_plugin_batchx.local.docker_containers import (
    LABEL,
    ContainerWorld,
    make_container_name,
    make_volume_names,
    plan_container,
)
from snakemake_executor_plugin_batchx.local.docker_engine import (
    DaemonError,
    DockerEngine,
)
from snakemake_executor_plugin_batchx.local.docker_images import ImageSupply
from snakemake_executor_plugin_batchx.local.docker_output import ContainerOutput
from snakemake_executor_plugin_batchx.local.docker_pulls import PullCredentials
from snakemake_executor_plugin_batchx.local.ecs_agent import EcsAgent, StartRefusedError
from snakemake_executor_plugin_batchx.local.jobs import ContainerResult
from snakemake_executor_plugin_batchx.local.orders import ContainerOrder, StartOrder
from snakemake_executor_plugin_batchx.local.runners import RunnerEvents
from snakemake_executor_plugin_batchx.local.shared_volumes import provide_shared_folders
from snakemake_executor_plugin_batchx.local.waits import wait_briefly, wait_for_any
from snakemake_executor_plugin_batchx.local.workers import Workers

T = TypeVar("T")

DRAIN_SECONDS = 5.0
"""How long the output of a container that ended may take to arrive."""


class ContainerRefusedError(Exception):
    """A container cannot start; the text is ECS's reason, empty where somebody stopped the task."""


@dataclass(frozen=True)
class DockerPorts:
    """What the tasks of a runner work through.

    Ends do not wait for starts: they have workers of their own.
    """

    engine: DockerEngine
    events: RunnerEvents
    world: ContainerWorld
    agent: EcsAgent
    images: ImageSupply
    starts: Workers
    ends: Workers
    grace_seconds: float


@dataclass(eq=False)
class TaskContainer:
    """One container: ``identifier`` is Docker's, once it is created; ``result`` how it ended."""

    order: ContainerOrder
    identifier: str = ""
    stop_signal: str = signal.SIGTERM.name
    output: ContainerOutput | None = None
    result: ContainerResult | None = None
    started: asyncio.Event = field(default_factory=asyncio.Event)
    died: asyncio.Event = field(default_factory=asyncio.Event)
    drained: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_running(self) -> bool:
        """True from its start to its end."""
        return self.started.is_set() and not self.died.is_set()


class DockerTask:
    """See the module.

    Args:
        order: what to run.
        ports: what to work through.
        containers_by_id: where containers are entered once Docker has given them an id.
    """

    def __init__(
        self, order: StartOrder, ports: DockerPorts, containers_by_id: dict[str, TaskContainer]
    ):
        self._order = order
        self._ports = ports
        self._by_id = containers_by_id
        self._containers = [TaskContainer(each) for each in order.containers]
        self._by_name = {each.order.name: each for each in self._containers}
        self._ended_by: TaskContainer | None = None
        # Set once no container may start any more.
        self._over = asyncio.Event()
        self._is_killed = False
        self._is_announced = False

    async def run(self) -> None:
        """Runs all containers and reports; returns when nothing of them is left."""
        runs = (self._run_container(each) for each in self._containers)
        await asyncio.gather(*runs)
        await self._remove_volumes()
        in_order = sorted(self._containers, key=lambda each: each is not self._ended_by)
        results = [each.result or ContainerResult(each.order.name, None) for each in in_order]
        self._ports.events.report_exited(self._order.attempt_id, results)

    def stop(self) -> None:
        """Signals what runs, with the signal of its image; what does not run yet never will."""
        self._over.set()
        for container in self._containers:
            if container.is_running:
                self._send_signal(container, container.stop_signal)

    def kill(self) -> None:
        """Kills what runs; what does not run yet never will."""
        self._over.set()
        self._is_killed = True
        for container in self._containers:
            if container.is_running:
                self._send_signal(container, signal.SIGKILL.name)

    async def _run_container(self, container: TaskContainer) -> None:
        try:
            await self._wait_for_dependencies(container)
            await self._start(container)
            await container.died.wait()
            container.result = await self._bury(container)
        except ContainerRefusedError as refusal:
            reason = str(refusal) or None
            container.result = ContainerResult(container.order.name, None, reason)
            await self._discard(container)
        except StartRefusedError as refusal:
            container.result = ContainerResult(
                container.order.name, None, refusal.reason, refusal.task_reason
            )
            await self._discard(container)
        container.ended.set()
        result = container.result
        has_reason = (result.reason or result.task_reason) is not None
        is_refused = result.exit_code is None and has_reason
        if container.order.is_essential or is_refused:
            self._end_with(container)

    def _end_with(self, container: TaskContainer) -> None:
        """Ends the task unless something else did."""
        if self._ended_by is not None:
            return
        self._ended_by = container
        if container.started.is_set():
            # Others may not have come so far, and never will.
            self._announce()
            self.stop()
            asyncio.get_running_loop().call_later(self._ports.grace_seconds, self.kill)
        else:
            self.kill()

    async def _wait_for_dependencies(self, container: TaskContainer) -> None:
        """Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html."""
        for each in container.order.properties.get("dependsOn", []):
            dependency = self._by_name[each["containerName"]]
            is_start_enough = each.get("condition", "START") == "START"
            awaited = dependency.started if is_start_enough else dependency.ended
            await wait_for_any(awaited, dependency.ended, self._over)
            if self._over.is_set():
                raise ContainerRefusedError
            code = dependency.result.exit_code if dependency.result is not None else None
            if each.get("condition") == "SUCCESS" and code != 0:
                raise ContainerRefusedError(
                    messages.DEPENDENCY_FAILED.format(
                        dependency=dependency.order.name, name=container.order.name
                    )
                )

    async def _start(self, container: TaskContainer) -> None:
        """Brings the container from its image to its first process.

        Raises:
            ContainerRefusedError: it cannot start.
            StartRefusedError: ECS cannot do something for it.
        """
        agent = self._ports.agent
        login, secrets = agent.fetch_secrets(self._order, container.order)
        await self._provide_image(container, login)
        logs = agent.open_log(self._order, container.order)
        await self._provide_volumes()
        engine = self._ports.engine
        body = plan_container(self._order, container.order, self._ports.world, secrets)
        name = make_container_name(self._order, container.order)
        create = partial(engine.create, body, name)
        container.identifier = await self._call(create, messages.CANNOT_CREATE)
        self._by_id[container.identifier] = container
        attach = partial(engine.attach, container.identifier)
        attachment = await self._call(attach, messages.CANNOT_START)
        container.output = ContainerOutput(container.order, attachment, logs)
        self._follow(container, container.output)
        await self._call(partial(engine.start, container.identifier), messages.CANNOT_START)
        self._note_start(container)

    async def _provide_volumes(self) -> None:
        """Makes what the task's volumes need, unless another of its containers did."""
        engine = self._ports.engine
        try:
            provide_shared_folders(self._order.volumes, self._ports.world.around.shared_folder)
        except OSError as error:
            raise ContainerRefusedError(messages.CANNOT_CREATE_VOLUME.format(said=error)) from error
        for name in make_volume_names(self._order).values():
            labels = {LABEL: self._ports.world.server}
            create_volume = partial(engine.create_volume, name, labels)
            await self._call(create_volume, messages.CANNOT_CREATE_VOLUME)

    def _note_start(self, container: TaskContainer) -> None:
        container.started.set()
        if all(each.started.is_set() for each in self._containers):
            self._announce()
        if self._is_killed:
            self._send_signal(container, signal.SIGKILL.name)
        elif self._over.is_set():
            self._send_signal(container, container.stop_signal)

    def _announce(self) -> None:
        if not self._is_announced:
            self._is_announced = True
            self._ports.events.report_started(self._order.attempt_id)

    async def _provide_image(self, container: TaskContainer, login: PullCredentials | None) -> None:
        """Waits for the image, unless the task is over before it comes."""
        provide = self._ports.images.provide(self._order, container.order.image, login)
        supply = asyncio.create_task(provide)
        is_over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({supply, is_over}, return_when=asyncio.FIRST_COMPLETED)
            if not supply.done():
                raise ContainerRefusedError
            facts = supply.result()
        except DaemonError as error:
            said = self._ports.agent.describe_pull(self._order, container.order.image, str(error))
            raise ContainerRefusedError(said) from error
        finally:
            supply.cancel()
            is_over.cancel()
        container.stop_signal = facts.stop_signal or container.stop_signal

    async def _call(self, call: Callable[[], T], refusal: str) -> T:
        """Calls the engine on the way to the start.

        Raises:
            ContainerRefusedError: the engine refuses, or the task is over.
        """
        if self._over.is_set():
            raise ContainerRefusedError
        try:
            done = await asyncio.get_running_loop().run_in_executor(self._ports.starts, call)
        except DaemonError as error:
            raise ContainerRefusedError(refusal.format(said=error)) from error
        return done

    def _follow(self, container: TaskContainer, output: ContainerOutput) -> None:
        loop = asyncio.get_running_loop()

        def read() -> None:
            if not output.read():
                loop.remove_reader(output.handle)
                container.drained.set()

        loop.add_reader(output.handle, read)

    async def _bury(self, container: TaskContainer) -> ContainerResult:
        """How the container ended, after its last output and its removal."""
        await wait_briefly(container.drained, DRAIN_SECONDS)
        engine, loop = self._ports.engine, asyncio.get_running_loop()
        try:
            end = await loop.run_in_executor(
                self._ports.ends, engine.inspect_end, container.identifier
            )
            result = messages.judge_end(container.order.name, end)
        except DaemonError as error:
            reason = messages.CANNOT_INSPECT.format(said=error)
            result = ContainerResult(container.order.name, None, reason)
        await self._discard(container)
        return result

    async def _discard(self, container: TaskContainer) -> None:
        """Removes the container; what cannot be removed keeps its label for the next sweep."""
        if container.output is not None:
            asyncio.get_running_loop().remove_reader(container.output.handle)
            container.output.finish()
        if container.identifier:
            await self._remove(partial(self._ports.engine.remove, container.identifier))
            self._by_id.pop(container.identifier, None)

    async def _remove_volumes(self) -> None:
        for name in make_volume_names(self._order).values():
            await self._remove(partial(self._ports.engine.remove_volume, name))

    async def _remove(self, remove: Callable[[], None]) -> None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._ports.ends, remove)
        except DaemonError as error:
            sys.stderr.write(f"{self._order.attempt_id} left something in Docker: {error}\n")

    def _send_signal(self, container: TaskContainer, name: str) -> None:
        self._ports.ends.submit(self._ports.engine.send_signal, container.identifier, name)
