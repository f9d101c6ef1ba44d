"""Opening a run: all that must be there before the first job, in order, and undone in turn."""

import os
import random
import secrets
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.account_build.order import AccountBuild
from snakemake_executor_plugin_batchx.aws.budget import CallBudget
from snakemake_executor_plugin_batchx.aws.preflight import (
    QueueReport,
    inspect_queue,
    list_root_problems,
)
from snakemake_executor_plugin_batchx.aws.retry import Retrier
from snakemake_executor_plugin_batchx.aws.session import AwsSession, open_session
from snakemake_executor_plugin_batchx.batch.definitions import Definitions
from snakemake_executor_plugin_batchx.batch.gateway import BatchGateway
from snakemake_executor_plugin_batchx.batch.watcher import Watcher
from snakemake_executor_plugin_batchx.conductor import Conductor
from snakemake_executor_plugin_batchx.delivery import (
    Delivery,
    choose_runtime,
    open_delivery,
    provide_all,
)
from snakemake_executor_plugin_batchx.deployment import deploy_sources
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.places import Places
from snakemake_executor_plugin_batchx.journal import Journal
from snakemake_executor_plugin_batchx.plan.definition import (
    DefinitionSettings,
    RuntimeVolume,
)
from snakemake_executor_plugin_batchx.plan.names import make_run_id
from snakemake_executor_plugin_batchx.ports import Log, Ports, RunContext
from snakemake_executor_plugin_batchx.runtime.cache import find_cache_dir
from snakemake_executor_plugin_batchx.settings import (
    LOCAL_QUEUE,
    ExecutorSettings,
    parse_tags,
)
from snakemake_executor_plugin_batchx.storage.fetch import Fetcher
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import AREA, S3Root, make_s3_root
from snakemake_executor_plugin_batchx.storage.mirror import Mirror
from snakemake_executor_plugin_batchx.storage.stage import Stager
from snakemake_executor_plugin_batchx.storage.transfer import Transfer
from snakemake_executor_plugin_batchx.version import __version__
from snakemake_executor_plugin_batchx.workflow.images import list_containers
from snakemake_executor_plugin_batchx.workflow.parse_audit import ParseRecord

STATE_DIR = Path(".snakemake", "batchx")


@dataclass(frozen=True)
class Summary:
    """What a run took: the journal's last line, and the last thing said."""

    jobs: int
    definitions: int
    api_calls: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"jobs submitted: {self.jobs}, job definitions registered: {self.definitions}, "
            f"Batch API calls: {self.api_calls}, time: {self.seconds:.0f} s"
        )


@dataclass
class OpenRun:
    """A conductor and all that has to be closed after it.

    `places` are those of this machine that params may name (job/places.py); `images_stopped` ends
    copies of images, `calls_stopped` further tries of Batch calls (but for those that end jobs).
    """

    conductor: Conductor
    stack: ExitStack
    budget: CallBudget
    definitions: Definitions
    journal: Journal
    log: Log
    started: float
    places: Places
    images_stopped: threading.Event
    calls_stopped: threading.Event
    is_closed: bool = False

    def close(self) -> None:
        """End what is left of the run and say what it took. Once is enough."""
        if self.is_closed:
            return
        self.is_closed = True
        self.images_stopped.set()
        self.calls_stopped.set()
        with self.stack:
            self.conductor.close()
            summary = Summary(
                jobs=self.conductor.submitted_count,
                definitions=self.definitions.registered_count,
                api_calls=sum(self.budget.get_counts().values()),
                seconds=round(time.monotonic() - self.started, 1),
            )
            self.journal.write("end", **asdict(summary))
        self.log.info(f"batchx: {summary}")


def open_run(executor: Any, parsed: ParseRecord) -> OpenRun:
    """Open everything for a run of `executor` (our Executor).

    Raises BatchxError, with all that is wrong, before anything is submitted.
    """
    settings, workflow, log = executor.executor_settings, executor.workflow, executor.logger
    _refuse_foreign_storage(settings, workflow.storage_settings)
    started = time.monotonic()
    run_id = make_run_id(datetime.now(UTC), secrets.token_hex(3))
    with ExitStack() as stack:
        session = open_session(settings, stack, choose_runtime(log.info))
        root = make_s3_root(choose_s3_root(session.s3_root, workflow.storage_settings))
        store = S3Gateway(session.s3_client, root.bucket)
        budget = CallBudget(time.monotonic, time.sleep)
        calls_stopped = threading.Event()
        gateway = BatchGateway(session.batch_client, _make_retrier(budget, calls_stopped, log))
        queue = inspect_queue(gateway, session.job_queue, session.region)
        note = {"run_id": run_id, "batchx": __version__}
        root_problems = list_root_problems(store, root.get_probe_key(run_id), note)
        _refuse_problems([*queue.problems, *root_problems])
        tags = {**parse_tags(settings.tags), "batchx:run": run_id}
        delivery = _open_delivery(executor, queue, session, gateway, store, root, tags)
        context = RunContext(
            run_id=run_id,
            region=session.region,
            job_queue=session.job_queue,
            root=root,
            shared=deploy_sources(executor, parsed, store, root),
            work_dir=os.getcwd(),
            tags=tags,
            python=delivery.python,
        )
        definition_settings = _make_definition_settings(settings, session, delivery.volume)
        definitions = Definitions(gateway, definition_settings)
        ports = _open_ports(executor, context, store, gateway, definitions, delivery, stack)
        kept = stack.pop_all()
    return OpenRun(
        *(Conductor(context, ports), kept, budget, definitions, ports.journal, log, started),
        *(Places(context.shared.places), delivery.stopped, calls_stopped),
    )


