"""What a launcher and a conductor need, without AWS and without Snakemake."""

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.aws.hosts import FoundHosts
from snakemake_executor_plugin_batchx.batch.pace import EMBEDDED_PACE
from snakemake_executor_plugin_batchx.batch.submitter import Submitter
from snakemake_executor_plugin_batchx.journal import Journal
from snakemake_executor_plugin_batchx.logs.saving import LogKeeper
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.job import JobDescription
from snakemake_executor_plugin_batchx.plan.job_options import JobOptions
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import RequestPlanner, Wish
from snakemake_executor_plugin_batchx.ports import Ports, RunContext
from snakemake_executor_plugin_batchx.recovery import LeftJobs
from snakemake_executor_plugin_batchx.spec import Blob, SharedSpec
from snakemake_executor_plugin_batchx.storage.layout import S3Root

DESCRIPTION = JobDescription(("one",), 1, (), Wish("Rule one", container="image"), (), (), ())


def make_planner(**options: Any) -> RequestPlanner:
    """Return a planner of a run with these options, all of whose queues are on EC2."""
    return RequestPlanner(JobOptions(**options), "queue", Platform, {"TOKEN": "hunter2"})


CONTEXT = RunContext(
    run_id="run-1",
    region="eu-west-1",
    job_queue="queue",
    root=S3Root("bucket", "root"),
    shared=SharedSpec(1, "root", Blob("sources", 0, 1, "0" * 64), 0, ".", "."),
    work_dir="/work",
    tags={},
    python="python",
    planner=make_planner(array=False),
    pace=EMBEDDED_PACE,
)


def make_ports(folder: Path, batch: Any, **others: Any) -> Ports:
    """Return ports to a Batch of the test's (a gateway), an empty store and an empty journal."""
    stopped = threading.Event()
    image = JobImage("image", "image")
    ports = {
        "gateway": batch,
        "images": SimpleNamespace(provide=lambda *_: image),
        "stager": SimpleNamespace(stage_inputs=lambda *_: ()),
        "definitions": SimpleNamespace(provide=lambda *_: "arn"),
        "submitter": Submitter(batch, lambda _: stopped.wait(0.01), stopped.is_set, lambda: 0.0),
        "store": MemoryStore(),
        "left": LeftJobs(()),
        "journal": Journal(folder / "run.jsonl", lambda: 0.0),
        "open_logs": None,
        "log_keeper": LogKeeper(folder / "logs", cast(Any, None)),
        "log": SimpleNamespace(info=print, warning=print, debug=print),
        "transfer": SimpleNamespace(stop=lambda: None),
        "fetcher": SimpleNamespace(fetch_results=lambda _: {}),
        "watcher": SimpleNamespace(describe_untold=list),
        "stopped": stopped,
        "clock": lambda: 0.0,
        "find_lost": lambda: "",
        "find_hosts": lambda _: FoundHosts(()),
        "clock_ns": lambda: 0,
    }
    return cast(Ports, SimpleNamespace(**{**ports, **others}))
