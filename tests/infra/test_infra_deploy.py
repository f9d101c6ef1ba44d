"""Stacks on their way, by a scripted CloudFormation and a clock that only moves in sleep."""

from __future__ import annotations

from typing import Any

import pytest
from infra.scripted_stacks import ARN, MESSAGES, ScriptedStacks, Step
from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.infra.deploy import (
    POLL_SECONDS,
    StackMaker,
    check_state,
)
from snakemake_executor_plugin_batchx.infra.failures import find_fix
from snakemake_executor_plugin_batchx.infra.gateway import Stack, StackGateway, StackOrder

ORDER = StackOrder("Resources: {}", {"MaxVcpus": "8"})
STACK = "AWS::CloudFormation::Stack"
VPC = "AWS::EC2::VPC"
CREATED: list[Step] = [
    ("CREATE_IN_PROGRESS", [("batchx", STACK, "CREATE_IN_PROGRESS", "User Initiated")]),
    ("CREATE_IN_PROGRESS", [("Vpc", VPC, "CREATE_IN_PROGRESS", "")]),
    ("CREATE_IN_PROGRESS", []),
    (
        "CREATE_COMPLETE",
        [("Vpc", VPC, "CREATE_COMPLETE", ""), ("batchx", STACK, "CREATE_COMPLETE", "")],
    ),
]
(CANCELLED,) = [each["message"] for each in MESSAGES["errors"] if each["about"] == "cancelled"]


class Making:
    """A maker of stacks before a scripted CloudFormation."""

    def __init__(self, **script: Any) -> None:
        self.client = ScriptedStacks(**script)
        self.time = SimulatedTime()
        self.told: list[str] = []
        self.gateway = StackGateway(self.client)
        self.maker = StackMaker(self.gateway, self.time.sleep, self.told.append)

    def deploy(self) -> Stack:
        return self.maker.deploy("batchx", ORDER, self.gateway.find_stack("batchx"))


def test_a_new_stack_is_made_and_each_event_told_once() -> None:
    making = Making(steps=[*CREATED], outputs={"Queue": "q"})
    stack = making.deploy()
    assert stack.status == "CREATE_COMPLETE"
    assert stack.outputs == {"Queue": "q"}
    assert [line.split()[1:3] for line in making.told] == [
        ["CREATE_IN_PROGRESS", "batchx"],
        ["CREATE_IN_PROGRESS", "Vpc"],
        ["CREATE_COMPLETE", "Vpc"],
        ["CREATE_COMPLETE", "batchx"],
    ]
    assert making.time.now == 3 * POLL_SECONDS
    ((_, request),) = [each for each in making.client.calls if each[0] == "CreateStack"]
    assert request == {
        "StackName": "batchx",
        "TemplateBody": "Resources: {}",
        "Parameters": [{"ParameterKey": "MaxVcpus", "ParameterValue": "8"}],
        "Capabilities": ["CAPABILITY_IAM"],
    }


def test_the_first_failure_is_told_with_its_reason_and_a_fix() -> None:
    (limit,) = [each for each in MESSAGES["events"] if "VPCs" in each["about"]]
    events = [
        ("Bucket", "AWS::S3::Bucket", "CREATE_IN_PROGRESS", ""),
        ("Vpc", VPC, "CREATE_FAILED", limit["reason"]),
        ("Bucket", "AWS::S3::Bucket", "CREATE_FAILED", CANCELLED),
        ("batchx", STACK, "ROLLBACK_IN_PROGRESS", "The following resource(s) failed"),
    ]
    steps = [("ROLLBACK_IN_PROGRESS", events), ("ROLLBACK_COMPLETE", [])]
    with pytest.raises(BatchxError) as caught:
        Making(steps=steps).deploy()
    text = str(caught.value)
    assert text.startswith("Stack batchx is ROLLBACK_COMPLETE. Vpc (AWS::EC2::VPC) is CREATE_FAILE")
    assert "The maximum number of VPCs has been reached" in text
    assert limit["fix"] in text
    assert "Bucket (" not in text


def test_one_that_was_cancelled_first_is_not_what_failed() -> None:
    events = [
        ("Bucket", "AWS::S3::Bucket", "CREATE_FAILED", CANCELLED),
        ("Vpc", VPC, "CREATE_FAILED", "Internal Failure"),
    ]
    with pytest.raises(BatchxError, match=r"Vpc .* Internal Failure"):
        Making(steps=[("ROLLBACK_COMPLETE", events)]).deploy()


def test_nothing_to_change_is_success() -> None:
    making = Making(status="UPDATE_COMPLETE", outputs={"Queue": "q"})
    assert making.deploy().outputs == {"Queue": "q"}
    assert making.told == ["stack batchx is as it should be: there is nothing to change"]
    assert making.time.now == 0


def test_an_update_tells_of_new_events_only() -> None:
    updates: list[Step] = [
        ("UPDATE_IN_PROGRESS", [("Spot", "AWS::Batch::ComputeEnvironment", "CREATE_COMPLETE", "")]),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", []),
        ("UPDATE_COMPLETE", [("batchx", STACK, "UPDATE_COMPLETE", "")]),
    ]
    making = Making(status="CREATE_COMPLETE", updates=updates)
    for number in range(5):
        making.client.add_event(f"Old{number}", VPC, "CREATE_FAILED", "long ago")
    assert making.deploy().status == "UPDATE_COMPLETE"
    assert len(making.told) == 2
    assert making.time.now == 2 * POLL_SECONDS


