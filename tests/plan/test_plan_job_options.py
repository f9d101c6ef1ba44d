"""What counts of what rules, settings and definitions say, and how mistakes are told."""

import dataclasses
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.container_options import (
    ContainerOptions,
    Device,
    Tmpfs,
    Ulimit,
)
from snakemake_executor_plugin_batchx.plan.definition import DefinitionSettings, plan_definition
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.job_options import (
    NO_OPTIONS,
    JobOptions,
    drop_needless,
    name_source,
    read_resources,
    read_settings,
)
from snakemake_executor_plugin_batchx.plan.options import (
    BY_RESOURCE,
    OPTIONS,
    OTHER_RESOURCES,
    Option,
)
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import JobRequest
from snakemake_executor_plugin_batchx.plan.resources import BatchResources
from snakemake_executor_plugin_batchx.plan.submission import plan_submission
from snakemake_executor_plugin_batchx.plan.volumes import parse_volumes

ROLE = "arn:aws:iam::123456789012:role/"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"

VALUES: Mapping[str, tuple[Any, Any, Any]] = {
    "queue": ("mine", "ours", "mine"),
    "fallback_queue": ("mine", "ours", "mine"),
    "runnable_timeout": ("2h", "90", 7200),
    "image": ("debian:12", None, "debian:12"),
    "arch": ("arm64", "amd64", "arm64"),
    "job_role": (f"{ROLE}mine", f"{ROLE}ours", f"{ROLE}mine"),
    "execution_role": (f"{ROLE}mine", f"{ROLE}ours", f"{ROLE}mine"),
    "memory_overhead": (0, "512", 0),
    "priority": (0, "50", 0),
    "share": ("mine", "ours", "mine"),
    "consumables": ("a=2,b", ["b=3", "c=4"], (("a", 2), ("b", 1), ("c", 4))),
    "retries": (0, "5", 0),
    "tags": ("a=1,b=", ["b=2", "c=3"], (("a", "1"), ("b", ""), ("c", "3"))),
    "log_group": ("/mine", "/ours", "/mine"),
    "options": (
        "--init=false --user 1 --env A=1 --env B --ulimit core=1 --tmpfs /a:size=1m "
        "--device /dev/a:/dev/x:r",
        "--init --privileged --env B=2 --env C=3 --env A --ulimit core=2 --ulimit cpu=2 "
        "--tmpfs /a:size=2m --tmpfs /b:size=2m --device /dev/b:/dev/x --device /dev/fuse",
        ContainerOptions(
            is_init=False,
            is_privileged=True,
            user="1",
            environment=(("C", "3"), ("A", "1")),
            passed_names=("B",),
            ulimits=(Ulimit("cpu", 2, 2), Ulimit("core", 1, 1)),
            tmpfs=(Tmpfs("/b", 2), Tmpfs("/a", 1)),
            devices=(
                Device("/dev/fuse", "/dev/fuse", ("READ", "WRITE", "MKNOD")),
                Device("/dev/a", "/dev/x", ("READ",)),
            ),
            notes=("--tmpfs /b: 2m is 2 MiB", "--tmpfs /a: 1m is 1 MiB"),
        ),
    ),
    "volumes": (
        "/new:/a:ro /mine:/c",
        ["/old:/a", "efs://fs-01234567:/b"],
        parse_volumes("/new:/a:ro efs://fs-01234567:/b /mine:/c"),
    ),
    "secrets": (
        f"A={SECRET}mine",
        [f"A={SECRET}ours", f"B={SECRET}b"],
        (("A", f"{SECRET}mine"), ("B", f"{SECRET}b")),
    ),
    "registry_credentials": (
        f"quay.io={SECRET}mine",
        [f"quay.io={SECRET}ours", f"ghcr.io={SECRET}g"],
        (("ghcr.io", f"{SECRET}g"), ("quay.io", f"{SECRET}mine")),
    ),
    "public_ip": (False, "on", False),
    "platform_version": ("1.4.0", "LATEST", "1.4.0"),
    "array": ("off", "on", False),
}
"""Of each option what a rule says, what the run's setting says, and what counts."""

