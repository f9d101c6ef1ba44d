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
    RuntimeVolume,
    plan_definition,
)
from snakemake_executor_plugin_batchx.plan.image import JobImage

CheckRequest = Callable[[str, Mapping[str, Any]], None]

DEBIAN = JobImage("debian:12-slim", "debian:12-slim")
PLAIN = JobImage("i", "i")

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
    request = plan_definition("map_reads", DEBIAN, DefinitionSettings())
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
    request = plan_definition("map_reads", DEBIAN, FULL)
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
    named = plan_definition("r", PLAIN, DefinitionSettings(log_group=DEFAULT_LOG_GROUP))
    assert named == plan_definition("r", PLAIN, DefinitionSettings())


def test_the_same_definition_has_the_same_name() -> None:
    settings = DefinitionSettings(tags={"a": "1", "b": "2"})
    turned = DefinitionSettings(tags={"b": "2", "a": "1"})
    name = plan_definition("r", PLAIN, settings)["jobDefinitionName"]
    assert plan_definition("r", PLAIN, turned)["jobDefinitionName"] == name


@pytest.mark.parametrize(
    ("rule", "image", "settings"),
    [
        ("other", "i", DefinitionSettings()),
        ("r", "other", DefinitionSettings()),
        ("r", "i", DefinitionSettings(job_role=ROLE)),
        ("r", "i", DefinitionSettings(execution_role=ROLE)),
        ("r", "i", DefinitionSettings(log_group="/other")),
        ("r", "i", DefinitionSettings(tags={"a": "1"})),
        ("r", "i", DefinitionSettings(runtime_volume=RuntimeVolume("/batchx"))),
    ],
)
def test_another_definition_has_another_name(
    rule: str, image: str, settings: DefinitionSettings
) -> None:
    name = plan_definition(rule, JobImage(image, image), settings)["jobDefinitionName"]
    assert name != plan_definition("r", PLAIN, DefinitionSettings())["jobDefinitionName"]


@given(st.text(min_size=1, max_size=80))
def test_any_rule_makes_a_request_that_fits(check_request: CheckRequest, rule: str) -> None:
    check_request("RegisterJobDefinition", plan_definition(rule, PLAIN, FULL))


def test_the_retry_table_is_what_batch_takes() -> None:
    # https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html
    assert len(EVALUATE_ON_EXIT) <= 5
    for row in EVALUATE_ON_EXIT:
        (pattern,) = (text for key, text in row.items() if key != "action")
        assert "*" not in pattern[:-1]
        assert len(pattern) <= 512
    assert EVALUATE_ON_EXIT[-1] == {"onReason": "*", "action": "EXIT"}


def test_what_an_image_needs_is_set(check_request: CheckRequest) -> None:
    image = JobImage("i", "i", {"LD_PRELOAD": ":", "BATCHX_IMAGE_LD_PRELOAD": "/lib/j.so"})
    request = plan_definition("r", image, DefinitionSettings())
    check_request("RegisterJobDefinition", request)
    assert request["containerProperties"]["environment"] == [
        {"name": "BATCHX_IMAGE_LD_PRELOAD", "value": "/lib/j.so"},
        {"name": "LD_PRELOAD", "value": ":"},
    ]


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        (
            RuntimeVolume("/opt/batchx"),
            {"name": "batchx-runtime", "host": {"sourcePath": "/opt/batchx"}},
        ),
        (
            RuntimeVolume("/x", "fs-0123"),
            {
                "name": "batchx-runtime",
                "efsVolumeConfiguration": {
                    "fileSystemId": "fs-0123",
                    "rootDirectory": "/x",
                    "transitEncryption": "ENABLED",
                },
            },
        ),
    ],
)
def test_a_mounted_runtime(
    check_request: CheckRequest, volume: RuntimeVolume, expected: dict[str, Any]
) -> None:
    request = plan_definition("r", PLAIN, DefinitionSettings(runtime_volume=volume))
    check_request("RegisterJobDefinition", request)
    container = request["containerProperties"]
    assert container["volumes"] == [expected]
    assert container["mountPoints"] == [
        {"sourceVolume": "batchx-runtime", "containerPath": "/batchx", "readOnly": True}
    ]


def test_the_hosts_cache_is_mounted_twice(check_request: CheckRequest) -> None:
    plain = plan_definition("r", PLAIN, DefinitionSettings())
    request = plan_definition("r", PLAIN, DefinitionSettings(), "/mnt/cache")
    check_request("RegisterJobDefinition", request)
    assert request["jobDefinitionName"] != plain["jobDefinitionName"]
    container = request["containerProperties"]
    assert container["volumes"] == [
        {"name": "batchx-host-cache", "host": {"sourcePath": "/mnt/cache"}}
    ]
    assert container["mountPoints"] == [
        {"sourceVolume": "batchx-host-cache", "containerPath": "/mnt/cache", "readOnly": False},
        {
            "sourceVolume": "batchx-host-cache",
            "containerPath": "/batchx-host-cache",
            "readOnly": True,
        },
    ]


def test_a_sibling_keeps_what_the_user_defined(check_request: CheckRequest) -> None:
    theirs = {
        "image": "me/tool:1",
        "command": ["theirs"],
        "jobRoleArn": ROLE,
        "environment": [{"name": "A", "value": "b"}],
        "volumes": [{"name": "data", "host": {"sourcePath": "/data"}}],
        "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}],
        "resourceRequirements": [
            {"type": "VCPU", "value": "4"},
            {"type": "MEMORY", "value": "16384"},
        ],
    }
    template = {
        "containerProperties": theirs,
        "retryStrategy": {"attempts": 1},
        "tags": {"team": "7"},
        "timeout": {"attemptDurationSeconds": 3600},
    }
    image = JobImage("derived@sha256:0", "me/tool@sha256:1", {"LD_PRELOAD": ":"}, template)
    settings = DefinitionSettings(runtime_volume=RuntimeVolume("/batchx"))
    request = plan_definition("r", image, settings, "/mnt/cache")
    check_request("RegisterJobDefinition", request)
    container = request["containerProperties"]
    changed = ("image", "command", "environment", "volumes", "mountPoints")
    assert {k: v for k, v in container.items() if k not in changed} == {
        k: v for k, v in theirs.items() if k not in changed
    }
    assert container["image"] == "derived@sha256:0"
    assert container["command"] == ["/batchx/bin/python", "--version"]
    assert container["environment"] == [
        *theirs["environment"],
        {"name": "LD_PRELOAD", "value": ":"},
    ]
    assert [each["name"] for each in container["volumes"]] == [
        *("data", "batchx-runtime", "batchx-host-cache")
    ]
    assert request["retryStrategy"] == {"attempts": 1}
    assert request["timeout"] == {"attemptDurationSeconds": 3600}
    assert request["tags"] == {"team": "7", "batchx:rule": "r"}
    assert image.find_memory_mib() == 16384
