"""Every limit of the tables, through plain boto3, at its bounds and just beyond."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from batch_world import (
    ROLE,
    World,
    make_container,
    make_definition,
    make_environment,
    make_fargate,
    make_queue,
    make_resources,
)
from botocore.exceptions import ClientError

from snakemake_executor_plugin_batchx.local.checks import ALL_BOUNDS
from snakemake_executor_plugin_batchx.local.choices import CHOICES
from snakemake_executor_plugin_batchx.local.errors import ClientError as Refusal
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws
from snakemake_executor_plugin_batchx.local.patterns import PATTERNS
from snakemake_executor_plugin_batchx.local.platforms import EC2_REFUSES, FARGATE_REFUSES

Request = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A row of a table: which call it limits, and values on both sides of the limit.

    ``words`` must stand in the refusal; by default they are the row's.
    """

    row: str
    make_request: Callable[[Any], Request]
    kept: list[Any]
    refused: list[Any]
    words: str | None = None


def register(**members: Any) -> Request:
    return "register_job_definition", make_definition(**members)


def register_container(**members: Any) -> Request:
    return register(container=make_container(**members))


def register_fargate(**members: Any) -> Request:
    return "register_job_definition", make_fargate(**members)


def submit(**members: Any) -> Request:
    request = {"jobName": "job", "jobQueue": "strict", "jobDefinition": "strict", **members}
    return "submit_job", request


def end_jobs(count: int) -> Request:
    return "terminate_jobs", {"jobs": ["none"] * count, "reason": "test"}


def retry_rules(**rule: Any) -> Request:
    rules = [{"action": "RETRY", **rule}]
    return submit(retryStrategy={"attempts": 2, "evaluateOnExit": rules})


def make_task(count: int) -> dict[str, Any]:
    containers = [
        {"name": f"c{n}", "image": "busybox", "resourceRequirements": make_resources()}
        for n in range(count)
    ]
    return {"containers": containers}


def register_task(tasks: list[Any]) -> Request:
    definition = make_definition(ecsProperties={"taskProperties": tasks})
    del definition["containerProperties"]
    return "register_job_definition", definition


def create_queue(*environments: str, **members: Any) -> Request:
    return "create_job_queue", make_queue(f"q-{uuid.uuid4()}", *environments, **members)


def time_limit(seconds: int) -> Request:
    action = {"reason": "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY", "state": "RUNNABLE"}
    actions = [{**action, "maxTimeSeconds": seconds, "action": "CANCEL"}]
    return create_queue("batchx-local", jobStateTimeLimitActions=actions)


def add_tmpfs(path: str = "/scratch", size: int = 1, options: tuple[str, ...] = ()) -> Request:
    tmpfs = {"containerPath": path, "size": size, "mountOptions": list(options)}
    return register_container(linuxParameters={"tmpfs": [tmpfs]})


def add_ulimit(name: str = "nofile", soft: int = 1, hard: int = -1) -> Request:
    return register_container(ulimits=[{"name": name, "softLimit": soft, "hardLimit": hard}])


def add_efs(file_system: str = "fs-0a", **members: Any) -> Request:
    settings = {"fileSystemId": file_system, "transitEncryption": "ENABLED", **members}
    return register_container(volumes=[{"name": "efs", "efsVolumeConfiguration": settings}])


def add_s3_files(**members: Any) -> Request:
    settings = {"fileSystemArn": S3_FILES, **members}
    volume = {"name": "s3", "s3filesVolumeConfiguration": settings}
    return register_container(volumes=[volume], jobRoleArn=ROLE)


def add_secret(value_from: str) -> Request:
    secrets = [{"name": "TOKEN", "valueFrom": value_from}]
    return register_container(secrets=secrets, executionRoleArn=ROLE)


def require(quantity: int, count: int = 1) -> Request:
    needs = [
        {"consumableResource": f"strict-{n}", "quantity": quantity} for n in range(1, count + 1)
    ]
    return submit(consumableResourcePropertiesOverride={"consumableResourceList": needs})


def create_consumable(**members: Any) -> Request:
    name = f"c-{uuid.uuid4()}"
    return "create_consumable_resource", {"consumableResourceName": name, **members}