rows = pytest.mark.parametrize("option", OPTIONS, ids=[option.name for option in OPTIONS])


def make_settings(**given: Any) -> SimpleNamespace:
    return SimpleNamespace(
        **{**{option.setting: None for option in OPTIONS if option.setting}, **given}
    )


def list_mistakes(resources: Mapping[str, Any]) -> list[str]:
    with pytest.raises(BatchxError) as caught:
        read_resources(resources, "Rule a")
    return str(caught.value).splitlines()


def list_setting_mistakes(**given: Any) -> list[str]:
    with pytest.raises(BatchxError) as caught:
        read_settings(make_settings(**given))
    return str(caught.value).splitlines()


def test_there_are_values_for_every_option() -> None:
    assert list(VALUES) == [option.name for option in OPTIONS]


@rows
def test_a_rule_counts_over_a_setting(option: Option) -> None:
    of_rule, of_run, expected = VALUES[option.name]
    own = read_resources({option.resource: of_rule}, "Rule a")
    default = read_settings(make_settings(**{option.setting: of_run} if option.setting else {}))
    joined = own.over(default)
    assert joined == JobOptions(**{option.name: expected})
    if option.name != "image":
        assert joined != default


@rows
def test_a_setting_counts_where_a_rule_says_nothing(option: Option) -> None:
    if option.setting:
        default = read_settings(make_settings(**{option.setting: VALUES[option.name][1]}))
        assert getattr(default, option.name) is not None
        assert NO_OPTIONS.over(default) == default
        assert JobOptions(image="i").over(default) == dataclasses.replace(default, image="i")


def test_nothing_is_said_by_nothing() -> None:
    assert read_resources({}, "Rule a") == NO_OPTIONS
    assert read_settings(make_settings()) == NO_OPTIONS
    assert NO_OPTIONS.over(NO_OPTIONS) == NO_OPTIONS


@pytest.mark.parametrize("nothing", [None, "", []])
def test_a_setting_that_is_empty_says_nothing(nothing: Any) -> None:
    settings = {option.setting: nothing for option in OPTIONS if option.setting}
    assert read_settings(SimpleNamespace(**settings)) == NO_OPTIONS


def test_resources_of_others_are_left_alone() -> None:
    others = dict.fromkeys(("mem_mb", "_cores", "tmpdir", "batch", "slurm_x", "batchx"), "*")
    own = dict.fromkeys(OTHER_RESOURCES, "*")
    unset = dict.fromkeys(BY_RESOURCE)
    assert read_resources({**others, **own, **unset}, "Rule a") == NO_OPTIONS


@pytest.mark.parametrize(
    ("resource", "meant"),
    [
        ("batchx_que", "did you mean batchx_queue?"),
        ("batchx_volume", "did you mean batchx_volumes?"),
        ("batchx_mem_overhead", "did you mean batchx_memory_overhead?"),
        ("batchx_host_caches", "did you mean batchx_host_cache?"),
        ("batchx_Priority", "did you mean batchx_priority?"),
    ],
)
def test_of_an_unknown_resource_it_is_told_which_was_meant(resource: str, meant: str) -> None:
    assert list_mistakes({resource: 1}) == [
        f"Rule a: resource {resource} is none of batchx: {meant}"
    ]


def test_where_none_is_near_all_are_told() -> None:
    (sentence,) = list_mistakes({"batchx_zzzzzzzzzzzzzzzzz": 1})
    assert all(f" {name}" in sentence for name in (*BY_RESOURCE, *OTHER_RESOURCES))


@given(st.text(max_size=12))
def test_an_unknown_resource_is_one_sentence(rest: str) -> None:
    name = f"batchx_{rest}"
    if name not in BY_RESOURCE and name not in OTHER_RESOURCES:
        (sentence,) = list_mistakes({name: 1})
        assert sentence.startswith("Rule a: resource batchx_")
        assert sentence.endswith(("?", "."))
        assert not sentence.endswith("..")


