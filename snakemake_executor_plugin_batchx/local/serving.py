"""The embedded AWS put together: Batch and its runner, moto beside it, HTTP in front."""

from __future__ import annotations

import dataclasses
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.local.account import furnish_account
from snakemake_executor_plugin_batchx.local.batch import Batch
from snakemake_executor_plugin_batchx.local.cloudwatch import MotoLogSink
from snakemake_executor_plugin_batchx.local.ecr import EcrRegistry, EmbeddedEcr
from snakemake_executor_plugin_batchx.local.ecs_agent import EcsAgent
from snakemake_executor_plugin_batchx.local.engine import Engine
from snakemake_executor_plugin_batchx.local.http_server import (
    WsgiApplication,
    open_listener,
    open_server,
)
from snakemake_executor_plugin_batchx.local.iam.authority import Authority
from snakemake_executor_plugin_batchx.local.iam.task_permissions import TaskPermissions
from snakemake_executor_plugin_batchx.local.identity import Credentials, Identity
from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    EmbeddedAws,
    RegistryAccess,
    RuntimeTrees,
)
from snakemake_executor_plugin_batchx.local.limits import STOP_GRACE_SECONDS
from snakemake_executor_plugin_batchx.local.moto_secrets import MotoSecrets
from snakemake_executor_plugin_batchx.local.placement import Capacity
from snakemake_executor_plugin_batchx.local.process_environment import (
    Surroundings,
    make_scratch,
    remove_scratch,
)
from snakemake_executor_plugin_batchx.local.process_runner import ProcessRunner
from snakemake_executor_plugin_batchx.local.registry_front import RegistryFront
from snakemake_executor_plugin_batchx.local.registry_logins import RegistryLogins
from snakemake_executor_plugin_batchx.local.registry_relay import serve_registry
from snakemake_executor_plugin_batchx.local.runners import Runner, RunnerEvents
from snakemake_executor_plugin_batchx.local.server import (
    CREDENTIALS_PATH,
    EmbeddedAwsApplication,
)
from snakemake_executor_plugin_batchx.local.stack_resources import serve_stack_resources
from snakemake_executor_plugin_batchx.plan.platform import LOCAL_RUNNER_TAG

# They open nothing but this server.
ROOT_KEYS = Credentials("AKIALOCALBATCHX00000", "batchxLocalSecretKeyForTestsOnly00000000")

POLL_SECONDS = 0.05
"""How soon the HTTP server notices that it should end."""


