"""Opening a run: all that must be there before the first job, in order, and undone in turn."""

import functools
import os
import random
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.account_build.order import AccountBuild
from snakemake_executor_plugin_batchx.aws.budget import CallBudget, open_budget
from snakemake_executor_plugin_batchx.aws.credentials import Renewal
from snakemake_executor_plugin_batchx.aws.hosts import FoundHosts, find_hosts
from snakemake_executor_plugin_batchx.aws.retry import open_retrier
from snakemake_executor_plugin_batchx.aws.session import AwsSession, open_session
from snakemake_executor_plugin_batchx.batch.definitions import Definitions
from snakemake_executor_plugin_batchx.batch.gateway import BatchGateway
from snakemake_executor_plugin_batchx.batch.pace import AWS_PACE, EMBEDDED_PACE
from snakemake_executor_plugin_batchx.batch.submitter import Submitter
from snakemake_executor_plugin_batchx.batch.watcher import Watcher
from snakemake_executor_plugin_batchx.conductor import Conductor
from snakemake_executor_plugin_batchx.delivery import (
    Delivery,
    choose_runtime,
    open_delivery,
    provide_all,
)
from snakemake_executor_plugin_batchx.deployment import deploy_sources
from snakemake_executor_plugin_batchx.detached.shipping import open_shipping
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.groundwork import Ground, lay_ground
from snakemake_executor_plugin_batchx.job.places import Places
from snakemake_executor_plugin_batchx.journal import STATE_DIR, Journal
from snakemake_executor_plugin_batchx.logs.gateway import CALLS_PER_SECOND, LogsGateway
from snakemake_executor_plugin_batchx.logs.gateway import SERVICE as LOGS_SERVICE
from snakemake_executor_plugin_batchx.logs.saving import LOG_DIR, LogKeeper
from snakemake_executor_plugin_batchx.open_run import OpenRun
from snakemake_executor_plugin_batchx.plan.cache_folder import parse_cache_folder
from snakemake_executor_plugin_batchx.plan.names import RUN_TAG, WORKFLOW_TAG, make_run_id
from snakemake_executor_plugin_batchx.plan.values import Problems
from snakemake_executor_plugin_batchx.ports import Log, Ports, RunContext
from snakemake_executor_plugin_batchx.price_asking import ask_prices
from snakemake_executor_plugin_batchx.recovery import EarlierRuns, Site, find_earlier_runs
from snakemake_executor_plugin_batchx.reporting import ReportSource, write_report
from snakemake_executor_plugin_batchx.runtime.cache import find_cache_dir
from snakemake_executor_plugin_batchx.setting_checks import choose_s3_root
from snakemake_executor_plugin_batchx.settings import LOCAL_QUEUE, ExecutorSettings
from snakemake_executor_plugin_batchx.storage.bulk_reads import BulkReader
from snakemake_executor_plugin_batchx.storage.fetch import Fetcher
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import S3Root, make_s3_root
from snakemake_executor_plugin_batchx.storage.mirror import NOTES_AT_ONCE, Mirror
from snakemake_executor_plugin_batchx.storage.stage import Stager
from snakemake_executor_plugin_batchx.storage.transfer import Transfer
from snakemake_executor_plugin_batchx.usages import read_usages
from snakemake_executor_plugin_batchx.version import __version__
from snakemake_executor_plugin_batchx.workflow.parse_audit import ParseRecord


class Stop:
    """What ends a run before its jobs have.

    Once `stopped` is set, no call but those that end jobs is repeated. `renewal` waits for new
    credentials until then.
    """

    def __init__(self, log: Log) -> None:
        self.stopped = threading.Event()
        self.renewal = Renewal(self.stopped.wait, lambda text: log.warning(f"batchx: {text}"))

    def find_lost(self) -> str:
        """Return a sentence once there are no credentials and will be none."""
        return self.renewal.lost


@dataclass(frozen=True)
class BatchAccess:
    """The ways to AWS Batch and to the logs of its jobs.

    `open_logs` returns the gateway to the logs of a region, for None to those of the run's;
    `find_hosts` asks ECS and EC2 about hosts by their ARNs.
    """

    gateway: BatchGateway
    open_logs: Callable[[str | None], LogsGateway]
    budget: CallBudget
    endpoint_url: str
    stop: Stop
    find_hosts: Callable[[Sequence[str]], FoundHosts]


@dataclass(frozen=True)
class RootAccess:
    """The ways to the bucket of the S3 root."""

    store: S3Gateway
    reader: BulkReader


