"""Whatever is asked for: what planning accepts is what AWS Batch takes, the rest it explains.

The judges are botocore's model of the API and the embedded Batch, which is as strict as AWS's.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.local.batch import Batch
from snakemake_executor_plugin_batchx.local.placement import Capacity
from snakemake_executor_plugin_batchx.plan.definition import (
    DefinitionSettings,
    RuntimeVolume,
    plan_definition,
)
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.job_options import read_resources, read_settings
from snakemake_executor_plugin_batchx.plan.names import RULE_TAG, RUN_TAG
from snakemake_executor_plugin_batchx.plan.options import OPTIONS
from snakemake_executor_plugin_batchx.plan.platform import Platform, interpret_queue
from snakemake_executor_plugin_batchx.plan.request import (
    DEFAULT_SCRATCH,
    JobRequest,
    RequestPlanner,
    Wish,
)
from snakemake_executor_plugin_batchx.plan.resources import read_demand
from snakemake_executor_plugin_batchx.plan.submission import make_job_command, plan_submission
from snakemake_executor_plugin_batchx.plan.values import Problems

CheckRequest = Callable[[str, Mapping[str, Any]], None]

LABEL = "Rule align"
ROLE = "arn:aws:iam::123456789012:role/me"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a"
PARAMETER = "arn:aws:ssm:eu-west-1:123456789012:parameter/b"
S3_FILES = "s3files://arn:aws:s3files:eu-west-1:123456789012:file-system/fs-0123456789abcdef0"
CONSUMABLE = "arn:aws:batch:us-east-1:123456789012:consumable-resource"
CONSUMABLES = ("licence", "seat", "token", "tape", "robot", "oven")

EC2_RESOURCES = {
    "type": "EC2",
    "minvCpus": 0,
    "maxvCpus": 1000,
    "instanceRole": "ecsInstanceRole",
    "subnets": ["subnet-1"],
}
ENVIRONMENTS: dict[str, dict[str, Any]] = {
    "x86": {**EC2_RESOURCES, "instanceTypes": ["m5", "c5.large"]},
    "graviton": {**EC2_RESOURCES, "instanceTypes": ["m7g"]},
    "gpus": {**EC2_RESOURCES, "instanceTypes": ["g5"]},
    "fargate": {"type": "FARGATE", "maxvCpus": 1000, "subnets": ["subnet-1"]},
}
QUEUES = {
    "ec2": ("x86", False),
    "arm": ("graviton", False),
    "gpu": ("gpus", False),
    "fair-ec2": ("x86", True),
    "fargate": ("fargate", False),
    "fair-fargate": ("fargate", True),
}
"""Of each queue the compute environment, and whether it has a scheduling policy."""


def open_batch() -> Batch:
    batch = Batch(Capacity(1000, 10**6, gpus=8))
    for name, resources in ENVIRONMENTS.items():
        made = {"computeEnvironmentName": name, "type": "MANAGED", "computeResources": resources}
        batch.handle("CreateComputeEnvironment", made)
    policy = batch.handle("CreateSchedulingPolicy", {"name": "policy"})["arn"]
    for name, (environment, has_policy) in QUEUES.items():
        order = [{"order": 1, "computeEnvironment": environment}]
        queue = {"jobQueueName": name, "priority": 1, "computeEnvironmentOrder": order}
        fair = {"schedulingPolicyArn": policy} if has_policy else {}
        batch.handle("CreateJobQueue", {**queue, **fair})
    for name in CONSUMABLES:
        made = {"consumableResourceName": name, "totalQuantity": 1000}
        batch.handle("CreateConsumableResource", made)
    return batch


def describe_platforms(batch: Batch) -> dict[str, Platform]:
    environments = {
        each["computeEnvironmentArn"]: each
        for each in batch.handle("DescribeComputeEnvironments", {})["computeEnvironments"]
    }
    return {
        each["jobQueueName"]: interpret_queue(
            each["jobQueueName"],
            each,
            [environments[e["computeEnvironment"]] for e in each["computeEnvironmentOrder"]],
        )
        for each in batch.handle("DescribeJobQueues", {})["jobQueues"]
    }


PLATFORMS = describe_platforms(open_batch())


@dataclass(frozen=True)
class Ask:
    """What a rule and a run ask for, as users write it, and on what."""

    queue: str
    resources: Mapping[str, Any]
    flags: Mapping[str, Any]
    template: Mapping[str, Any] = field(default_factory=dict)
    credentials: str | None = None
    definition: DefinitionSettings = field(default_factory=DefinitionSettings)
    cache_folder: str | None = None
    size: int = 1


def join_parts(parts: Iterable[str]) -> str:
    return " ".join(parts)


IS_MOSTLY = st.sampled_from([True] * 7 + [False])


def pick_flags(flags: list[list[str]]) -> st.SearchStrategy[str]:
    chosen = {n: st.sampled_from(uses) for n, uses in enumerate(flags)}
    return st.fixed_dictionaries({}, optional=chosen).map(dict.values).map(join_parts)


def pick_some(parts: list[str], most: int = 4) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(parts), unique=True, max_size=most)


NUMBERS = {
    "mem_mib": st.integers(1, 60_000),
    "mem_mb": st.integers(100, 60_000),
    "runtime": st.integers(1, 10_000),
    "disk_mb": st.integers(1, 150_000),
}

FLAGS_OF_BOTH = [
    ["--init", "--init=false"],
    ["--read-only"],
    ["--privileged=false"],
    ["--user 1000:100", "-u me"],
    ["-e A=1", "--env A='x y'"],
    ["-e 'B=ü\"$('"],
    ["-e HOME", "-e HOME=/home/you"],
    ["-e T=1"],
    ["-e LD_PRELOAD=/lib/libjemalloc.so"],
]
FLAGS_OF_EC2 = [
    ["--shm-size 1g", "--shm-size=64"],
    ["--ulimit nofile=1024:4096", "--ulimit nofile=9"],
    ["--ulimit memlock=-1"],
    ["--device /dev/fuse"],
    ["--device /dev/a:/dev/b:r"],
    ["--device /dev/a:/dev/c"],
    ["--tmpfs /t:size=1g"],
    ["--tmpfs /work:size=2m,mode=1777"],
    ["--memory-swap 200g", "--memory-swap 300g --memory-swappiness 10"],
]
"""Of each flag what it may be, so that no two contradict each other."""

VOLUMES_OF_BOTH = [
    "efs://fs-0123abcd:/efs",
    "efs://fs-0123abcd/ref:/ref:ro",
    "efs://fs-0123abcd:/iam:iam",
    "efs://fs-0123abcd:/point:accesspoint=fsap-0123abcd",
    "efs://fs-0123abcd:/plain:notls",
]
VOLUMES_OF_EC2 = ["/data", "/data:/again:ro", "/scratch", "/mnt:/home", "/mnt/work:/tmp"]
VOLUMES_OF_FARGATE = [f"{S3_FILES}:/files", f"{S3_FILES}/in:/in:ro,tlsport=999"]


def list_option_strategies(platform: Platform) -> dict[str, st.SearchStrategy[Any]]:
    """Values of options, most of which are right on a platform."""
    flags = FLAGS_OF_BOTH if platform.is_fargate else FLAGS_OF_BOTH + FLAGS_OF_EC2
    volumes = VOLUMES_OF_BOTH + (VOLUMES_OF_FARGATE if platform.is_fargate else VOLUMES_OF_EC2)
    strategies: dict[str, st.SearchStrategy[Any]] = {
        "memory_overhead": st.sampled_from(["0", "256", "1000"]),
        "consumables": pick_some(["licence=2", *CONSUMABLES[1:]], 3).map(",".join),
        "retries": st.integers(0, 9).map(str),
        "runnable_timeout": st.sampled_from(["90", "2h", "1d"]),
        "tags": pick_some(["a=1", "b=x y", "c=", "lab:d=ü/+-@", "E=_.:="]).map(",".join),
        "log_group": st.sampled_from(["/aws/batch/job", "/mine", "a#b"]),
        "options": pick_flags(flags),
        "volumes": pick_some(volumes).map(join_parts),
        "secrets": pick_some([f"S={SECRET}", f"P={PARAMETER}", "N=/a/b"]).map(",".join),
        "array": st.sampled_from(["on", "off"]),
    }
    if platform.is_fargate:
        strategies |= {
            "arch": st.sampled_from(["amd64", "arm64"]),
            "public_ip": st.sampled_from(["on", "off"]),
            "platform_version": st.sampled_from(["LATEST", "1.4.0"]),
        }
    if platform.has_policy:
        strategies["priority"] = st.integers(0, 9999).map(str)
    return {
        name: strategy.filter(lambda value: value != "") for name, strategy in strategies.items()
    }


SPOILERS: list[dict[str, Any]] = [
    {"_cores": 33},
    {"mem_mb": 300_000},
    {"mem_mb": -1},
    {"disk_mb": 300_000},
    {"gpu": 1},
    {"gpu_model": "a100"},
    {"runtime": 0},
    {"batchx_arch": "arm64"},
    {"batchx_priority": 10_000},
    {"batchx_priority": 1},
    {"batchx_share": "s"},
    {"batchx_public_ip": "on"},
    {"batchx_platform_version": "1.3.0"},
    {"batchx_tags": ",".join(f"k{number}=v" for number in range(41))},
    {"batchx_tags": "aws:a=1,=2"},
    {"batchx_secrets": "S=hunter2"},
    {"batchx_secrets": f"A={SECRET}", "batchx_options": "-e A=1"},
    {"batchx_consumables": ",".join(CONSUMABLES)},
    {"batchx_consumables": "licence=0"},
    {"batchx_options": "--gpus all\n--memory 4g"},
    {"batchx_options": "'--a\nb' -e NOT_THERE"},
    {"batchx_options": "--memory-swap 10m"},
    {"batchx_options": "--memory-swappiness 10"},
    {"batchx_options": "--tmpfs /efs:size=1m --privileged"},
    {"batchx_volumes": "/data /other:/data relative:/x"},
    {"batchx_volumes": f"{S3_FILES}:/efs"},
    {"batchx_volumes": "/data:/theirs"},
    {"batchx_job_role": "me"},
    {"batchx_retries": 10},
    {"batchx_volumes": "/data:/tmp:ro", "batchx_options": "--read-only"},
    {"batchx_volumes": "/data:/work:ro", "batchx_options": "--read-only"},
    {"batchx_platform_version": "1.3.0", "batchx_options": "--read-only"},
    {"batchx_platform_version": "1.2.0"},
    {"_cores": 10**11},
    {"mem_mb": 10**12},
    {"runtime": 10**9},
    {"gpu": 10**11},
    {"batchx_options": f"-e A={'x' * 25_000}"},
    {"batchx_consumables": f"licence,{CONSUMABLE}/licence"},
    {"batchx_secrets": f"Z={SECRET}", "batchx_options": "-e Z"},
    {"batchx_secrets": f"LD_PRELOAD={SECRET}"},
    {"batchx_options": "--tmpfs /theirs:size=1m"},
    {"batchx_qeue": "q"},
]
"""What is wrong, or at least on some queues."""


@st.composite
def make_templates(draw: st.DrawFn, platform: Platform) -> dict[str, Any]:
    """What a job definition of the user's own says, which is right by itself."""
    sizes = ["0.25 512", "1 2048", "2 8192"] if platform.is_fargate else ["1 100", "4 8000"]
    vcpus, memory = draw(st.sampled_from(sizes)).split()
    container: dict[str, Any] = {
        "image": "theirs",
        "resourceRequirements": [
            {"type": "VCPU", "value": vcpus},
            {"type": "MEMORY", "value": memory},
        ],
    }
    volume = {"name": "theirs", "efsVolumeConfiguration": {"fileSystemId": "fs-0123abcd"}}
    mount = {"sourceVolume": "theirs", "containerPath": "/theirs", "readOnly": False}
    optional: dict[str, Any] = {
        "user": "1",
        "secrets": [{"name": "T", "valueFrom": PARAMETER}],
        "executionRoleArn": f"{ROLE}/theirs",
        "environment": [{"name": "A", "value": "9"}, {"name": "Z", "value": "9"}],
        "readonlyRootFilesystem": True,
        "jobRoleArn": f"{ROLE}/theirs",
        "linuxParameters": {"initProcessEnabled": True},
        "mountPoints": [mount],
        "volumes": [volume],
    }
    if platform.is_fargate:
        optional |= {
            "runtimePlatform": {"cpuArchitecture": "X86_64"},
            "ephemeralStorage": {"sizeInGiB": 50},
            "fargatePlatformConfiguration": {"platformVersion": "1.4.0"},
        }
    else:
        optional |= {
            "privileged": True,
            "ulimits": [{"name": "nofile", "softLimit": 9, "hardLimit": 9}],
            "linuxParameters": {
                "sharedMemorySize": 9,
                "tmpfs": [{"containerPath": "/t", "size": 9}],
            },
        }
    kept = set(draw(pick_some(sorted(optional))))
    kept |= {"volumes"} if "mountPoints" in kept else set()
    kept |= {"executionRoleArn"} if "secrets" in kept or platform.is_fargate else set()
    container |= {name: optional[name] for name in sorted(kept)}
    members: dict[str, Any] = {
        "tags": {"theirs": "1"},
        "timeout": {"attemptDurationSeconds": 60},
        "retryStrategy": {"attempts": 7},
        "schedulingPriority": 5,
        "propagateTags": False,
        "parameters": {"a": "b"},
        "consumableResourceProperties": {
            "consumableResourceList": [{"consumableResource": "seat", "quantity": 1}]
        },
    }
    named = draw(pick_some(sorted(members)))
    return {
        **{name: members[name] for name in named},
        "platformCapabilities": [platform.kind.upper()],
        "containerProperties": container,
    }