def read_host_capacity() -> Capacity:
    """The machine's vCPUs and memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Capacity(vcpus=os.cpu_count() or 1, memory_mib=memory // 2**20)


def make_surroundings(listener: socket.socket, region: str, shared_folder: Path) -> Surroundings:
    """What the jobs of a server that listens there find around them."""
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    return Surroundings(
        endpoint_url=url,
        region=region,
        path=os.environ.get("PATH", os.defpath),
        credentials_url=url + CREDENTIALS_PATH.rstrip("/"),
        shared_folder=str(shared_folder),
    )


IsAssumable = Callable[[str], bool]
MakeBatch = Callable[[Capacity, Identity, float, Mapping[str, str], IsAssumable], Batch]


def open_batch(
    capacity: Capacity,
    identity: Identity,
    grace_seconds: float,
    queue_tags: Mapping[str, str],
    is_assumable: IsAssumable,
) -> Batch:
    """A Batch that goes by the time of day, whose compute environments are all valid."""
    return Batch(
        capacity,
        identity=identity,
        grace_seconds=grace_seconds,
        queue_tags=queue_tags,
        is_assumable=is_assumable,
    )


def open_agent(identity: Identity, authority: Authority, ecr: EmbeddedEcr) -> EcsAgent:
    """ECS's agent, at moto's logs and secrets, with the roles that IAM has."""
    roles = TaskPermissions(identity, authority)
    return EcsAgent(MotoLogSink(identity), MotoSecrets(identity), ecr, roles)


@dataclass(frozen=True)
class RunnerPlan:
    """What runs the jobs (``process`` or ``docker``) and what they find around them."""

    runner: str
    runtime: RuntimeTrees | None
    around: Surroundings
    agent: EcsAgent
    grace_seconds: float


def open_runner(plan: RunnerPlan, events: RunnerEvents) -> Runner:
    """The runner that a plan names."""
    if plan.runner == PROCESS:
        return ProcessRunner(events, plan.around, plan.agent, grace_seconds=plan.grace_seconds)
    # Imported here: processes need no Docker.
    from snakemake_executor_plugin_batchx.local.docker_runner import (  # noqa: PLC0415
        open_docker_runner,
    )

    # Users of images are not ours: all may write there, as in /tmp.
    Path(plan.around.shared_folder).chmod(0o1777)
    return open_docker_runner(
        *(events, plan.around, plan.runtime, plan.agent), grace_seconds=plan.grace_seconds
    )


@contextmanager
def open_ecr(
    identity: Identity, authority: Authority, behind: RegistryAccess | None
) -> Iterator[EmbeddedEcr]:
    """ECR, whose registry is served for as long as the context lasts where one stands behind it."""
    logins = RegistryLogins(time.time)
    if behind is None:
        yield EmbeddedEcr(identity, logins, None)
        return
    with serve_registry(RegistryFront(identity, authority, logins, behind)) as host:
        yield EmbeddedEcr(identity, logins, EcrRegistry(host, behind))


@contextmanager
def serve_embedded_aws(
    capacity: Capacity,
    identity: Identity,
    *,
    grace_seconds: float = STOP_GRACE_SECONDS,
    runner: str = PROCESS,
    runtime: RuntimeTrees | None = None,
    registry: RegistryAccess | None = None,
    make_batch: MakeBatch = open_batch,
    make_runner: Callable[[RunnerPlan, RunnerEvents], Runner] = open_runner,
) -> Iterator[EmbeddedAws]:
    """Serves from threads of this process for as long as the context lasts; then kills its jobs.

    Args:
        capacity: what all jobs may use together.
        identity: account and region.
        grace_seconds: between a job's SIGTERM and its SIGKILL.
        runner: what runs jobs, ``process`` or ``docker``.
        runtime: what the Docker runner mounts at /batchx; None where images hold it.
        registry: what stands behind ECR; None without one.
        make_runner: makes what the plan names, or something around it.
        make_batch: makes the Batch, or one that differs in clock or environments.
    """
    with ExitStack() as undo:
        listener = undo.enter_context(open_listener())
        undo.callback(remove_scratch, shared := make_scratch("shared"))
        around = make_surroundings(listener, identity.region, shared)
        authority = Authority(identity, ROOT_KEYS)
        ecr = undo.enter_context(open_ecr(identity, authority, registry))
        agent = open_agent(identity, authority, ecr)
        tags = {LOCAL_RUNNER_TAG: runner}
        batch = make_batch(capacity, identity, grace_seconds, tags, agent.roles.is_assumable)
        plan = RunnerPlan(runner, runtime, around, agent, grace_seconds)
        undo.callback((engine := Engine(batch, lambda events: make_runner(plan, events))).close)
        serve_stack_resources(engine.call)
        application = EmbeddedAwsApplication(engine, identity, authority, ecr)
        undo.enter_context(_serve(listener, application))
        aws = furnish_account(around.endpoint_url, identity, ROOT_KEYS, runner)
        application.forget_calls()  # what users count are their own
        yield dataclasses.replace(aws, registry_host=ecr.registry_host)


@contextmanager
def _serve(listener: socket.socket, application: WsgiApplication) -> Iterator[None]:
    """Serves from a thread for as long as the context lasts."""
    server = open_server(listener, application)
    serving = threading.Thread(
        target=server.serve_forever, args=(POLL_SECONDS,), name="batchx-http", daemon=True
    )
    serving.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
