"""What a run says of earlier ones in their journals when it ends."""

import threading
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from head_world import make_ports

from snakemake_executor_plugin_batchx.journal import Journal
from snakemake_executor_plugin_batchx.open_run import OpenRun
from snakemake_executor_plugin_batchx.plan.module_map import EMPTY_MAP
from snakemake_executor_plugin_batchx.recovery import EarlierRuns, LeftJobs, Site, has_ended

SITE = Site("queue", "s3://bucket/.batchx", "https://batch.eu-west-1.amazonaws.com")


@pytest.mark.parametrize("is_stopped", [False, True])
def test_an_earlier_run_is_closed_by_one_that_comes_to_its_end(
    tmp_path: Path, is_stopped: bool
) -> None:
    path = tmp_path / "earlier.jsonl"
    with Journal(path, lambda: 0.0) as journal:
        journal.write("run")
    conductor = SimpleNamespace(
        close=lambda: None, has_unreported=is_stopped, submitted_count=0, keeps_output=False
    )
    ports = make_ports(tmp_path, None, definitions=SimpleNamespace(registered_count=0))
    run = OpenRun(
        conductor=cast(Any, conductor),
        ports=ports,
        stack=ExitStack(),
        budget=cast(Any, SimpleNamespace(get_counts=dict)),
        started=time.monotonic(),
        places=cast(Any, None),
        modules=EMPTY_MAP,
        images_stopped=threading.Event(),
        earlier=EarlierRuns(SITE, (path,), LeftJobs(())),
        write_report=lambda: None,
    )
    run.close()
    assert has_ended(path) is not is_stopped
    assert has_ended(tmp_path / "run.jsonl") is not is_stopped