def update_consumable(operation: str) -> Request:
    request = {"consumableResource": "strict-1", "operation": operation, "quantity": 0}
    return "update_consumable_resource", request


def resources(**given: str) -> Request:
    return register_container(resourceRequirements=make_resources(**given))


BOUND_CASES = [
    Case("submit_bytes", lambda n: submit(parameters={"p": "x" * n}), [30_000], [31_000], "30 KiB"),
    Case(
        "definition_bytes",
        lambda n: register(parameters={"p": "x" * n}),
        [24_000],
        [25_000],
        "24 KiB",
    ),
    Case("array_size", lambda n: submit(arrayProperties={"size": n}), [2, 10_000], [1, 10_001]),
    Case("describe_jobs", lambda n: ("describe_jobs", {"jobs": ["x"] * n}), [0, 100], [101]),
    Case(
        "describe_job_definitions",
        lambda n: ("describe_job_definitions", {"jobDefinitions": ["x:1"] * n}),
        [100],
        [101],
    ),
    Case("bulk_jobs", end_jobs, [1, 50], [0, 51]),
    Case(
        "list_by_status",
        lambda n: ("list_jobs", {"jobQueue": "strict", "maxResults": n}),
        [1, 1000],
        [0, 1001],
    ),
    Case(
        "list_by_filter",
        lambda n: (
            "list_jobs",
            {
                "jobQueue": "strict",
                "maxResults": n,
                "filters": [{"name": "JOB_NAME", "values": ["x"]}],
            },
        ),
        [1, 100],
        [0, 101],
    ),
    Case(
        "page_of_100",
        lambda n: ("describe_job_definitions", {"maxResults": n}),
        [1, 100],
        [0, 101],
    ),
    Case(
        "list_filters",
        lambda n: (
            "list_jobs",
            {"jobQueue": "strict", "filters": [{"name": "JOB_NAME", "values": ["x"]}] * n},
        ),
        [0, 1],
        [2],
    ),
    Case("image_length", lambda n: register_container(image="i" * n), [1, 255], [256]),
    Case(
        "reason_length",
        lambda n: ("terminate_job", {"jobId": "none", "reason": "r" * n}),
        [1, 1024],
        [0, 1025],
    ),
    Case("attempts", lambda n: submit(retryStrategy={"attempts": n}), [1, 10], [0, 11]),
    Case(
        "evaluate_on_exit",
        lambda n: submit(
            retryStrategy={
                "attempts": 2,
                "evaluateOnExit": [{"onReason": "x", "action": "EXIT"}] * n,
            }
        ),
        [0, 5],
        [6],
    ),
    Case("glob_length", lambda n: retry_rules(onReason="x" * n), [1, 512], [0, 513]),
    Case("timeout_seconds", lambda n: submit(timeout={"attemptDurationSeconds": n}), [60], [0, 59]),
    Case("scheduling_priority", lambda n: register(schedulingPriority=n), [0, 9999], [-1, 10_000]),
    Case("tags", lambda n: submit(tags={f"k{i}": "" for i in range(n)}), [50], [51]),
    Case("tag_key_length", lambda n: submit(tags={"k" * n: ""}), [1, 128], [129], "128"),
    Case("tag_value_length", lambda n: submit(tags={"k": "v" * n}), [0, 256], [257], "256"),
    Case("memory_mib", lambda n: resources(memory=str(n)), [4], [3]),
    Case("vcpus", lambda n: resources(vcpus=str(n)), [1], [0]),
    Case("gpus", lambda n: resources(gpus=str(n)), [1], [0]),
    Case(
        "fargate_storage_gib",
        lambda n: register_fargate(ephemeralStorage={"sizeInGiB": n}),
        [21, 200],
        [20, 201],
    ),
    Case(
        "shared_memory_mib",
        lambda n: register_container(linuxParameters={"sharedMemorySize": n}),
        [1],
        [0],
    ),
    Case(
        "swappiness",
        lambda n: register_container(linuxParameters={"swappiness": n}),
        [0, 100],
        [-1, 101],
    ),
    Case("task_properties", lambda n: register_task([make_task(1)] * n), [1], [0, 2]),
    Case("task_containers", lambda n: register_task([make_task(n)]), [1, 10], [0, 11]),
    Case(
        "queue_environments",
        lambda n: create_queue(*["strict", "strict-2", "strict-3", "batchx-local"][:n]),
        [1, 3],
        [0, 4],
    ),
    Case(
        "queue_priority",
        lambda n: create_queue("strict", priority=n),
        [0, 1000],
        [-1, 1001],
    ),
    Case(
        "max_vcpus",
        lambda n: ("create_compute_environment", make_environment(f"e-{uuid.uuid4()}", n)),
        [1],
        [0],
    ),
    Case("time_limit_seconds", time_limit, [600, 86_400], [599, 86_401]),
    Case("max_swap_mib", lambda n: register_container(linuxParameters={"maxSwap": n}), [0], [-1]),
    Case("tmpfs_mib", lambda n: add_tmpfs(size=n), [1], [0]),
    Case("ulimit", lambda n: add_ulimit(hard=n), [-1, 1], [-2]),
    Case("transit_port", lambda n: add_efs(transitEncryptionPort=n), [0, 65_535], [-1, 65_536]),
    Case(
        "root_directory_length",
        lambda n: add_efs(rootDirectory="/".ljust(n, "x")),
        [1, 4096],
        [4097],
    ),
    Case("job_consumables", lambda n: require(1, n), [0, 5], [6]),
    Case("consumable_need", require, [1], [0, -1]),
    Case("consumable_total", lambda n: create_consumable(totalQuantity=n), [0, 2**40], [-1]),
]