def test_all_mistakes_of_a_rule_are_told_in_order() -> None:
    wrong = {
        "batchx_priority": -1,
        "mem_mb": "much",
        "batchx_qeue": "q",
        "batchx_queue": "fine",
        "batchx_tags": "a,b",
        "batchx_array": "maybe",
    }
    assert list_mistakes(wrong) == [
        "Rule a: resource batchx_priority=-1 must be a whole number from 0 to 9999.",
        "Rule a: resource batchx_qeue is none of batchx: did you mean batchx_queue?",
        *(
            f"Rule a: resource batchx_tags='a,b' holds {item!r}, which must be KEY=VALUE with a "
            "key of letters, digits, blanks and _ . : / + - @ (at most 128)."
            for item in ("a", "b")
        ),
        "Rule a: resource batchx_array='maybe' must be on or off.",
    ]


def test_all_mistakes_of_settings_are_told_by_their_flags() -> None:
    assert list_setting_mistakes(retries="10", job_queue="a queue", public_ip="yes") == [
        "--batchx-job-queue 'a queue' must be the name (letters, digits, - and _, at most 128) or "
        "the ARN of a job queue.",
        "--batchx-retries '10' must be a whole number from 0 to 9.",
        "--batchx-public-ip 'yes' must be on or off.",
    ]


def test_a_secret_in_place_of_its_name_is_not_repeated() -> None:
    told = list_mistakes({"batchx_secrets": "TOKEN=hunter2"})
    told += list_setting_mistakes(secrets=["TOKEN=hunter2"])
    assert len(told) == 2
    assert not any("hunter2" in sentence for sentence in told)
    assert told[0].startswith("Rule a: resource batchx_secrets=TOKEN=… ")
    assert told[1].startswith("--batchx-secrets TOKEN=… ")


@pytest.mark.parametrize(
    ("own", "reason", "told"),
    [
        (JobOptions(arch="arm64"), "batchx_arch is arm64: leave batchx_arch out", None),
        (
            NO_OPTIONS,
            "batchx_arch is arm64: leave batchx_arch out",
            "--batchx-arch is arm64: leave --batchx-arch out",
        ),
        (
            NO_OPTIONS,
            "batchx_secrets: to read them, ECS needs a role",
            "--batchx-secrets: to read them, ECS needs a role",
        ),
        (JobOptions(secrets=(("A", "b"),)), "batchx_secrets: to read them", None),
        (NO_OPTIONS, "gpu=1 is asked of queue a: name another (batchx_queue)", None),
        (NO_OPTIONS, "batchx_image is wrong", None),
    ],
)
def test_what_a_flag_gave_is_told_by_the_flag(
    own: JobOptions, reason: str, told: str | None
) -> None:
    assert name_source(own, reason) == (told or reason)


EC2 = Platform("ec2")
FAIR = Platform("fair", has_policy=True)
FARGATE = Platform("fargate", is_fargate=True, architecture=None)

EVERYTHING = read_resources(
    {option.resource: VALUES[option.name][0] for option in OPTIONS}, "Rule a"
)


@pytest.mark.parametrize(
    ("platform", "dropped"),
    [
        (EC2, {"priority", "share", "public_ip", "platform_version"}),
        (FAIR, {"public_ip", "platform_version"}),
        (FARGATE, {"priority", "share"}),
        (Platform("both", is_fargate=True, has_policy=True), set()),
    ],
)
def test_of_a_runs_settings_those_are_dropped_that_a_queue_does_not_know(
    platform: Platform, dropped: set[str]
) -> None:
    kept = drop_needless(EVERYTHING, platform)
    assert kept == dataclasses.replace(EVERYTHING, **dict.fromkeys(dropped))
    assert drop_needless(kept, platform) == kept


settings_of_rules = st.fixed_dictionaries(
    {}, optional={option.name: st.booleans() for option in OPTIONS}
)


