"""What the journal is told of jobs."""

from typing import Any

import pytest
from head_world import DESCRIPTION
from journal_breaches import find_breaches

from snakemake_executor_plugin_batchx.batch.state import Attempt, JobState
from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.journal import SCHEMA_VERSION
from snakemake_executor_plugin_batchx.noting import make_demand, make_item, make_state
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import JobRequest
from snakemake_executor_plugin_batchx.plan.resources import BatchResources

HEAD: dict[str, Any] = {"v": SCHEMA_VERSION, "t": 1.5}

ATTEMPTS = (Attempt((), started_seconds=2.0, stopped_seconds=3.0, host="arn"), Attempt(()))


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "FAILED"])
def test_a_job_that_has_ended_is_told_of_with_its_times(status: str) -> None:
    state = JobState("j", status, "why", ATTEMPTS, created_seconds=1.0, stopped_seconds=4.0)
    fields = make_state("000001", state)
    assert find_breaches({**HEAD, "event": "state", **fields}) == []
    starts = [
        {"started": 2.0, "stopped": 3.0, "host": "arn"},
        {"started": None, "stopped": None, "host": None},
    ]
    assert fields.get("starts") == (None if status == "RUNNING" else starts)
    assert fields.get("created") == (None if status == "RUNNING" else 1.0)


def test_what_jobs_ask_for_and_may_be_on() -> None:
    platform = Platform("q", environment_types=("SPOT", "EC2"))
    resources = BatchResources(2.0, 2304, 1, overhead_mib=256, disk_mib=100)
    fields = make_demand(JobRequest(platform, resources), "image")
    job = TrackedJob("000001", DESCRIPTION)
    event = {"event": "intent", "name": "n", "queue": "q", "definition": "d", "spec_key": "s"}
    item = {**make_item(job), "rules": list(DESCRIPTION.rules)}
    assert find_breaches({**HEAD, **event, **fields, "jobs": [item]}) == []
    assert fields["environments"] == ["SPOT", "EC2"]
    assert fields["resources"]["overhead_mib"] == 256