# How many there may be: shown in memory, where nothing else makes queues and jobs.
COUNTED_ROWS = {"dependencies", "queues", "environments", "consumables"}

EFS_ARN = "arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-0a"
S3_FILES = "arn:aws:s3files:us-east-1:123456789012:file-system/fs-0a"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:team/token-AbCdEf"

PATTERN_CASES = [
    Case(
        "job_name",
        lambda name: submit(jobName=name),
        ["a", "9", "a" * 128, "A_b-1"],
        ["", "_a", "-a", "a" * 129, "a b", "a.b", "é"],
    ),
    Case(
        "definition_name",
        lambda name: ("register_job_definition", make_definition(name)),
        ["a", "a" * 128, "A_b-1"],
        ["", "_a", "a" * 129, "a:1", "a.b"],
    ),
    Case(
        "resource_name",
        lambda name: ("create_job_queue", make_queue(name, "strict")),
        ["Strict_q-1"],
        ["", "-q", "q" * 129, "q q"],
    ),
    Case(
        "image",
        lambda image: register_container(image=image),
        ["quay.io/biocontainers/bwa:0.7.17--h5bf99c6_8", "a@sha256:0f", "1.dkr.ecr.x/y#z"],
        ["a b", "docker://a$b"],
    ),
    Case(
        "glob",
        lambda glob: retry_rules(onReason=glob),
        ["Host EC2*", "a.b:c", "*"],
        ["a*b", "a-b", "a/b", "**"],
    ),
    Case(
        "exit_code_glob",
        lambda glob: retry_rules(onExitCode=glob),
        ["1", "13*", "*"],
        ["-1", "1a", "*1"],
    ),
    Case(
        "role_arn",
        lambda arn: register_container(jobRoleArn=arn),
        [ROLE, "arn:aws-cn:iam::123456789012:role/path/name"],
        ["some-role", "arn:aws:iam::1:role/x", "arn:aws:iam::123456789012:user/x"],
    ),
    Case(
        "user",
        lambda user: register_container(user=user),
        ["root", "1000", "1000:1000", "nobody:nogroup"],
        ["$(id", "a b", "-x"],
    ),
    Case(
        "environment_name",
        lambda name: submit(containerOverrides={"environment": [{"name": name, "value": "x"}]}),
        ["A", "my.name", "AWS_REGION"],
        ["AWS_BATCH_JOB_ID", "AWS_BATCHX", "", "A=B"],
    ),
    Case(
        "volume_name",
        lambda name: register_container(volumes=[{"name": name, "host": {"sourcePath": "/x"}}]),
        ["data_1-a", "v" * 255],
        ["", "v" * 256, "a b"],
    ),
    Case(
        "tag_key",
        lambda key: submit(tags={key: "v"}),
        ["a b", "aws", "é+-=._:/@"],
        ["aws:x", "AWS:x", "a*", "a,b"],
    ),
    Case(
        "tag_value",
        lambda value: submit(tags={"k": value}),
        ["", "a b", "é+-=._:/@"],
        ["aws:x", "a*", "{x}", "a\nb"],
    ),
    Case("absolute_path", add_tmpfs, ["/", "/a b"], ["", "a", "./a"]),
    Case("file_system", add_efs, ["fs-1", "fs-0123456789abcdef0"], ["fs-", "fs-G", EFS_ARN]),
    Case(
        "access_point",
        lambda point: add_efs(authorizationConfig={"accessPointId": point}),
        ["fsap-0123456789abcdef0"],
        ["fs-1", "fsap-", ""],
    ),
    Case(
        "s3_file_system",
        lambda arn: add_s3_files(fileSystemArn=arn),
        [S3_FILES],
        ["fs-1", EFS_ARN, ""],
    ),
    Case(
        "s3_access_point",
        lambda arn: add_s3_files(accessPointArn=arn),
        [f"{S3_FILES}/access-point/fsap-1"],
        [S3_FILES, "fsap-1"],
    ),
    Case(
        "secret_place",
        add_secret,
        [
            SECRET,
            f"{SECRET}:key",
            f"{SECRET}:key:AWSCURRENT:",
            f"{SECRET}:::0123",
            "arn:aws:ssm:us-east-1:123456789012:parameter/team/token",
            "/team/token",
            "token",
        ],
        ["", "a b", f"{SECRET}:a:b:c:d", "arn:aws:s3:::bucket", "arn:aws:ssm:x:1:parameter/x"],
    ),
    Case(
        "secret_arn",
        lambda arn: register_container(
            repositoryCredentials={"credentialsParameter": arn}, executionRoleArn=ROLE
        ),
        [SECRET],
        ["token", f"{SECRET}:key", "arn:aws:ssm:us-east-1:123456789012:parameter/token"],
    ),
]
CHOICE_CASES = [
    Case("ulimit_name", add_ulimit, ["nofile", "memlock"], ["NOFILE", "files"]),
    Case(
        "tmpfs_option",
        lambda option: add_tmpfs(options=(option,)),
        ["noexec", "mode", "mode=1777", "uid=1000", "nr_inodes=1k"],
        ["size=1m", "noexec=1", "rbindx", ""],
    ),
    Case(
        "cpu_architecture",
        lambda name: register_fargate(runtimePlatform={"cpuArchitecture": name}),
        ["X86_64", "ARM64"],
        ["arm64", "MIPS"],
    ),
    Case(
        "operating_system",
        lambda name: register_fargate(runtimePlatform={"operatingSystemFamily": name}),
        ["LINUX"],
        ["WINDOWS_SERVER_2022_CORE", "linux"],
    ),
    Case(
        "fargate_version",
        lambda name: register_fargate(fargatePlatformConfiguration={"platformVersion": name}),
        ["LATEST", "1.4.0"],
        ["latest", "1.4", "1.0.0"],
    ),
    Case(
        "consumable_type",
        lambda name: create_consumable(resourceType=name),
        ["REPLENISHABLE", "NON_REPLENISHABLE"],
        ["replenishable", "SLOTS"],
    ),
    Case("consumable_operation", update_consumable, ["SET", "ADD", "REMOVE"], ["set", "DROP"]),
]
ALL_CASES = BOUND_CASES + PATTERN_CASES + CHOICE_CASES
SHARED_PATTERNS = {"share_identifier"}


