"""Why jobs wait: each cause against answers as Batch gives them."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.batch.queue_view import QueueView, WaitingJob
from snakemake_executor_plugin_batchx.batch.waiting import CAUSES, Cause, explain_waiting
from snakemake_executor_plugin_batchx.plan.instance_sizes import InstanceSize
from snakemake_executor_plugin_batchx.plan.resources import BatchResources

CASES = json.loads(
    (Path(__file__).parents[1] / "aws_messages" / "waiting.json").read_text(encoding="utf-8")
)


def read_case(case: dict[str, Any]) -> tuple[WaitingJob, QueueView]:
    job, view = dict(case["job"]), dict(case["view"])
    asked = job.pop("asked", None)
    resources = BatchResources(*asked) if asked else None
    sizes = [InstanceSize(*each) for each in view.pop("sizes", ())]
    own_ids = frozenset(view.pop("own_ids", ()))
    return (
        WaitingJob("own", resources=resources, **job),
        QueueView("q", sizes=sizes, own_ids=own_ids, **view),
    )


@pytest.mark.parametrize("case", CASES, ids=[f"{c['kind']}-{n}" for n, c in enumerate(CASES)])
def test_answers_of_batch_are_explained(case: dict[str, Any]) -> None:
    waiting = explain_waiting(*read_case(case))
    assert waiting is not None
    assert (waiting.kind, waiting.clause) == (case["kind"], case["clause"])
    assert waiting.sentence.startswith(f"{waiting.clause[0].upper()}{waiting.clause[1:]}: ")
    assert waiting.sentence.endswith(".")
    assert not re.search(r"[{}]|\.\.|None", waiting.sentence)


def test_each_cause_has_an_example_with_its_source() -> None:
    assert {case["kind"] for case in CASES} == {cause.kind for cause in CAUSES}
    assert all(case["source"].startswith("https://") for case in CASES if case["verified"])


causes = pytest.mark.parametrize("cause", CAUSES, ids=[cause.kind for cause in CAUSES])


@causes
def test_a_cause_is_told_as_a_clause_with_what_to_do(cause: Cause) -> None:
    assert len(cause.clause) < 100
    for text in (cause.clause, cause.fix):
        assert text == text.strip().rstrip(".") != ""
    assert cause.source.startswith("https://")
    assert cause.is_told or cause.is_usual


def test_the_reasons_that_batch_documents_are_all_known() -> None:
    """https://docs.aws.amazon.com/batch/latest/APIReference/API_JobDetail.html and the pages on
    stuck jobs."""
    documented = {
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
        "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS",
        "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
        "ACTION_REQUIRED",
        "UNDETERMINED",
    }
    for reason in documented:
        waiting = explain_waiting(WaitingJob("own", reason=reason), QueueView("q"))
        assert waiting is not None
        assert waiting.kind == reason.rpartition(":")[2].lower()


@pytest.mark.parametrize("seconds", [0.0, 100.0, 100_000.0])
def test_where_nothing_could_be_asked_nothing_is_made_up(seconds: float) -> None:
    assert explain_waiting(WaitingJob("own", seconds), QueueView("q")) is None


def test_a_job_of_ones_own_at_the_front_is_not_behind_others() -> None:
    for front in (["own:3", "other"], ["other"]):
        jobs = [{"jobArn": f"arn:aws:batch:eu-west-1:1:job/{job}"} for job in front]
        view = QueueView("q", snapshot={"frontOfQueue": {"jobs": jobs}}, own_ids=frozenset({"own"}))
        assert explain_waiting(WaitingJob("own", 1000), view) is None


ENVIRONMENT = {"computeEnvironmentName": "ce", "state": "ENABLED", "status": "VALID"}


def make_snapshot(used: float | None, front: Sequence[str] = ("own",)) -> dict[str, Any]:
    """Return GetJobQueueSnapshot's answer; the utilization is left out with None."""
    jobs = [{"jobArn": f"arn:aws:batch:eu-west-1:1:job/{job}"} for job in front]
    snapshot: dict[str, Any] = {"frontOfQueue": {"jobs": jobs}}
    if used is not None:
        usage = {"capacityUnit": "VCPU", "quantity": used}
        snapshot["queueUtilization"] = {"totalCapacityUsage": [usage]}
    return snapshot


@pytest.mark.parametrize(
    ("desired", "snapshot", "kind"),
    [
        (8, make_snapshot(0), "idle_instances"),
        (8, make_snapshot(8), None),
        (8, make_snapshot(None), None),
        (8, None, None),
        (96, make_snapshot(0), "at_max"),
        (94, make_snapshot(0), "near_max"),
        (8, make_snapshot(0, ("other", "own")), "others_first"),
    ],
)
def test_instances_are_suspected_only_where_no_job_can_be_on_them(
    desired: int, snapshot: dict[str, Any] | None, kind: str | None
) -> None:
    """Other queues' jobs on the same compute environment are in no snapshot of this queue."""
    resources = {"type": "EC2", "maxvCpus": 96, "desiredvCpus": desired}
    environments = [{**ENVIRONMENT, "computeResources": resources}]
    ids = frozenset({"own"})
    view = QueueView("q", environments=environments, snapshot=snapshot, own_ids=ids)
    waiting = explain_waiting(WaitingJob("own", 1200, "", BatchResources(4, 1000)), view)
    assert (waiting.kind if waiting else None) == kind


@pytest.mark.parametrize(
    ("seconds", "desired", "kind"),
    [
        (130, 0, None),
        (300, 0, "no_order"),
        (130, 8, "starting"),
        (599, 8, "starting"),
        (600, 8, "idle_instances"),
    ],
)
def test_instances_are_given_time_to_come(seconds: float, desired: int, kind: str | None) -> None:
    resources = {"type": "EC2", "maxvCpus": 96, "desiredvCpus": desired}
    environments = [{**ENVIRONMENT, "computeResources": resources}]
    view = QueueView("q", environments=environments, snapshot=make_snapshot(0))
    waiting = explain_waiting(WaitingJob("own", seconds), view)
    assert (waiting.kind if waiting else None) == kind


def test_one_usable_environment_is_enough() -> None:
    resources = {"type": "EC2", "maxvCpus": 96, "desiredvCpus": 8}
    usable = {**ENVIRONMENT, "computeResources": resources}
    others = [
        {**usable, "state": "DISABLED"},
        {**usable, "status": "INVALID", "statusReason": "gone"},
    ]
    waiting = explain_waiting(WaitingJob("own", 1), QueueView("q", environments=[*others, usable]))
    assert waiting is not None
    assert waiting.kind == "starting"
