"""The embedded AWS put together: Batch and its runner, moto beside it, HTTP in front."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from snakemake_executor_plugin_batchx.local.account import furnish_account
from snakemake_executor_plugin_batchx.local.batch import Batch
from snakemake_executor_plugin_batchx.local.cloudwatch import MotoLogSink
from snakemake_executor_plugin_batchx.local.ecr import EmbeddedEcr
from snakemake_executor_plugin_batchx.local.engine import Engine
from snakemake_executor_plugin_batchx.local.http_server import open_listener, open_server
from snakemake_executor_plugin_batchx.local.identity import Credentials, Identity
from snakemake_executor_plugin_batchx.local.launch import (
    DOCKER,
    PROCESS,
    EmbeddedAws,
    RegistryAccess,
    RuntimeTrees,
)
from snakemake_executor_plugin_batchx.local.limits import STOP_GRACE_SECONDS
from snakemake_executor_plugin_batchx.local.log_sink import LogSink
from snakemake_executor_plugin_batchx.local.placement import Capacity
from snakemake_executor_plugin_batchx.local.process_environment import (
    Surroundings,
    make_scratch,
    remove_scratch,
)
from snakemake_executor_plugin_batchx.local.process_runner import ProcessRunner
from snakemake_executor_plugin_batchx.local.runners import Runner, RunnerEvents
from snakemake_executor_plugin_batchx.local.server import (
    CREDENTIALS_PATH,
    EmbeddedAwsApplication,
)

# They open nothing but this server.
ACCESS_KEY_ID = "AKIALOCALBATCHX00000"
SECRET_ACCESS_KEY = "batchxLocalSecretKeyForTestsOnly00000000"  # noqa: S105

POLL_SECONDS = 0.05
"""How soon the HTTP server notices that it should end."""


def read_host_capacity() -> Capacity:
    """The machine's vCPUs and memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Capacity(vcpus=os.cpu_count() or 1, memory_mib=memory // 2**20)


def make_surroundings(url: str, region: str, shared_folder: Path) -> Surroundings:
    """What the jobs of a server at ``url`` find around them."""
    return Surroundings(
        endpoint_url=url,
        region=region,
        path=os.environ.get("PATH", os.defpath),
        credentials_url=url + CREDENTIALS_PATH.rstrip("/"),
        shared_folder=str(shared_folder),
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
) -> Iterator[EmbeddedAws]:
    """Serves from threads of this process for as long as the context lasts; then kills its jobs.

    Args:
        capacity: what all jobs may use together.
        identity: account and region.
        grace_seconds: between a job's SIGTERM and its SIGKILL.
        runner: what runs jobs, ``process`` or ``docker``.
        runtime: what the Docker runner mounts at /batchx; None where images hold it.
        registry: what ECR hands tokens out for; None without one.
    """
    with ExitStack() as undo:
        listener = undo.enter_context(open_listener())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        shared = make_scratch("shared")
        undo.callback(remove_scratch, shared)
        around = make_surroundings(url, identity.region, shared)
        logs = MotoLogSink(identity.account_id, identity.region)
        batch = Batch(capacity, identity=identity, grace_seconds=grace_seconds)
        ecr = EmbeddedEcr(identity, registry)

        def make_runner(events: RunnerEvents) -> Runner:
            if runner == DOCKER:
                return _open_docker_runner(events, logs, around, runtime, ecr, grace_seconds)
            return ProcessRunner(events, logs, around, grace_seconds=grace_seconds)

        engine = Engine(batch, make_runner)
        undo.callback(engine.close)
        credentials = Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
        application = EmbeddedAwsApplication(engine, identity.region, credentials, ecr)
        server = open_server(listener, application)
        undo.callback(server.server_close)
        serving = threading.Thread(
            target=server.serve_forever, args=(POLL_SECONDS,), name="batchx-http", daemon=True
        )
        serving.start()
        undo.callback(server.shutdown)
        aws = furnish_account(url, identity, credentials, runner)
        # What users count are their own calls.
        application.calls.clear()
        yield aws


def _open_docker_runner(
    events: RunnerEvents,
    logs: LogSink,
    around: Surroundings,
    runtime: RuntimeTrees | None,
    ecr: EmbeddedEcr,
    grace_seconds: float,
) -> Runner:
    # Imported here: processes need no docker library.
    from snakemake_executor_plugin_batchx.local.docker_containers import (  # noqa: PLC0415
        ContainerWorld,
    )
    from snakemake_executor_plugin_batchx.local.docker_engine import open_engine  # noqa: PLC0415
    from snakemake_executor_plugin_batchx.local.docker_orphans import (  # noqa: PLC0415
        make_server_label,
        sweep_orphans,
    )
    from snakemake_executor_plugin_batchx.local.docker_runner import (  # noqa: PLC0415
        DockerRunner,
    )

    # Users of images are not ours: all may write there, as in /tmp.
    Path(around.shared_folder).chmod(0o1777)
    engine = open_engine()
    sweep_orphans(engine)
    world = ContainerWorld(around, runtime, make_server_label())
    return DockerRunner(
        *(events, logs, world, engine),
        find_credentials=ecr.find_credentials,
        grace_seconds=grace_seconds,
    )