@pytest.fixture(scope="session")  # a process may come back to this module
def strict(unchecked_client: Any, strict_aws: EmbeddedAws) -> Any:
    """A client that checks nothing itself, and a queue "strict" on which no job can run."""
    for name in ("strict", "strict-2", "strict-3"):
        unchecked_client.create_compute_environment(**make_environment(name, 1))
    unchecked_client.create_job_queue(**make_queue("strict", "strict"))
    for n in range(1, 7):
        unchecked_client.create_consumable_resource(consumableResourceName=f"strict-{n}")
    container = make_container(resourceRequirements=make_resources("2"))
    unchecked_client.register_job_definition(**make_definition("strict", container))
    return unchecked_client


def expand(cases: list[Case], side: str) -> list[Any]:
    return [
        pytest.param(case, value, id=f"{case.row}-{str(value)[:30]}")
        for case in cases
        for value in getattr(case, side)
    ]


@pytest.mark.parametrize(("case", "value"), expand(ALL_CASES, "kept"))
def test_what_keeps_a_limit_is_accepted(strict: Any, case: Case, value: Any) -> None:
    operation, parameters = case.make_request(value)
    answer = getattr(strict, operation)(**parameters)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(("case", "value"), expand(ALL_CASES, "refused"))
def test_what_breaks_a_limit_is_refused_in_its_words(strict: Any, case: Case, value: Any) -> None:
    operation, parameters = case.make_request(value)
    with pytest.raises(ClientError) as caught:
        getattr(strict, operation)(**parameters)
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert error["Error"]["Code"] == "ClientException"
    row = ALL_BOUNDS.get(case.row) or PATTERNS.get(case.row) or CHOICES[case.row]
    assert (case.words or row.describe_breach(value)) in error["Error"]["Message"]