@st.composite
def make_definition_settings(draw: st.DrawFn, platform: Platform) -> DefinitionSettings:
    volumes = [None, RuntimeVolume("/", "fs-0123abcd")]
    if not platform.is_fargate:
        volumes.append(RuntimeVolume("/opt/batchx"))
    return DefinitionSettings(
        tags=draw(st.sampled_from([{}, {"a": "1"}])),
        workflow=draw(st.sampled_from(["", "outbreak"])),
        runtime_volume=draw(st.sampled_from(volumes)),
        scratch=draw(st.sampled_from([DEFAULT_SCRATCH, "/work", "/scratch/in"])),
    )


@st.composite
def make_asks(draw: st.DrawFn) -> Ask:
    queue = draw(st.sampled_from(list(QUEUES)))
    platform = PLATFORMS[queue]
    strategies = list_option_strategies(platform)
    of_rule = draw(st.fixed_dictionaries({}, optional=strategies))
    flags = draw(st.fixed_dictionaries({}, optional=strategies))
    resources = draw(st.fixed_dictionaries({"_cores": st.integers(1, 16)}, optional=NUMBERS))
    resources |= {f"batchx_{name}": value for name, value in of_rule.items()}
    if queue == "gpu":
        resources["gpu"] = draw(st.integers(0, 8))
    roles = {"execution_role": ROLE, "job_role": ROLE}
    flags |= roles if draw(IS_MOSTLY) else {}
    flags |= {"share": "s"} if draw(IS_MOSTLY) else {}
    if draw(st.booleans()):
        resources |= draw(st.sampled_from(SPOILERS))
    is_own = draw(st.booleans())
    return Ask(
        queue,
        resources,
        flags,
        draw(make_templates(platform)) if is_own else {},
        draw(st.sampled_from([None, None, SECRET])),
        draw(make_definition_settings(platform)),
        "/var/lib/batchx-cache" if not platform.is_fargate and draw(st.booleans()) else None,
        draw(st.sampled_from([1, 1, 5])),
    )