def _make_retrier(budget: CallBudget, stopped: threading.Event, log: Log) -> Retrier:
    return Retrier(
        budget,
        time.monotonic,
        time.sleep,
        random.random,
        stopped.is_set,
        lambda text: log.warning(f"batchx: {text}"),
    )


def _open_delivery(
    executor: Any,
    queue: QueueReport,
    session: AwsSession,
    gateway: BatchGateway,
    store: S3Gateway,
    root: S3Root,
    tags: dict[str, str],
) -> Delivery:
    """Bring the runtime and the images that the workflow names to where jobs get them."""
    settings, log = executor.executor_settings, executor.logger
    if queue.local_runner == "process":
        _warn_of_containers(executor.workflow, log, session.runner_doubt)
    build = AccountBuild(
        batch=gateway,
        definitions=Definitions(gateway, _make_definition_settings(settings, session)),
        store=store,
        root=root,
        region=session.region,
        job_queue=session.job_queue,
        tags=tags,
        cache_dir=find_cache_dir(os.environ),
        say=lambda text: log.info(f"batchx: {text}"),
        clock=time.monotonic,
        sleep=time.sleep,
    )
    delivery = open_delivery(settings, queue, session, gateway, build.provide, log.info)
    provide_all(delivery, list_containers(executor.workflow))
    return delivery


def _open_ports(
    executor: Any,
    context: RunContext,
    store: S3Gateway,
    gateway: BatchGateway,
    definitions: Definitions,
    delivery: Delivery,
    stack: ExitStack,
) -> Ports:
    """Open what the conductor works through; what has to be closed goes on `stack`."""
    run_id, root, base = context.run_id, context.root, context.work_dir
    remote_settings = executor.workflow.remote_execution_settings
    journal = stack.enter_context(Journal(STATE_DIR / f"{run_id}.jsonl", time.time))
    journal.write("run", run_id=run_id, queue=context.job_queue, batchx=__version__)
    mirror = stack.enter_context(
        Mirror(STATE_DIR / "mirror.sqlite", root.make_url(root.prefix), run_id)
    )
    transfer = stack.enter_context(Transfer(store))
    return Ports(
        gateway=gateway,
        images=delivery.images,
        definitions=definitions,
        watcher=Watcher(gateway, time.monotonic, remote_settings.seconds_between_status_checks),
        store=store,
        stager=Stager(store, root, mirror, transfer, base, run_id),
        fetcher=Fetcher(store, mirror, transfer, base),
        transfer=transfer,
        journal=journal,
        log=executor.logger,
    )


def _refuse_foreign_storage(settings: ExecutorSettings, storage_settings: Any) -> None:
    if settings.job_queue == LOCAL_QUEUE and storage_settings.default_storage_provider:
        raise BatchxError(
            "--batchx-job-queue local starts an S3 of its own, which --default-storage-provider "
            f"{storage_settings.default_storage_provider} does not see: leave the storage provider "
            "out, or keep an embedded AWS standing (batchx local up) and use its queue and bucket."
        )


def choose_s3_root(setting: str | None, storage_settings: Any) -> str:
    """Return the S3 root: the setting, else an area below an s3 default storage prefix.

    Raises BatchxError where neither is there.
    """
    if setting:
        return setting
    prefix = storage_settings.default_storage_prefix
    if storage_settings.default_storage_provider == "s3" and prefix:
        return f"{prefix.rstrip('/')}/{AREA}"
    raise BatchxError(
        "No S3 root is set, so jobs could get no files: give --batchx-s3-root s3://bucket/prefix "
        "(or the environment variable SNAKEMAKE_BATCHX_S3_ROOT)."
    )


def _refuse_problems(problems: list[str]) -> None:
    if problems:
        raise BatchxError("\n".join(dict.fromkeys(problems)))


def _warn_of_containers(workflow: Any, log: Log, doubt: str) -> None:
    because = f" ({doubt})" if doubt else ""
    rules = sorted(rule.name for rule in workflow.rules if rule.container_img)
    if rules:
        log.warning(
            f"batchx: the embedded Batch runs jobs on this machine, without containers{because}: "
            f"the tools of {', '.join(rules)} are taken from your PATH, not from their images."
        )


def _make_definition_settings(
    settings: ExecutorSettings, session: AwsSession, volume: RuntimeVolume | None = None
) -> DefinitionSettings:
    return DefinitionSettings(
        job_role=session.job_role,
        execution_role=settings.execution_role,
        log_group=settings.log_group,
        tags=parse_tags(settings.tags),
        runtime_volume=volume,
    )