def test_every_row_has_a_case() -> None:
    assert {case.row for case in BOUND_CASES} | COUNTED_ROWS == set(ALL_BOUNDS)
    assert {case.row for case in PATTERN_CASES} | SHARED_PATTERNS == set(PATTERNS)
    assert {case.row for case in CHOICE_CASES} == set(CHOICES)


def test_every_row_has_a_source() -> None:
    rows = [*ALL_BOUNDS.values(), *PATTERNS.values(), *CHOICES.values()]
    assert all(row.source.startswith("https://docs.aws.amazon.com/") for row in rows)


def test_a_refusal_is_framed_as_aws_does(strict: Any) -> None:
    with pytest.raises(ClientError) as caught:
        strict.submit_job(jobName="a b", jobQueue="strict", jobDefinition="strict")
    message = caught.value.response["Error"]["Message"]
    assert message.startswith("Error executing request, Exception : Job name should match valid")
    assert f"RequestId: {caught.value.response['ResponseMetadata']['RequestId']}" in message


def test_a_job_has_up_to_20_dependencies(world: World) -> None:
    other = world.submit()
    world.submit(dependsOn=[{"jobId": other}] * 20)
    with pytest.raises(Refusal, match="maximum of 20 jobs, got 21"):
        world.submit(dependsOn=[{"jobId": other}] * 21)


def test_an_account_has_up_to_50_queues_and_environments(world: World) -> None:
    for n in range(49):
        world.call("CreateComputeEnvironment", **make_environment(f"e{n}"))
        world.call("CreateJobQueue", **make_queue(f"q{n}", "environment"))
    with pytest.raises(Refusal, match="up to 50 compute environments"):
        world.call("CreateComputeEnvironment", **make_environment("one-more"))
    with pytest.raises(Refusal, match="up to 50 job queues"):
        world.call("CreateJobQueue", **make_queue("one-more", "environment"))


GIB = 1024
# As DESIGN and the AWS documentation have it: vCPU, allowed GiB, and neighbours that are not.
FARGATE = [
    ("0.25", [0.5, 1, 2], [0.25, 1.5, 3]),
    ("0.5", [1, 2, 3, 4], [0.5, 5]),
    ("1", [2, 5, 8], [1, 9]),
    ("2", [4, 9, 16], [3, 17]),
    ("4", [8, 17, 30], [7, 31]),
    ("8", [16, 20, 60], [15, 18, 64]),
    ("16", [32, 40, 120], [28, 36, 128]),
    ("32", [60, 120, 244], [32, 61, 128, 256]),
]


@pytest.mark.parametrize(("vcpus", "kept", "refused"), FARGATE)
def test_fargate_pairs(world: World, vcpus: str, kept: list[float], refused: list[float]) -> None:
    def attempt(gib: float) -> None:
        pair = make_resources(vcpus, str(int(gib * GIB)))
        world.call("RegisterJobDefinition", **make_fargate(resourceRequirements=pair))

    for gib in kept:
        attempt(gib)
    for gib in refused:
        with pytest.raises(Refusal, match="Fargate has no"):
            attempt(gib)