def plan(ask: Ask, image: JobImage) -> JobRequest:
    """As a run does it. Raises BatchxError."""
    unset = {option.setting: None for option in OPTIONS if option.setting}
    defaults = read_settings(SimpleNamespace(**{**unset, **ask.flags}))
    problems = Problems(LABEL)
    with problems:
        demand = read_demand(ask.resources, LABEL)
    with problems:
        options = read_resources(ask.resources, LABEL)
    problems.raise_all()
    planner = RequestPlanner(
        defaults,
        ask.queue,
        PLATFORMS.__getitem__,
        {"HOME": "/home/me"},
        scratch=ask.definition.scratch,
    )
    return planner.plan(Wish(LABEL, demand, options), ask.queue, image)


def submit(ask: Ask, image: JobImage, request: JobRequest, check_request: CheckRequest) -> Any:
    """Register and submit what was planned; return the job once Batch has looked at it."""
    batch = open_batch()
    definition = plan_definition("align", image, request, ask.definition, ask.cache_folder)
    check_request("RegisterJobDefinition", definition)
    arn = batch.handle("RegisterJobDefinition", definition)["jobDefinitionArn"]
    submission = plan_submission(
        name="bx-align",
        definition_arn=arn,
        command=make_job_command("/batchx/bin/python", "eu-west-1", "s3://bucket/spec"),
        request=request,
        tags={RUN_TAG: "run", RULE_TAG: "align"},
        size=ask.size,
    )
    check_request("SubmitJob", submission)
    job_id = batch.handle("SubmitJob", submission)["jobId"]
    batch.advance()
    return batch.handle("DescribeJobs", {"jobs": [job_id]})["jobs"][0]