def open_run(executor: Any, parsed: ParseRecord) -> OpenRun:
    """Open everything for a run of our Executor.

    Raises BatchxError, with all that is wrong, before anything is submitted.
    """
    started, settings, log = time.monotonic(), executor.executor_settings, executor.logger
    _check_storage(settings, executor.workflow.storage_settings, log)
    with ExitStack() as stack:
        run_id, stop = make_run_id(datetime.now(UTC), secrets.token_hex(3)), Stop(log)
        session = open_session(settings, stack, choose_runtime(log.info), stop.renewal)
        root = make_s3_root(choose_s3_root(session.s3_root, executor.workflow.storage_settings))
        s3 = _open_s3(session, root.bucket, stack)
        batch = _open_batch(session, log, stop)
        ground = lay_ground(executor, session, batch.gateway, s3.store, root.get_probe_key(run_id))
        tags = {RUN_TAG: run_id, WORKFLOW_TAG: ground.settings.workflow}
        delivery = _open_delivery(executor, ground, session, batch.gateway, s3.store, root, tags)
        context = RunContext(
            run_id=run_id,
            region=session.region,
            job_queue=session.job_queue,
            root=root,
            shared=deploy_sources(executor, parsed, s3.store, root),
            work_dir=os.getcwd(),
            tags=tags,
            python=delivery.python,
            planner=ground.planner,
            console_region=None if ground.local_runner else session.region,
            pace=EMBEDDED_PACE if ground.local_runner else AWS_PACE,
            cache_folder=parse_cache_folder(settings.host_cache),
            s3_options=session.s3_options,
            find_known=ground.queues.find_known,
        )
        earlier = _find_earlier_runs(context, batch, log)
        ports = _open_ports(executor, context, s3, batch, ground, delivery, earlier, stack)
        kept = stack.pop_all()
    return OpenRun(
        *(Conductor(context, ports), ports, kept, batch.budget, started),
        *(Places(context.shared.places), ground.modules, delivery.stopped, earlier),
        plan_report(settings, session, s3, ports),
    )


def plan_report(
    settings: ExecutorSettings, session: AwsSession, s3: RootAccess, ports: Ports
) -> Callable[[], None]:
    """Return what writes the run's report at its end, or does nothing where none is wanted."""
    if not settings.report:
        return lambda: None
    source = ReportSource(
        ports.journal.path,
        settings.prices,
        functools.partial(read_usages, s3.reader.read_all, s3.store.read_bytes),
        functools.partial(ask_prices, session.make_check_client, session.region),
    )
    return functools.partial(write_report, source, Path(settings.report), ports.log)


def _find_earlier_runs(context: RunContext, batch: BatchAccess, log: Log) -> EarlierRuns:
    root = context.root
    site = Site(context.job_queue, root.make_url(root.prefix), batch.endpoint_url)
    earlier = find_earlier_runs(STATE_DIR, site)
    if earlier.left:
        log.info(
            f"batchx: {len(earlier.left)} jobs of runs that were stopped may be there still: "
            "those that this run needs are taken up."
        )
    return earlier


def _open_s3(session: AwsSession, bucket: str, stack: ExitStack) -> RootAccess:
    client = session.s3_client
    reader = BulkReader(client, session.credentials, bucket, ca_bundle=session.ca_bundle)
    store = S3Gateway(
        client,
        bucket,
        credentials=session.credentials,
        ca_bundle=session.ca_bundle,
        options=session.s3_options.for_own_objects,
    )
    return RootAccess(store, stack.enter_context(reader))


def _open_batch(session: AwsSession, log: Log, stop: Stop) -> BatchAccess:
    def warn(text: str) -> None:
        log.warning(f"batchx: {text}")

    is_stopped, budget = stop.stopped.is_set, open_budget()
    of_logs = open_retrier(open_budget(CALLS_PER_SECOND), is_stopped, warn, LOGS_SERVICE)

    def open_logs(region: str | None) -> LogsGateway:
        return LogsGateway(session.make_logs_client(region or session.region), of_logs)

    client = session.batch_client
    return BatchAccess(
        gateway=BatchGateway(client, open_retrier(budget, is_stopped, warn)),
        open_logs=functools.cache(open_logs),
        budget=budget,
        endpoint_url=client.meta.endpoint_url,
        stop=stop,
        find_hosts=functools.partial(find_hosts, session.make_check_client, session.region),
    )


