"""Job definitions: what is asked of AWS, and that the name tells all of it."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.plan.definition import (
    DEFAULT_LOG_GROUP,
    EVALUATE_ON_EXIT,
    DefinitionSettings,
    plan_definition,
)

CheckRequest = Callable[[str, Mapping[str, Any]], None]

ROLE = "arn:aws:iam::123456789012:role/job"
FULL = DefinitionSettings(
    job_role=ROLE,
    execution_role="arn:aws:iam::123456789012:role/ecs",
    log_group="/my/group",
    tags={"cost": "lab 7"},
)
MAX_BYTES = 24 * 1024
"""https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html (job definition)"""


def test_the_plainest_definition(check_request: CheckRequest) -> None:
    request = plan_definition("map_reads", "debian:12-slim", DefinitionSettings())
    check_request("RegisterJobDefinition", request)
    assert request == {
        "jobDefinitionName": "bx-map_reads-26dfa3c06bcc4938",
        "type": "container",
        "platformCapabilities": ["EC2"],
        "containerProperties": {
            "image": "debian:12-slim",
            "command": ["/batchx/bin/python", "--version"],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "2048"},
            ],
        },
        "retryStrategy": {
            "attempts": 3,
            "evaluateOnExit": [
                {"onStatusReason": "Host EC2*", "action": "RETRY"},
                {"onStatusReason": "Your Spot Task was interrupted*", "action": "RETRY"},
                {"onReason": "CannotPull*", "action": "RETRY"},
                {"onReason": "DockerTimeout*", "action": "RETRY"},
                {"onReason": "*", "action": "EXIT"},
            ],
        },
        "propagateTags": True,
        "tags": {"batchx:rule": "map_reads"},
    }


def test_a_definition_with_every_setting(check_request: CheckRequest) -> None:
    request = plan_definition("map_reads", "debian:12-slim", FULL)
    check_request("RegisterJobDefinition", request)
    container = request["containerProperties"]
    assert container["jobRoleArn"] == ROLE
    assert container["executionRoleArn"] == "arn:aws:iam::123456789012:role/ecs"
    assert container["logConfiguration"] == {
        "logDriver": "awslogs",
        "options": {"awslogs-group": "/my/group"},
    }
    assert request["tags"] == {"cost": "lab 7", "batchx:rule": "map_reads"}
    assert len(json.dumps(request)) < MAX_BYTES


def test_the_default_log_group_is_not_named() -> None:
    # Naming it would need a permission that naming nothing does not.
    named = plan_definition("r", "i", DefinitionSettings(log_group=DEFAULT_LOG_GROUP))
    assert named == plan_definition("r", "i", DefinitionSettings())


def test_the_same_definition_has_the_same_name() -> None:
    settings = DefinitionSettings(tags={"a": "1", "b": "2"})
    turned = DefinitionSettings(tags={"b": "2", "a": "1"})
    name = plan_definition("r", "i", settings)["jobDefinitionName"]
    assert plan_definition("r", "i", turned)["jobDefinitionName"] == name


@pytest.mark.parametrize(
    ("rule", "image", "settings"),
    [
        ("other", "i", DefinitionSettings()),
        ("r", "other", DefinitionSettings()),
        ("r", "i", DefinitionSettings(job_role=ROLE)),
        ("r", "i", DefinitionSettings(execution_role=ROLE)),
        ("r", "i", DefinitionSettings(log_group="/other")),
        ("r", "i", DefinitionSettings(tags={"a": "1"})),
    ],
)
def test_another_definition_has_another_name(
    rule: str, image: str, settings: DefinitionSettings
) -> None:
    name = plan_definition(rule, image, settings)["jobDefinitionName"]
    assert name != plan_definition("r", "i", DefinitionSettings())["jobDefinitionName"]


@given(st.text(min_size=1, max_size=80))
def test_any_rule_makes_a_request_that_fits(check_request: CheckRequest, rule: str) -> None:
    check_request("RegisterJobDefinition", plan_definition(rule, "i", FULL))


def test_the_retry_table_is_what_batch_takes() -> None:
    # https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html
    assert len(EVALUATE_ON_EXIT) <= 5
    for row in EVALUATE_ON_EXIT:
        (pattern,) = (text for key, text in row.items() if key != "action")
        assert "*" not in pattern[:-1]
        assert len(pattern) <= 512
    assert EVALUATE_ON_EXIT[-1] == {"onReason": "*", "action": "EXIT"}