def test_an_update_that_was_rolled_back_has_failed() -> None:
    updates: list[Step] = [
        ("UPDATE_ROLLBACK_IN_PROGRESS", [("Spot", "T", "CREATE_FAILED", "no such thing")]),
        ("UPDATE_ROLLBACK_COMPLETE", []),
    ]
    with pytest.raises(BatchxError, match=r"UPDATE_ROLLBACK_COMPLETE. Spot .*no such thing"):
        Making(status="CREATE_COMPLETE", updates=updates).deploy()


def test_what_was_never_made_is_deleted_first() -> None:
    making = Making(status="ROLLBACK_COMPLETE", steps=[("DELETE_COMPLETE", []), *CREATED])
    making.client.add_event("Vpc", VPC, "CREATE_FAILED", "long ago")
    assert making.deploy().status == "CREATE_COMPLETE"
    changes = [name for name, _ in making.client.calls if "Describe" not in name]
    assert changes == ["DeleteStack", "CreateStack"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("DELETE_FAILED", "batchx infra down"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name batchx"),
    ],
)
def test_a_stack_that_cannot_be_changed_is_refused(status: str, words: str) -> None:
    with pytest.raises(BatchxError) as caught:
        check_state(Stack(ARN, "batchx", status))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"]
)
def test_other_stacks_are_not(status: str) -> None:
    check_state(Stack(ARN, "batchx", status))


def test_a_stack_that_vanishes_is_told() -> None:
    making = Making(status="CREATE_COMPLETE")
    stack = making.gateway.find_stack("batchx")
    assert stack is not None
    making.client.steps = [("", [])]
    with pytest.raises((BatchxError, AwsError)):
        making.maker.delete(stack)


def test_a_deletion_that_fails_says_why() -> None:
    (found,) = [each for each in MESSAGES["events"] if each["about"] == "bucket"]
    making = Making(status="CREATE_COMPLETE")
    stack = making.gateway.find_stack("batchx")
    assert stack is not None
    events = [("Bucket", "AWS::S3::Bucket", "DELETE_FAILED", found["reason"])]
    making.client.steps = [("DELETE_FAILED", events)]
    with pytest.raises(BatchxError, match=r"DELETE_FAILED. Bucket .*--delete-data"):
        making.maker.delete(stack)


@pytest.mark.parametrize("event", MESSAGES["events"], ids=lambda each: each["about"])
def test_what_aws_says_has_a_fix(event: dict[str, str]) -> None:
    assert event["fix"] in find_fix(event["reason"])


def test_resources_are_listed_over_pages() -> None:
    making = Making(status="CREATE_COMPLETE", resources=dict.fromkeys("abcde", "T"))
    present = making.gateway.list_resources("batchx")
    assert list(present) == [*"abcde"]


def test_where_there_is_no_stack_none_is_found() -> None:
    assert Making().gateway.find_stack("batchx") is None


def test_what_somebody_has_begun_is_followed_from_its_beginning() -> None:
    making = Making(status="UPDATE_IN_PROGRESS")
    making.client.add_event("batchx", STACK, "CREATE_IN_PROGRESS")
    making.client.add_event("Old", VPC, "CREATE_FAILED", "long ago")
    making.client.add_event("batchx", STACK, "UPDATE_IN_PROGRESS", "User Initiated")
    making.client.add_event("Spot", "T", "UPDATE_IN_PROGRESS")
    making.client.steps = [
        ("UPDATE_IN_PROGRESS", [("Spot", "T", "UPDATE_COMPLETE", "")]),
        ("UPDATE_COMPLETE", []),
    ]
    assert making.maker.catch_up(Stack(ARN, "batchx", "UPDATE_IN_PROGRESS")).status == (
        "UPDATE_COMPLETE"
    )
    assert making.told[0] == "stack batchx is UPDATE_IN_PROGRESS: that is followed to its end"
    assert [line.split()[1:3] for line in making.told[1:]] == [
        ["UPDATE_IN_PROGRESS", "batchx"],
        ["UPDATE_IN_PROGRESS", "Spot"],
        ["UPDATE_COMPLETE", "Spot"],
    ]
    assert making.client.count("UpdateStack") == 0


def test_a_failure_before_it_was_followed_is_told() -> None:
    making = Making(status="ROLLBACK_IN_PROGRESS")
    making.client.add_event("batchx", STACK, "CREATE_IN_PROGRESS")
    making.client.add_event("Vpc", VPC, "CREATE_FAILED", "The maximum number of VPCs")
    making.client.add_event("batchx", STACK, "ROLLBACK_IN_PROGRESS")
    making.client.steps = [("ROLLBACK_COMPLETE", [])]
    stack = Stack(ARN, "batchx", "ROLLBACK_IN_PROGRESS")
    with pytest.raises(BatchxError, match=r"ROLLBACK_COMPLETE. Vpc .*name a VPC"):
        making.maker.catch_up(stack)
    assert making.maker.wait(stack).status == "ROLLBACK_COMPLETE", "which may be deleted"