def is_sentence(line: str) -> bool:
    return (
        line.startswith(f"{LABEL}: ")
        and line.endswith((".", "?"))
        and not re.search(r"[.?!] [A-Z]|\.\.|\s\s", line)
    )


def is_accepted(ask: Ask, check_request: CheckRequest) -> bool:
    """Tell whether an ask is accepted: then Batch has to take it, else to be explained."""
    image = JobImage("i", "i", {"LD_PRELOAD": ":"}, ask.template, ask.credentials)
    refusal = ""
    try:
        request = plan(ask, image)
    except BatchxError as error:
        refusal = str(error)
    if refusal:
        assert [line for line in refusal.splitlines() if not is_sentence(line)] == []
        return False
    job = submit(ask, image, request, check_request)
    assert job["status"] != "FAILED", job
    return True


@pytest.mark.slow
def test_what_is_accepted_is_what_batch_takes_and_the_rest_is_explained(
    check_request: CheckRequest,
) -> None:
    answers: Counter[bool] = Counter()

    @settings(max_examples=500, deadline=None)
    @given(make_asks())
    def check(ask: Ask) -> None:
        answer = is_accepted(ask, check_request)
        event(f"{ask.queue}: {'accepted' if answer else 'refused'}")
        answers[answer] += 1

    check()
    assert answers[True] > answers[False] > 0