@given(settings_of_rules, settings_of_rules)
def test_each_option_is_joined_for_itself(
    of_rule: dict[str, bool], of_run: dict[str, bool]
) -> None:
    own = JobOptions(**{name: getattr(EVERYTHING, name) for name in of_rule if of_rule[name]})
    default = JobOptions(**{name: getattr(EVERYTHING, name) for name in of_run if of_run[name]})
    joined = own.over(default)
    for option in OPTIONS:
        is_said = of_rule.get(option.name) or of_run.get(option.name)
        value = getattr(joined, option.name)
        expected = getattr(EVERYTHING, option.name) if is_said else None
        if option.name == "options" and value is not None:
            value, expected = (dataclasses.replace(each, notes=()) for each in (value, expected))
        assert value == expected


CONTAINER: dict[str, Any] = {
    "image": "theirs",
    "resourceRequirements": [{"type": "VCPU", "value": "2"}, {"type": "MEMORY", "value": "512"}],
    "jobRoleArn": f"{ROLE}theirs",
    "executionRoleArn": f"{ROLE}theirs",
    "logConfiguration": {"logDriver": "splunk"},
    "user": "9",
    "privileged": False,
    "environment": [{"name": "A", "value": "9"}, {"name": "Z", "value": "9"}],
    "ulimits": [{"name": name, "softLimit": 9, "hardLimit": 9} for name in ("core", "stack")],
    "linuxParameters": {
        "initProcessEnabled": True,
        "sharedMemorySize": 9,
        "tmpfs": [{"containerPath": path, "size": 9} for path in ("/a", "/z")],
        "devices": [{"hostPath": "/dev/a"}, {"hostPath": "/dev/a", "containerPath": "/dev/z"}],
    },
    "volumes": [{"name": "theirs", "host": {"sourcePath": "/theirs"}}],
    "mountPoints": [{"sourceVolume": "theirs", "containerPath": "/z", "readOnly": False}],
    "secrets": [{"name": name, "valueFrom": f"{SECRET}theirs"} for name in ("S", "T")],
    "repositoryCredentials": {"credentialsParameter": f"{SECRET}theirs"},
    "networkConfiguration": {"assignPublicIp": "ENABLED"},
    "fargatePlatformConfiguration": {"platformVersion": "1.2.0"},
    "runtimePlatform": {"cpuArchitecture": "ARM64"},
}
TEMPLATE: dict[str, Any] = {
    "containerProperties": CONTAINER,
    "retryStrategy": {"attempts": 7},
    "schedulingPriority": 9,
    "platformCapabilities": ["FARGATE"],
    "consumableResourceProperties": {
        "consumableResourceList": [{"consumableResource": "z", "quantity": 9}]
    },
    "tags": {"a": "9", "z": "9"},
}


def plan(options: JobOptions) -> dict[str, Any]:
    """Definition and submission of a job whose `container:` is a definition of the user's own."""
    platform = Platform("q", is_fargate=True, architecture=None, has_policy=True)
    request = JobRequest(platform, BatchResources(1, 2048), options, "arm64")
    image = JobImage("i", "i", template=TEMPLATE)
    definition = plan_definition("r", image, request, DefinitionSettings())
    submission = plan_submission(
        name="n", definition_arn="d", command=[], request=request, tags={"own": "1"}
    )
    return {**definition["containerProperties"], **definition, "submission": submission}


def test_what_a_definition_of_the_users_says_counts_where_nobody_says_anything() -> None:
    planned = plan(NO_OPTIONS)
    kept = {**CONTAINER, **TEMPLATE}
    ours = {"image", "tags", "containerProperties"}
    assert {name: planned[name] for name in kept if name not in ours} == {
        name: value for name, value in kept.items() if name not in ours
    }
    assert planned["image"] == "i"
    assert planned["tags"].items() >= {"a": "9", "z": "9"}.items()
    assert planned["submission"].keys() == {
        *("jobName", "jobQueue", "jobDefinition", "containerOverrides", "propagateTags", "tags")
    }