def _open_delivery(
    executor: Any,
    ground: Ground,
    session: AwsSession,
    gateway: BatchGateway,
    store: S3Gateway,
    root: S3Root,
    tags: dict[str, str],
) -> Delivery:
    """Bring the runtime and the images that the workflow names to where jobs get them."""
    settings, log = executor.executor_settings, executor.logger
    if ground.local_runner == "process":
        _warn_of_containers(executor.workflow, log, session.runner_doubt)
    build = AccountBuild(
        batch=gateway,
        definitions=Definitions(gateway, ground.settings),
        store=store,
        root=root,
        region=session.region,
        plan_request=ground.plan_for_architecture,
        tags=tags,
        cache_dir=find_cache_dir(os.environ),
        say=lambda text: log.info(f"batchx: {text}"),
        clock=time.monotonic,
        sleep=time.sleep,
    )
    delivery = open_delivery(
        settings, ground.local_runner, session, gateway, build.provide, log.info
    )
    images, sentences = provide_all(delivery, ground.survey.list_needs())
    problems = Problems()
    problems.sentences += [*sentences, *ground.survey.list_image_problems(images)]
    problems.raise_all()
    return delivery


def _open_ports(
    executor: Any,
    context: RunContext,
    s3: RootAccess,
    batch: BatchAccess,
    ground: Ground,
    delivery: Delivery,
    earlier: EarlierRuns,
    stack: ExitStack,
) -> Ports:
    """Open what the conductor works through; what has to be closed goes on `stack`."""
    run_id, root, base, gateway = context.run_id, context.root, context.work_dir, batch.gateway
    journal, mirror = _open_records(context, s3.store, earlier, stack)
    transfer = stack.enter_context(Transfer(s3.store))
    longest_seconds = executor.workflow.remote_execution_settings.seconds_between_status_checks
    stopped = batch.stop.stopped
    # Whoever looks on while a run opens is told what is wrong; from now on it may be waited for.
    batch.stop.renewal.has_begun = True
    return Ports(
        gateway=gateway,
        images=delivery.images,
        definitions=Definitions(gateway, replace(ground.settings, runtime_volume=delivery.volume)),
        submitter=Submitter(gateway, stopped.wait, stopped.is_set, random.random),
        watcher=Watcher(gateway, time.monotonic, longest_seconds, context.pace),
        left=earlier.left,
        store=s3.store,
        stager=Stager(root, mirror, transfer, base, run_id),
        fetcher=Fetcher(s3.store, mirror, transfer, base, s3.reader.read_all),
        transfer=transfer,
        journal=journal,
        open_logs=batch.open_logs,
        log_keeper=LogKeeper(LOG_DIR / run_id, transfer),
        log=executor.logger,
        stopped=stopped,
        find_lost=batch.stop.find_lost,
        find_hosts=batch.find_hosts,
    )


def _open_records(
    context: RunContext, store: S3Gateway, earlier: EarlierRuns, stack: ExitStack
) -> tuple[Journal, Mirror]:
    """Open what a run writes down: its journal, and what S3 has."""
    run_id, root = context.run_id, context.root
    ship = open_shipping(os.environ, store)
    journal = stack.enter_context(Journal(STATE_DIR / f"{run_id}.jsonl", time.time, ship))
    journal.write("run", run_id=run_id, batchx=__version__, **asdict(earlier.site))
    # A detached head reads the notes while they are made.
    at_once = NOTES_AT_ONCE if ship is None else 1
    root_url = root.make_url(root.prefix)
    mirror = stack.enter_context(Mirror(STATE_DIR / "mirror.sqlite", root_url, run_id, at_once))
    return journal, mirror


def _check_storage(settings: ExecutorSettings, storage_settings: Any, log: Log) -> None:
    """Refuse an S3 that Snakemake's plugin does not see; tell of a profile that it does not see."""
    profile = settings.profile
    is_s3 = storage_settings.default_storage_provider == "s3"
    if is_s3 and profile and os.environ.get("AWS_PROFILE") != profile:
        log.warning(
            "batchx: Snakemake's own s3 storage plugin knows nothing of --batchx-profile: set "
            f"AWS_PROFILE={profile}, too, if it is to read your data on this machine with it."
        )
    if settings.job_queue == LOCAL_QUEUE and storage_settings.default_storage_provider:
        raise BatchxError(
            "--batchx-job-queue local starts an S3 of its own, which --default-storage-provider "
            f"{storage_settings.default_storage_provider} does not see: leave the storage provider "
            "out, or keep an embedded AWS standing (batchx local up) and use its queue and bucket."
        )


def _warn_of_containers(workflow: Any, log: Log, doubt: str) -> None:
    because = f" ({doubt})" if doubt else ""
    rules = sorted(rule.name for rule in workflow.rules if rule.container_img)
    if rules:
        log.warning(
            f"batchx: the embedded Batch runs jobs on this machine, without containers{because}: "
            f"the tools of {', '.join(rules)} are taken from your PATH, not from their images."
        )