SHARE = {"share": "s"}
ROLES = {"execution_role": ROLE, "job_role": ROLE}


@pytest.mark.parametrize("queue", QUEUES)
def test_the_least_that_can_be_asked_for_is_accepted(
    queue: str, check_request: CheckRequest
) -> None:
    assert is_accepted(Ask(queue, {}, {**ROLES, **SHARE}), check_request)


@pytest.mark.parametrize("queue", QUEUES)
@pytest.mark.parametrize("resources", SPOILERS, ids="+".join)
def test_what_may_be_wrong_is_explained_or_taken(
    resources: dict[str, Any], queue: str, check_request: CheckRequest
) -> None:
    """With and without roles and a share, and in a definition of the user's own."""
    template = {
        "platformCapabilities": [PLATFORMS[queue].kind.upper()],
        "containerProperties": {
            "image": "theirs",
            "environment": [{"name": "Z", "value": "9"}],
            "mountPoints": [{"sourceVolume": "theirs", "containerPath": "/theirs"}],
            "volumes": [{"name": "theirs"}],
        },
    }
    plain = is_accepted(Ask(queue, resources, {**ROLES, **SHARE}), check_request)
    bare = is_accepted(Ask(queue, resources, {}), check_request)
    own = is_accepted(Ask(queue, resources, {**ROLES, **SHARE}, template), check_request)
    assert plain or not (bare or own)


def test_each_of_what_may_be_wrong_is_refused_somewhere(check_request: CheckRequest) -> None:
    flags = {**ROLES, **SHARE}
    answers = [
        [is_accepted(Ask(queue, resources, flags), check_request) for queue in QUEUES]
        for resources in SPOILERS
    ]
    assert [one for one, on in zip(SPOILERS, answers, strict=True) if all(on)] == []