OVER_DEFINITIONS: list[tuple[str, Any, str, Any]] = [
    ("job_role", f"{ROLE}mine", "jobRoleArn", f"{ROLE}mine"),
    ("execution_role", f"{ROLE}mine", "executionRoleArn", f"{ROLE}mine"),
    ("priority", 0, "submission.schedulingPriorityOverride", 0),
    ("share", "mine", "submission.shareIdentifier", "mine"),
    ("retries", 0, "submission.retryStrategy.attempts", 1),
    ("log_group", "/mine", "logConfiguration.options.awslogs-group", "/mine"),
    ("log_group", "/mine", "logConfiguration.logDriver", "awslogs"),
    ("public_ip", "off", "networkConfiguration.assignPublicIp", "DISABLED"),
    ("platform_version", "LATEST", "fargatePlatformConfiguration.platformVersion", "LATEST"),
    ("tags", "a=1", "submission.tags", {"a": "1", "own": "1"}),
    (
        "secrets",
        f"S={SECRET}mine",
        "secrets",
        [
            {"name": "T", "valueFrom": f"{SECRET}theirs"},
            {"name": "S", "valueFrom": f"{SECRET}mine"},
        ],
    ),
    # No name may be a variable and a secret.
    ("secrets", f"A={SECRET}mine", "environment", [{"name": "Z", "value": "9"}]),
    ("options", "--env S=1", "secrets", [{"name": "T", "valueFrom": f"{SECRET}theirs"}]),
    ("options", "--user 1", "user", "1"),
    ("options", "--privileged", "privileged", True),
    ("options", "--init=false", "linuxParameters.initProcessEnabled", False),
    ("options", "--shm-size 1m", "linuxParameters.initProcessEnabled", True),
    ("options", "--shm-size 1m", "linuxParameters.sharedMemorySize", 1),
    (
        "options",
        "--env A=1",
        "environment",
        [{"name": "Z", "value": "9"}, {"name": "A", "value": "1"}],
    ),
    (
        "options",
        "--ulimit core=1",
        "ulimits",
        [
            {"name": "core", "softLimit": 1, "hardLimit": 1},
            {"name": "stack", "softLimit": 9, "hardLimit": 9},
        ],
    ),
    (
        "options",
        "--tmpfs /a:size=1m",
        "linuxParameters.tmpfs",
        [{"containerPath": "/a", "size": 1}, {"containerPath": "/z", "size": 9}],
    ),
    (
        "options",
        "--device /dev/b:/dev/a:r --device /dev/a:/dev/c:r",
        "linuxParameters.devices",
        [
            {"hostPath": "/dev/b", "containerPath": "/dev/a", "permissions": ["READ"]},
            {"hostPath": "/dev/a", "containerPath": "/dev/z"},
            {"hostPath": "/dev/a", "containerPath": "/dev/c", "permissions": ["READ"]},
        ],
    ),
]


@pytest.mark.parametrize(("name", "value", "place", "expected"), OVER_DEFINITIONS)
def test_what_is_asked_for_counts_over_a_definition_of_the_users(
    name: str, value: Any, place: str, expected: Any
) -> None:
    found = plan(read_resources({f"batchx_{name}": value}, "Rule a"))
    for member in place.split("."):
        found = found[member]
    assert found == expected


def test_volumes_are_added_to_those_of_a_definition_of_the_users() -> None:
    planned = plan(JobOptions(volumes=parse_volumes("/mine:/a")))
    assert [each["containerPath"] for each in planned["mountPoints"]] == ["/z", "/a"]
    assert [each["host"]["sourcePath"] for each in planned["volumes"]] == ["/theirs", "/mine"]


def test_consumables_are_held_with_those_of_a_definition_of_the_users() -> None:
    planned = plan(JobOptions(consumables=(("a", 2),)))
    assert planned["consumableResourceProperties"] == {
        "consumableResourceList": [
            {"consumableResource": "z", "quantity": 9},
            {"consumableResource": "a", "quantity": 2},
        ]
    }