@pytest.mark.parametrize("vcpus", ["3", "0.1", "64"])
def test_fargate_has_no_other_vcpus(world: World, vcpus: str) -> None:
    pair = make_resources(vcpus, "2048")
    with pytest.raises(Refusal, match="vCPU"):
        world.call("RegisterJobDefinition", **make_fargate(resourceRequirements=pair))


SAMPLES: dict[str, Any] = {
    "privileged": True,
    "ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 1}],
    "instanceType": "m5.large",
    "linuxParameters.devices": {"devices": [{"hostPath": "/dev/x"}]},
    "linuxParameters.sharedMemorySize": {"sharedMemorySize": 64},
    "linuxParameters.tmpfs": {"tmpfs": [{"containerPath": "/x", "size": 1}]},
    "linuxParameters.maxSwap": {"maxSwap": 1},
    "linuxParameters.swappiness": {"swappiness": 1},
    "networkConfiguration": {"assignPublicIp": "ENABLED"},
    "fargatePlatformConfiguration": {"platformVersion": "LATEST"},
    "ephemeralStorage": {"sizeInGiB": 30},
    "runtimePlatform": {"cpuArchitecture": "ARM64"},
    "vcpus": 1,
    "memory": 2048,
}
TASK_MEMBERS = {"platformVersion"}
"""Members of ecsProperties' tasks alone: test_local_container_rules.py has them."""


@pytest.mark.parametrize("path", FARGATE_REFUSES)
def test_fargate_refuses(world: World, path: str) -> None:
    member = path.partition(".")[0]
    world.call(
        "RegisterJobDefinition", **make_definition("ec2", make_container(**{member: SAMPLES[path]}))
    )
    with pytest.raises(Refusal) as caught:
        world.call("RegisterJobDefinition", **make_fargate(**{member: SAMPLES[path]}))
    assert caught.value.message == FARGATE_REFUSES[path]


@pytest.mark.parametrize("path", sorted(EC2_REFUSES.keys() - TASK_MEMBERS))
def test_ec2_refuses(world: World, path: str) -> None:
    world.call("RegisterJobDefinition", **make_fargate(**{path: SAMPLES[path]}))
    with pytest.raises(Refusal) as caught:
        world.call(
            "RegisterJobDefinition",
            **make_definition("ec2", make_container(**{path: SAMPLES[path]})),
        )
    assert caught.value.message == EC2_REFUSES[path]


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({"executionRoleArn": None}, "executionRoleArn is required"),
        ({"resourceRequirements": make_resources("1", "2048", "1")}, "GPU is not applicable"),
        ({"volumes": [{"name": "v", "host": {"sourcePath": "/x"}}]}, "host volumes"),
        ({"logConfiguration": {"logDriver": "json-file"}}, "Log driver json-file"),
    ],
)
def test_fargate_also_refuses(world: World, members: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        world.call("RegisterJobDefinition", **make_fargate(**members))


def test_overrides_over_8192_characters_fail_the_job_later(world: World) -> None:
    job_id = world.submit(containerOverrides={"command": ["x" * 8192]})
    job = world.describe(job_id)
    assert (job["status"], job["attempts"]) == ("FAILED", [])
    assert job["statusReason"] == "Container Overrides length must be at most 8192"


def test_overrides_just_below_8192_characters_run(world: World) -> None:
    job_id = world.submit(containerOverrides={"command": ["x" * 7800]})
    assert world.status(job_id) == "STARTING"


@pytest.mark.parametrize(("is_propagating", "status"), [(True, "FAILED"), (False, "STARTING")])
def test_over_50_combined_tags_fail_the_job_if_propagated(
    world: World, is_propagating: bool, status: str
) -> None:
    tags = {f"definition-{n}": "" for n in range(30)}
    world.call("RegisterJobDefinition", **make_definition("tagged", tags=tags))
    job_id = world.submit(
        jobDefinition="tagged",
        tags={f"job-{n}": "" for n in range(30)},
        propagateTags=is_propagating,
    )
    assert world.status(job_id) == status
