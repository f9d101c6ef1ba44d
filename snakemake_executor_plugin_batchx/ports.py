"""What the conductor is given: the facts of a run, and the ways to the world."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from snakemake_executor_plugin_batchx.aws.hosts import FoundHosts
from snakemake_executor_plugin_batchx.batch.definitions import Definitions
from snakemake_executor_plugin_batchx.batch.gateway import BatchGateway
from snakemake_executor_plugin_batchx.batch.pace import Pace
from snakemake_executor_plugin_batchx.batch.sibling_images import Images
from snakemake_executor_plugin_batchx.batch.submitter import Submitter
from snakemake_executor_plugin_batchx.batch.watcher import Watcher
from snakemake_executor_plugin_batchx.journal import Journal
from snakemake_executor_plugin_batchx.logs.gateway import LogsGateway
from snakemake_executor_plugin_batchx.logs.saving import LogKeeper
from snakemake_executor_plugin_batchx.plan.cache_folder import DEFAULT_CACHE, CacheFolder
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import RequestPlanner
from snakemake_executor_plugin_batchx.recovery import LeftJobs
from snakemake_executor_plugin_batchx.spec import SharedSpec
from snakemake_executor_plugin_batchx.storage.fetch import Fetcher
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.options import PLAIN_OPTIONS, S3Options
from snakemake_executor_plugin_batchx.storage.stage import Stager
from snakemake_executor_plugin_batchx.storage.transfer import Transfer


class Log(Protocol):
    """The methods of Snakemake's logger that we use."""

    def info(self, message: str) -> None:
        """Say what happens."""

    def warning(self, message: str) -> None:
        """Say what the user should know."""

    def debug(self, message: str) -> None:
        """Say what only a developer wants to know."""


@dataclass(frozen=True)
class RunContext:
    """What all jobs of a run share.

    `job_queue` is where jobs go that name none, `planner` says what each asks of Batch, `python` is
    the interpreter in their containers. `pace` says how long equal jobs wait for each other.
    `console_region` is the region whose console shows them, None for an embedded AWS.
    `cache_folder` is where hosts keep inputs, `s3_options` what is asked of S3.
    `find_known` returns what is known of a queue, without a call.
    """

    run_id: str
    region: str
    job_queue: str
    root: S3Root
    shared: SharedSpec
    work_dir: str
    tags: dict[str, str]
    python: str
    planner: RequestPlanner
    pace: Pace
    console_region: str | None = None
    cache_folder: CacheFolder = DEFAULT_CACHE
    s3_options: S3Options = PLAIN_OPTIONS
    find_known: Callable[[str], Platform | None] = lambda _queue: None


@dataclass(frozen=True)
class Ports:
    """What the conductor reaches the world through.

    `left` are jobs of earlier runs; `open_logs` returns the gateway to a region's logs, for None to
    those of the run's; once `stopped` is set, nothing is submitted or tried again. `find_lost`
    returns a sentence once there are no credentials any more and will be none, else "";
    `find_hosts` asks what the hosts are that have these ARNs.
    """

    gateway: BatchGateway
    images: Images
    definitions: Definitions
    submitter: Submitter
    watcher: Watcher
    left: LeftJobs
    store: S3Gateway
    stager: Stager
    fetcher: Fetcher
    transfer: Transfer
    journal: Journal
    open_logs: Callable[[str | None], LogsGateway]
    log_keeper: LogKeeper
    log: Log
    stopped: threading.Event
    clock: Callable[[], float] = time.monotonic
    clock_ns: Callable[[], int] = time.time_ns
    find_lost: Callable[[], str] = lambda: ""
    find_hosts: Callable[[Sequence[str]], FoundHosts] = lambda _arns: FoundHosts(())
