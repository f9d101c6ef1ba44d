"""The embedded AWS put together: Batch and its runner, moto beside it, HTTP in front."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.local.account import furnish_account
from snakemake_executor_plugin_batchx.local.batch import Batch
from snakemake_executor_plugin_batchx.local.cloudwatch import MotoLogSink
from snakemake_executor_plugin_batchx.local.docker_pulls import PullCredentials
from snakemake_executor_plugin_batchx.local.ecr import EmbeddedEcr
from snakemake_executor_plugin_batchx.local.engine import Engine
from snakemake_executor_plugin_batchx.local.http_server import (
    WsgiApplication,
    open_listener,
    open_server,
)
from snakemake_executor_plugin_batchx.local.identity import Credentials, Identity
from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    EmbeddedAws,
    RegistryAccess,
    RuntimeTrees,
)
from snakemake_executor_plugin_batchx.local.limits import STOP_GRACE_SECONDS
from snakemake_executor_plugin_batchx.local.log_sink import LogSink
from snakemake_executor_plugin_batchx.local.moto_secrets import MotoSecrets
from snakemake_executor_plugin_batchx.local.placement import Capacity
from snakemake_executor_plugin_batchx.local.process_environment import (
    Surroundings,
    make_scratch,
    remove_scratch,
)
from snakemake_executor_plugin_batchx.local.process_runner import ProcessRunner
from snakemake_executor_plugin_batchx.local.runners import Runner, RunnerEvents
from snakemake_executor_plugin_batchx.local.secret_source import SecretSource
from snakemake_executor_plugin_batchx.local.server import (
    CREDENTIALS_PATH,
    EmbeddedAwsApplication,
)
from snakemake_executor_plugin_batchx.plan.platform import LOCAL_RUNNER_TAG

# They open nothing but this server.
ACCESS_KEY_ID = "AKIALOCALBATCHX00000"
SECRET_ACCESS_KEY = "batchxLocalSecretKeyForTestsOnly00000000"  # noqa: S105

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


MakeBatch = Callable[[Capacity, Identity, float, Mapping[str, str]], Batch]


def open_batch(
    capacity: Capacity, identity: Identity, grace_seconds: float, queue_tags: Mapping[str, str]
) -> Batch:
    """A Batch that goes by the time of day, whose compute environments are all valid."""
    return Batch(capacity, identity=identity, grace_seconds=grace_seconds, queue_tags=queue_tags)


@dataclass(frozen=True)
class RunnerPlan:
    """What runs the jobs (``process`` or ``docker``) and what they find around them."""

    runner: str
    runtime: RuntimeTrees | None
    around: Surroundings
    find_credentials: Callable[[str], PullCredentials | None]
    secrets: SecretSource
    grace_seconds: float


def open_runner(plan: RunnerPlan, events: RunnerEvents, logs: LogSink) -> Runner:
    """The runner that a plan names."""
    if plan.runner == PROCESS:
        return ProcessRunner(
            events, logs, plan.around, secrets=plan.secrets, grace_seconds=plan.grace_seconds
        )
    # Imported here: processes need no Docker.
    from snakemake_executor_plugin_batchx.local.docker_runner import (  # noqa: PLC0415
        open_docker_runner,
    )

    # Users of images are not ours: all may write there, as in /tmp.
    Path(plan.around.shared_folder).chmod(0o1777)
    return open_docker_runner(
        *(events, logs, plan.around, plan.runtime),
        secrets=plan.secrets,
        find_credentials=plan.find_credentials,
        grace_seconds=plan.grace_seconds,
    )


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
    make_runner: Callable[[RunnerPlan, RunnerEvents, LogSink], Runner] = open_runner,
) -> Iterator[EmbeddedAws]:
    """Serves from threads of this process for as long as the context lasts; then kills its jobs.

    Args:
        capacity: what all jobs may use together.
        identity: account and region.
        grace_seconds: between a job's SIGTERM and its SIGKILL.
        runner: what runs jobs, ``process`` or ``docker``.
        runtime: what the Docker runner mounts at /batchx; None where images hold it.
        registry: what ECR hands tokens out for; None without one.
        make_runner: makes what the plan names, or something around it.
        make_batch: makes the Batch, or one that differs in clock or environments.
    """
    with ExitStack() as undo:
        listener = undo.enter_context(open_listener())
        undo.callback(remove_scratch, shared := make_scratch("shared"))
        around = make_surroundings(listener, identity.region, shared)
        logs, secrets = MotoLogSink(identity.account_id, identity.region), MotoSecrets(identity)
        ecr = EmbeddedEcr(identity, registry)
        batch = make_batch(capacity, identity, grace_seconds, {LOCAL_RUNNER_TAG: runner})
        plan = RunnerPlan(runner, runtime, around, ecr.find_credentials, secrets, grace_seconds)
        engine = Engine(batch, lambda events: make_runner(plan, events, logs))
        undo.callback(engine.close)
        keys = Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
        application = EmbeddedAwsApplication(engine, identity.region, keys, ecr)
        undo.enter_context(_serve(listener, application))
        aws = furnish_account(around.endpoint_url, identity, keys, runner)
        application.calls.clear()  # what users count are their own
        yield aws


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
