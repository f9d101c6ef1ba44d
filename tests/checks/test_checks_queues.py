"""What is wrong with queues and compute environments, as findings and as sentences."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.checks.queues import (
    ProfileUse,
    QueueFacts,
    judge_environments,
    judge_queue,
    list_failures,
    list_instance_profiles,
)

ARN = "arn:aws:batch:eu-west-1:123456789012:"

QUEUE = {
    "jobQueueName": "q",
    "jobQueueArn": f"{ARN}job-queue/q",
    "state": "ENABLED",
    "status": "VALID",
}
ELSEWHERE = "where batchx cannot run jobs: name a queue on EC2, EC2 Spot, Fargate or Fargate Spot."

ACCOUNT_MESSAGES = json.loads(
    (Path(__file__).parents[1] / "aws_messages" / "accounts.json").read_text(encoding="utf-8")
)

REASONS = [each["message"] for each in ACCOUNT_MESSAGES if each["about"] == "environment"]
"""Why compute environments became INVALID."""


def make_environment(name: str = "ce", kind: str = "EC2", **members: Any) -> dict[str, Any]:
    resources = {"type": kind, "maxvCpus": 64} | members.pop("resources", {})
    return {
        "computeEnvironmentName": name,
        "computeEnvironmentArn": f"{ARN}compute-environment/{name}",
        "containerOrchestrationType": "ECS",
        "state": "ENABLED",
        "status": "VALID",
        "computeResources": resources,
        **members,
    }


def make_view(*environments: Mapping[str, Any], who: str = "", **members: Any) -> QueueFacts:
    return QueueFacts("q", "eu-west-1", who, QUEUE | members, environments)


EKS = make_environment(containerOrchestrationType="EKS")


@pytest.mark.parametrize(
    ("members", "environment", "expected"),
    [
        (
            {"state": "DISABLED"},
            make_environment(),
            "Job queue q is DISABLED: enable it, or name another.",
        ),
        (
            {"status": "INVALID", "statusReason": "no subnet"},
            make_environment(),
            "Job queue q is INVALID (no subnet): mend it, or name another.",
        ),
        (
            {"status": "DELETING"},
            make_environment(),
            "Job queue q is DELETING (no reason given): mend it, or name another.",
        ),
        ({}, EKS, f"Job queue q is on EKS, {ELSEWHERE}"),
        ({"jobQueueType": "EKS"}, EKS, f"Job queue q is on EKS, {ELSEWHERE}"),
        (
            {},
            make_environment(kind="ECS_MANAGED_INSTANCES"),
            f"Job queue q is on ECS Managed Instances, {ELSEWHERE}",
        ),
        ({}, make_environment(kind="NEW_THING"), f"Job queue q is on NEW_THING, {ELSEWHERE}"),
    ],
)
def test_each_problem_of_a_queue_is_a_sentence(
    members: dict[str, Any], environment: Mapping[str, Any], expected: str
) -> None:
    view = make_view(environment, **members)
    assert [each.sentence for each in judge_queue(view)] == [expected]
    assert [each.sentence for each in list_failures(view)] == [expected]


def test_a_queue_for_training_is_refused_though_it_has_no_compute_environment() -> None:
    view = make_view(who="who asks", jobQueueType="SAGEMAKER_TRAINING")
    (finding,) = list_failures(view)
    assert finding.sentence == f"Job queue q (who asks) is on SageMaker, {ELSEWHERE}"


@pytest.mark.parametrize("kind", ["ECS", "ECS_FARGATE", ""])
def test_the_kinds_of_queue_that_batch_names_are_known(kind: str) -> None:
    assert list_failures(make_view(make_environment(), jobQueueType=kind)) == []


def test_of_a_sound_queue_it_is_told_what_it_runs_on() -> None:
    view = make_view(make_environment("a"), make_environment("b", "SPOT"))
    (finding,) = judge_queue(view)
    assert (finding.check, finding.status) == ("queue", "ok")
    assert finding.text == "q is ENABLED and VALID, on EC2 and SPOT"


MANY = tuple(f"q{number:02}" for number in range(13))


@pytest.mark.parametrize(
    ("others", "sentence"),
    [
        (
            None,
            "Job queue no (x) does not exist in region eu-west-1: check its name, and "
            "--batchx-region.",
        ),
        (
            (),
            "Job queue no (x) does not exist in region eu-west-1, nor does any other: check "
            "--batchx-region and the account, or make one.",
        ),
        (
            ("a", "b"),
            "Job queue no (x) does not exist in region eu-west-1: name one that is there (a, b), "
            "or check --batchx-region.",
        ),
        (
            MANY,
            f"Job queue no (x) does not exist in region eu-west-1: name one that is there "
            f"({', '.join(MANY[:10])} and 3 more), or check --batchx-region.",
        ),
    ],
)
def test_where_a_queue_is_not_there_the_others_are_named(
    others: tuple[str, ...] | None, sentence: str
) -> None:
    (finding,) = judge_queue(QueueFacts("no", "eu-west-1", "x", others=others))
    assert (finding.status, finding.sentence) == ("failed", sentence)


def test_a_queue_of_another_region_is_not_looked_for_here() -> None:
    arn = "arn:aws:batch:us-east-2:123456789012:job-queue/q"
    (finding,) = judge_queue(QueueFacts(arn, "eu-west-1", "x", others=("a",)))
    assert finding.sentence == (
        f"Job queue {arn} (x) is one of region us-east-2, but eu-west-1 is asked: name a queue "
        "of eu-west-1, or set --batchx-region us-east-2."
    )


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        (
            {"state": "DISABLED"},
            "Compute environment ce of job queue q is DISABLED: enable it (aws batch "
            "update-compute-environment --compute-environment ce --state ENABLED).",
        ),
        *(
            (
                {"status": "INVALID", "statusReason": reason},
                f"Compute environment ce of job queue q is INVALID ({reason.rstrip('.')}): mend "
                "what it says, then disable and enable it.",
            )
            for reason in REASONS
        ),
        (
            {"status": "INVALID"},
            "Compute environment ce of job queue q is INVALID (no reason given): mend what it "
            "says, then disable and enable it.",
        ),
        (
            {"status": "DELETING"},
            "Compute environment ce of job queue q is DELETING: give the queue another.",
        ),
        (
            {"resources": {"maxvCpus": 0}},
            "Compute environment ce of job queue q may have no vCPUs (maxvCpus is 0): raise it "
            "(aws batch update-compute-environment --compute-environment ce --compute-resources "
            "maxvCpus=256).",
        ),
    ],
)
def test_an_environment_that_gets_no_jobs_fails_a_queue_that_has_no_other(
    members: dict[str, Any], sentence: str
) -> None:
    bad = make_environment(**members)
    assert [each.sentence for each in list_failures(make_view(bad))] == [sentence]
    assert len(list_failures(make_view(bad, bad))) == 2
    beside = make_view(bad, make_environment("good"))
    assert list_failures(beside) == []
    warning, ok = judge_environments(beside)
    assert (warning.status, warning.sentence) == ("warning", sentence)
    assert (ok.status, ok.text) == ("ok", "good is ENABLED and VALID, with up to 64 vCPUs")


@pytest.mark.parametrize("status", ["CREATING", "UPDATING", "VALID"])
def test_an_environment_that_is_being_changed_is_no_problem(status: str) -> None:
    assert list_failures(make_view(make_environment(status=status))) == []


def test_an_environment_of_ones_own_has_no_bound() -> None:
    own = make_environment(type="UNMANAGED")
    del own["computeResources"]
    (finding,) = judge_environments(make_view(own))
    assert finding.text == "ce is ENABLED and VALID"


def test_instance_profiles_are_told_once_with_the_environments_that_name_them() -> None:
    shared = {"instanceRole": "ecsInstanceRole"}
    views = [
        make_view(make_environment("a", resources=shared), make_environment("f", "FARGATE")),
        make_view(
            make_environment("b", resources=shared),
            make_environment("a", resources=shared),
            make_environment("c", resources={"instanceRole": "other"}),
        ),
    ]
    assert list_instance_profiles(views) == [
        ProfileUse("ecsInstanceRole", ["a", "b"], is_needed=False),
        ProfileUse("other", ["c"], is_needed=False),
    ]
    alone = make_view(make_environment("a", resources=shared))
    assert list_instance_profiles([*views, alone])[0].is_needed
    assert list_instance_profiles([make_view(make_environment("f", "FARGATE"))]) == []
