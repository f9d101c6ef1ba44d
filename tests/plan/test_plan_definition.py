"""Job definitions: what is asked of AWS, and that the name tells all of it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.plan.container_options import ContainerOptions
from snakemake_executor_plugin_batchx.plan.definition import (
    DEFAULT_LOG_GROUP,
    DefinitionSettings,
    RuntimeVolume,
    plan_definition,
)
from snakemake_executor_plugin_batchx.plan.docker_options import parse_container_options
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.job_options import JobOptions
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import JobRequest
from snakemake_executor_plugin_batchx.plan.resources import BatchResources, Template
from snakemake_executor_plugin_batchx.plan.volumes import parse_volumes

CheckRequest = Callable[[str, Mapping[str, Any]], None]

DEBIAN = JobImage("debian:12-slim", "debian:12-slim")
PLAIN = JobImage("i", "i")

ROLE = "arn:aws:iam::123456789012:role/job"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-west-1:123456789012:parameter/token"
SETTINGS = DefinitionSettings()
FULL_SETTINGS = DefinitionSettings(tags={"cost": "lab 7"}, workflow="flu")
FULL = JobOptions(
    job_role=ROLE,
    execution_role="arn:aws:iam::123456789012:role/ecs",
    log_group="/my/group",
)
FARGATE = Platform("serverless", is_fargate=True, architecture=None)


def make_request(platform: Platform | None = None, **options: Any) -> JobRequest:
    return JobRequest(platform or Platform("queue"), BatchResources(1, 1024), JobOptions(**options))


REQUEST = make_request()


def parse(text: str) -> ContainerOptions:
    return parse_container_options(text)


MAX_BYTES = 24 * 1024
"""https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html (job definition)"""


def test_the_plainest_definition(check_request: CheckRequest) -> None:
    request = plan_definition("map_reads", DEBIAN, REQUEST, SETTINGS)
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
    asked = JobRequest(Platform("queue"), BatchResources(1, 1024), FULL)
    request = plan_definition("map_reads", DEBIAN, asked, FULL_SETTINGS)
    check_request("RegisterJobDefinition", request)
    container = request["containerProperties"]
    assert container["jobRoleArn"] == ROLE
    assert container["executionRoleArn"] == "arn:aws:iam::123456789012:role/ecs"
    assert container["logConfiguration"] == {
        "logDriver": "awslogs",
        "options": {"awslogs-group": "/my/group"},
    }
    assert request["tags"] == {
        "cost": "lab 7",
        "batchx:rule": "map_reads",
        "batchx:workflow": "flu",
    }
    assert len(json.dumps(request)) < MAX_BYTES


def test_the_default_log_group_is_not_named() -> None:
    # Naming it would need a permission that naming nothing does not.
    named = plan_definition("r", PLAIN, make_request(log_group=DEFAULT_LOG_GROUP), SETTINGS)
    assert named == plan_definition("r", PLAIN, REQUEST, SETTINGS)


def test_the_same_definition_has_the_same_name() -> None:
    settings = DefinitionSettings(tags={"a": "1", "b": "2"})
    turned = DefinitionSettings(tags={"b": "2", "a": "1"})
    name = plan_definition("r", PLAIN, REQUEST, settings)["jobDefinitionName"]
    assert plan_definition("r", PLAIN, REQUEST, turned)["jobDefinitionName"] == name


@pytest.mark.parametrize(
    ("rule", "image", "asked", "settings"),
    [
        ("other", PLAIN, {}, {}),
        ("r", JobImage("other", "i"), {}, {}),
        ("r", replace(PLAIN, environment={"A": "b"}), {}, {}),
        ("r", replace(PLAIN, credentials=SECRET), {}, {}),
        ("r", PLAIN, {"job_role": ROLE}, {}),
        ("r", PLAIN, {"execution_role": ROLE}, {}),
        ("r", PLAIN, {"log_group": "/other"}, {}),
        ("r", PLAIN, {"consumables": (("token", 1),)}, {}),
        ("r", PLAIN, {"secrets": (("A", SECRET),)}, {}),
        ("r", PLAIN, {"options": parse("--init")}, {}),
        ("r", PLAIN, {"volumes": parse_volumes("/data")}, {}),
        ("r", PLAIN, {"platform": FARGATE}, {}),
        ("r", PLAIN, {}, {"tags": {"a": "1"}}),
        ("r", PLAIN, {}, {"workflow": "flu"}),
        ("r", PLAIN, {}, {"runtime_volume": RuntimeVolume("/batchx")}),
    ],
)
def test_another_definition_has_another_name(
    rule: str, image: JobImage, asked: dict[str, Any], settings: dict[str, Any]
) -> None:
    planned = plan_definition(rule, image, make_request(**asked), DefinitionSettings(**settings))
    plain = plan_definition("r", PLAIN, REQUEST, SETTINGS)
    assert planned["jobDefinitionName"] != plain["jobDefinitionName"]


def test_what_a_job_says_at_its_submission_makes_no_other_definition() -> None:
    plain = plan_definition("r", PLAIN, REQUEST, SETTINGS)
    options = JobOptions(
        queue="other", share="a", priority=7, retries=5, tags=(("a", "b"),), array=False
    )
    resources = BatchResources(16, 64_000, gpus=2, timeout_seconds=3600, disk_mib=100)
    other = JobRequest(Platform("other"), resources, options, notes=("rounded",))
    assert plan_definition("r", PLAIN, other, SETTINGS) == plain


@given(st.text(min_size=1, max_size=80))
def test_any_rule_makes_a_request_that_fits(check_request: CheckRequest, rule: str) -> None:
    asked = JobRequest(Platform("queue"), BatchResources(1, 1024), FULL)
    planned = plan_definition(rule, PLAIN, asked, FULL_SETTINGS)
    check_request("RegisterJobDefinition", planned)


def test_what_an_image_needs_is_set(check_request: CheckRequest) -> None:
    image = JobImage("i", "i", {"LD_PRELOAD": ":", "BATCHX_IMAGE_LD_PRELOAD": "/lib/j.so"})
    request = plan_definition("r", image, REQUEST, SETTINGS)
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
    settings = DefinitionSettings(runtime_volume=volume)
    request = plan_definition("r", PLAIN, REQUEST, settings)
    check_request("RegisterJobDefinition", request)
    container = request["containerProperties"]
    assert container["volumes"] == [expected]
    assert container["mountPoints"] == [
        {"sourceVolume": "batchx-runtime", "containerPath": "/batchx", "readOnly": True}
    ]


def test_the_hosts_cache_is_mounted_twice(check_request: CheckRequest) -> None:
    plain = plan_definition("r", PLAIN, REQUEST, SETTINGS)
    request = plan_definition("r", PLAIN, REQUEST, SETTINGS, "/mnt/cache")
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
    request = plan_definition("r", image, REQUEST, settings, "/mnt/cache")
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
    assert image.make_template() == Template(vcpus=4, memory_mib=16384)


THEIRS = {
    "image": "me/tool:1",
    "jobRoleArn": "arn:aws:iam::123456789012:role/theirs",
    "executionRoleArn": "arn:aws:iam::123456789012:role/their-ecs",
    "user": "1000",
    "environment": [{"name": "A", "value": "theirs"}, {"name": "B", "value": "theirs"}],
    "secrets": [{"name": "S", "valueFrom": SECRET}, {"name": "T", "valueFrom": SECRET}],
    "ulimits": [
        {"name": "nofile", "softLimit": 1, "hardLimit": 2},
        {"name": "nproc", "softLimit": 3, "hardLimit": 4},
    ],
    "linuxParameters": {
        "initProcessEnabled": False,
        "tmpfs": [{"containerPath": "/t", "size": 1}, {"containerPath": "/u", "size": 1}],
    },
    "volumes": [{"name": "data", "host": {"sourcePath": "/data"}}],
    "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}],
}


def test_what_a_job_asks_for_counts_over_a_definition_of_the_users_thing_by_thing(
    check_request: CheckRequest,
) -> None:
    image = replace(PLAIN, template={"containerProperties": THEIRS, "propagateTags": False})
    asked = make_request(
        job_role=ROLE,
        secrets=(("T", PARAMETER), ("X", PARAMETER)),
        volumes=parse_volumes("/more"),
        options=parse("--init -e B=ours -e C=ours --tmpfs /t:size=2m --ulimit nofile=5:6"),
    )
    request = plan_definition("r", image, asked, SETTINGS)
    check_request("RegisterJobDefinition", request)
    container = request["containerProperties"]
    assert container["jobRoleArn"] == ROLE
    assert container["executionRoleArn"] == THEIRS["executionRoleArn"]
    assert container["user"] == "1000"
    pairs = {each["name"]: each["value"] for each in container["environment"]}
    assert pairs == {"A": "theirs", "B": "ours", "C": "ours"}
    assert len(container["environment"]) == 3
    assert container["secrets"] == [
        {"name": "S", "valueFrom": SECRET},
        {"name": "T", "valueFrom": PARAMETER},
        {"name": "X", "valueFrom": PARAMETER},
    ]
    assert container["ulimits"] == [
        {"name": "nofile", "softLimit": 5, "hardLimit": 6},
        {"name": "nproc", "softLimit": 3, "hardLimit": 4},
    ]
    linux = container["linuxParameters"]
    assert linux["initProcessEnabled"] is True
    assert [(each["containerPath"], each["size"]) for each in linux["tmpfs"]] == [
        ("/t", 2),
        ("/u", 1),
    ]
    assert [each["containerPath"] for each in container["mountPoints"]] == ["/data", "/more"]
    assert request["propagateTags"] is False


def test_what_a_job_asks_of_its_container_goes_into_its_definition(
    check_request: CheckRequest,
) -> None:
    image = replace(PLAIN, credentials=SECRET)
    asked = make_request(
        secrets=(("TOKEN", PARAMETER),),
        consumables=(("database", 1), ("license-token", 2)),
        options=parse("--shm-size 1g --memory-swap 3g --user 1000 -e A=b -e LD_PRELOAD=/j.so"),
    )
    request = plan_definition("r", image, asked, SETTINGS)
    check_request("RegisterJobDefinition", request)
    assert request["consumableResourceProperties"] == {
        "consumableResourceList": [
            {"consumableResource": "database", "quantity": 1},
            {"consumableResource": "license-token", "quantity": 2},
        ]
    }
    container = request["containerProperties"]
    assert container["repositoryCredentials"] == {"credentialsParameter": SECRET}
    assert container["secrets"] == [{"name": "TOKEN", "valueFrom": PARAMETER}]
    assert container["user"] == "1000"
    # maxSwap is what goes beyond the memory, which is that of the job.
    assert container["linuxParameters"] == {"sharedMemorySize": 1024, "maxSwap": 3072 - 1024}
    assert container["environment"] == [
        {"name": "A", "value": "b"},
        {"name": "BATCHX_IMAGE_LD_PRELOAD", "value": "/j.so"},
        {"name": "LD_PRELOAD", "value": ":"},
    ]
    assert not {"runtimePlatform", "networkConfiguration", "ephemeralStorage"} & set(container)


def test_values_of_the_heads_stay_out_of_definitions() -> None:
    asked = make_request(options=parse("-e TOKEN"))
    asked = replace(asked, passed=(("TOKEN", "hunter2"),))
    plain = plan_definition("r", PLAIN, REQUEST, SETTINGS)
    assert plan_definition("r", PLAIN, asked, SETTINGS) == plain


def test_a_definition_for_fargate(check_request: CheckRequest) -> None:
    resources = BatchResources(4, 8192, storage_gib=100)
    options = JobOptions(execution_role=ROLE, public_ip=True, platform_version="1.4.0")
    asked = JobRequest(FARGATE, resources, options, architecture="arm64")
    request = plan_definition("r", PLAIN, asked, SETTINGS)
    check_request("RegisterJobDefinition", request)
    assert request["platformCapabilities"] == ["FARGATE"]
    container = request["containerProperties"]
    assert container["runtimePlatform"] == {
        "operatingSystemFamily": "LINUX",
        "cpuArchitecture": "ARM64",
    }
    assert container["networkConfiguration"] == {"assignPublicIp": "ENABLED"}
    assert container["fargatePlatformConfiguration"] == {"platformVersion": "1.4.0"}
    assert container["ephemeralStorage"] == {"sizeInGiB": 100}


FILE_SYSTEM = "fs-0123456789abcdef0"
EFS: dict[str, Any] = {"volumes": f"efs://{FILE_SYSTEM}:/ref"}
EFS_RUNTIME: dict[str, Any] = {"runtime": RuntimeVolume("/batchx", FILE_SYSTEM)}
THEIR_EFS: dict[str, Any] = {
    "theirs": {
        "volumes": [{"name": "v", "efsVolumeConfiguration": {"fileSystemId": FILE_SYSTEM}}],
        "mountPoints": [{"sourceVolume": "v", "containerPath": "/ref"}],
    }
}
LATEST = {"fargatePlatformConfiguration": {"platformVersion": "LATEST"}}


def find_version(
    check_request: CheckRequest,
    platform: Platform = FARGATE,
    *,
    volumes: str = "",
    version: str | None = None,
    runtime: RuntimeVolume | None = None,
    theirs: Mapping[str, Any] | None = None,
) -> Any:
    """Return the version of Fargate that a definition names, None where it names none."""
    asked = make_request(platform, volumes=parse_volumes(volumes), platform_version=version)
    template = {"platformCapabilities": [platform.kind.upper()], "containerProperties": theirs}
    image = replace(PLAIN, template=template if theirs else {})
    settings = DefinitionSettings(runtime_volume=runtime)
    request = plan_definition("r", image, asked, settings)
    check_request("RegisterJobDefinition", request)
    named = request["containerProperties"].get("fargatePlatformConfiguration", {})
    return named.get("platformVersion")


@pytest.mark.parametrize("given", [EFS, EFS_RUNTIME, THEIR_EFS])
@pytest.mark.parametrize("version", [None, "LATEST", "1.4.0"])
def test_with_a_file_system_of_whomever_the_version_of_fargate_is_named(
    check_request: CheckRequest, given: dict[str, Any], version: str | None
) -> None:
    assert find_version(check_request, **given, version=version) == "1.4.0"
    assert find_version(check_request, Platform("queue"), **given) is None


def test_also_where_a_definition_of_the_users_says_the_latest(check_request: CheckRequest) -> None:
    assert find_version(check_request, theirs={**THEIR_EFS["theirs"], **LATEST}) == "1.4.0"
    assert find_version(check_request, theirs=LATEST, **EFS) == "1.4.0"


def test_without_one_it_is_what_was_asked_for(check_request: CheckRequest) -> None:
    assert find_version(check_request) is None
    assert find_version(check_request, version="LATEST") == "LATEST"
    assert find_version(check_request, theirs=LATEST) == "LATEST"


@pytest.mark.parametrize(("public_ip", "answer"), [(False, "DISABLED"), (True, "ENABLED")])
def test_an_address_is_given_or_not_where_it_was_said(public_ip: bool, answer: str) -> None:
    asked = make_request(FARGATE, public_ip=public_ip)
    container = plan_definition("r", PLAIN, asked, SETTINGS)["containerProperties"]
    assert container["networkConfiguration"] == {"assignPublicIp": answer}


def test_on_fargate_nothing_is_said_of_what_nobody_asked_for() -> None:
    container = plan_definition("r", PLAIN, make_request(FARGATE), SETTINGS)["containerProperties"]
    assert container["runtimePlatform"]["cpuArchitecture"] == "X86_64"
    unsaid = {"networkConfiguration", "fargatePlatformConfiguration", "ephemeralStorage"}
    assert not unsaid & set(container)


@pytest.mark.parametrize(
    ("options", "volumes", "scratch", "made"),
    [
        ("--init", "", "/tmp", None),
        ("--read-only", "", "/tmp", "/tmp"),
        ("--read-only", "", "/scratch", "/scratch"),
        ("--read-only --tmpfs /tmp:size=64m", "", "/tmp", None),
        ("--read-only --tmpfs /tmp:size=64m", "", "/scratch/mine", "/scratch/mine"),
        ("--read-only", "/scratch", "/scratch/mine", None),
        ("--read-only", "/scratch:/scratch:ro", "/scratch", "/scratch"),
        ("--read-only", "/scratchy", "/scratch", "/scratch"),
    ],
)
def test_a_job_with_a_read_only_root_has_a_place_to_work(
    check_request: CheckRequest, options: str, volumes: str, scratch: str, made: str | None
) -> None:
    asked = make_request(options=parse(options), volumes=parse_volumes(volumes))
    request = plan_definition("r", PLAIN, asked, DefinitionSettings(scratch=scratch))
    check_request("RegisterJobDefinition", request)
    container = request["containerProperties"]
    added = [e for e in container.get("mountPoints", ()) if e["sourceVolume"] == "batchx-scratch"]
    assert [(each["containerPath"], each["readOnly"]) for each in added] == (
        [(made, False)] if made else []
    )
    assert ({"name": "batchx-scratch"} in container.get("volumes", ())) is bool(made)


def test_a_mount_of_the_users_that_says_nothing_of_reading_can_be_written() -> None:
    mounts = [{"sourceVolume": "data", "containerPath": "/tmp"}]
    theirs = {**THEIRS, "readonlyRootFilesystem": True, "mountPoints": mounts}
    image = replace(PLAIN, template={"containerProperties": theirs})
    container = plan_definition("r", image, REQUEST, SETTINGS)["containerProperties"]
    assert container["mountPoints"] == mounts
