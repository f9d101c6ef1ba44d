"""What containers cannot ask for, beyond the tables of test_local_limits.py."""

from __future__ import annotations

from typing import Any

import pytest
from batch_world import (
    ROLE,
    World,
    make_container,
    make_definition,
    make_fargate,
    make_fargate_environment,
    make_queue,
    make_resources,
)

from snakemake_executor_plugin_batchx.local.errors import ClientError

EFS = {"fileSystemId": "fs-1"}
ENCRYPTED = {**EFS, "transitEncryption": "ENABLED"}
POINT = {"accessPointId": "fsap-1"}
S3_FILES = {"fileSystemArn": "arn:aws:s3files:us-east-1:123456789012:file-system/fs-1"}
S3_POINT = f"{S3_FILES['fileSystemArn']}/access-point/fsap-1"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:token-AbCdEf"
SECRETS = [{"name": "TOKEN", "valueFrom": SECRET}]
NEED_ROLE = "When you are specifying container secrets, you must also specify a value for"


def efs(**settings: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "v", "efsVolumeConfiguration": settings}]}


def s3_files(**settings: Any) -> dict[str, Any]:
    return {"volumes": [{"name": "v", "s3filesVolumeConfiguration": settings}]}


def mount(*paths: str) -> dict[str, Any]:
    return {
        "volumes": [{"name": "v", "host": {}}],
        "mountPoints": [{"sourceVolume": "v", "containerPath": path} for path in paths],
    }


def limit(soft: int, hard: int, *more: str) -> dict[str, Any]:
    names = ("nofile", *more)
    return {"ulimits": [{"name": n, "softLimit": soft, "hardLimit": hard} for n in names]}


def device(**members: Any) -> dict[str, Any]:
    return {"linuxParameters": {"devices": [{"hostPath": "/dev/fuse", **members}]}}


KEPT = [
    efs(**EFS),
    efs(**ENCRYPTED, authorizationConfig=POINT),
    efs(**ENCRYPTED, authorizationConfig=POINT, rootDirectory="/"),
    {**efs(**ENCRYPTED, authorizationConfig={"iam": "ENABLED"}), "jobRoleArn": ROLE},
    efs(**EFS, authorizationConfig={"iam": "DISABLED"}),
    {**s3_files(**S3_FILES), "jobRoleArn": ROLE},
    {**s3_files(**S3_FILES, accessPointArn=S3_POINT), "jobRoleArn": ROLE},
    mount("/a", "/b"),
    limit(5, 5),
    limit(5, -1, "nproc"),
    limit(-1, -1),
    device(containerPath="/dev/mine", permissions=["READ"]),
    {"secrets": SECRETS, "executionRoleArn": ROLE},
]


@pytest.mark.parametrize("members", KEPT, ids=str)
def test_what_is_right_is_registered(world: World, members: dict[str, Any]) -> None:
    answer = world.call("RegisterJobDefinition", **make_definition("x", make_container(**members)))
    assert answer["revision"] == 1


REFUSED = [
    ({"volumes": [{"name": "v", "host": {}, "efsVolumeConfiguration": EFS}]}, "more than one of"),
    ({"volumes": [{"name": "v", "host": {"sourcePath": "a"}}]}, "Path 'a' should be absolute"),
    ({"volumes": [{"name": "v", "host": {}}] * 2}, "Volume names must differ"),
    (efs(**EFS, authorizationConfig=POINT), "transitEncryption must be ENABLED"),
    (
        {**efs(**EFS, authorizationConfig={"iam": "ENABLED"}), "jobRoleArn": ROLE},
        "transitEncryption must be ENABLED",
    ),
    (efs(**ENCRYPTED, authorizationConfig={"iam": "ENABLED"}), "job role must be specified"),
    (efs(**ENCRYPTED, authorizationConfig=POINT, rootDirectory="/a"), "must be omitted or /"),
    (efs(**EFS, rootDirectory="a"), "Path 'a' should be absolute"),
    (s3_files(**S3_FILES), "job role must be specified"),
    (
        {**s3_files(**S3_FILES, accessPointArn=S3_POINT, rootDirectory="/a"), "jobRoleArn": ROLE},
        "must be omitted or /",
    ),
    (mount("/a", "/a"), "Container path '/a' is mounted more than once"),
    (mount("a"), "Path 'a' should be absolute"),
    (limit(6, 5), r"soft limit of nofile \(6\) is above its hard limit \(5\)"),
    (limit(-1, 5), "is above its hard limit"),
    (limit(5, 5, "nofile"), "holds nofile more than once"),
    (device(hostPath="fuse"), "Path 'fuse' should be absolute"),
    (device(containerPath="fuse"), "Path 'fuse' should be absolute"),
    (device(permissions=["EXECUTE"]), "is not a value"),
    ({"secrets": SECRETS}, NEED_ROLE),
    (
        {"logConfiguration": {"logDriver": "splunk", "secretOptions": SECRETS}},
        NEED_ROLE,
    ),
    (
        {"secrets": [{"name": "AWS_BATCH_X", "valueFrom": SECRET}], "executionRoleArn": ROLE},
        "AWS_BATCH_X is empty",
    ),
    (
        {
            "secrets": SECRETS,
            "environment": [{"name": "TOKEN", "value": "x"}],
            "executionRoleArn": ROLE,
        },
        "must be unique and not shared .* such as 'TOKEN'",
    ),
    ({"secrets": SECRETS * 2, "executionRoleArn": ROLE}, "such as 'TOKEN'"),
    (
        {"repositoryCredentials": {"credentialsParameter": SECRET}},
        "Private repository authentication requires",
    ),
]


@pytest.mark.parametrize(("members", "words"), REFUSED)
def test_what_is_wrong_is_refused_in_words(
    world: World, members: dict[str, Any], words: str
) -> None:
    with pytest.raises(ClientError, match=words):
        world.call("RegisterJobDefinition", **make_definition("x", make_container(**members)))


def make_task(*, is_fargate: bool = False, **task: Any) -> dict[str, Any]:
    """A definition by ecsProperties of one container, with what else the task has."""
    resources = make_resources("0.25", "512") if is_fargate else make_resources()
    container = {"name": "main", "image": "x", "resourceRequirements": resources}
    definition = make_definition("task", platformCapabilities=["FARGATE"] if is_fargate else None)
    definition.pop("containerProperties")
    own = {"containers": [{**container, **task.pop("container", {})}], **task}
    return {**definition, "ecsProperties": {"taskProperties": [own]}}


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ({"container": {"secrets": SECRETS}}, NEED_ROLE),
        ({"platformVersion": "1.4.0"}, "platformVersion not applicable for EC2"),
        ({"runtimePlatform": {"cpuArchitecture": "ARM64"}}, "runtimePlatform not applicable"),
        (efs(**ENCRYPTED, authorizationConfig={"iam": "ENABLED"}), "job role must be specified"),
        ({"container": mount("/a")}, "Unknown parameter"),
    ],
)
def test_tasks_keep_to_the_same_rules(world: World, task: dict[str, Any], words: str) -> None:
    with pytest.raises(ClientError, match=words):
        world.call("RegisterJobDefinition", **make_task(**task))


def test_a_tasks_roles_are_its_containers(world: World) -> None:
    task = make_task(
        container={"secrets": SECRETS},
        executionRoleArn=ROLE,
        taskRoleArn=ROLE,
        **efs(**ENCRYPTED, authorizationConfig={"iam": "ENABLED"}),
    )
    assert world.call("RegisterJobDefinition", **task)["revision"] == 1


@pytest.mark.parametrize("version", ["LATEST", "1.4.0"])
def test_fargate_has_efs(world: World, version: str) -> None:
    of_container = {"fargatePlatformConfiguration": {"platformVersion": version}, **efs(**EFS)}
    task = make_task(is_fargate=True, platformVersion=version, executionRoleArn=ROLE, **efs(**EFS))
    for definition in (make_fargate(**of_container), task):
        assert world.call("RegisterJobDefinition", **definition)["revision"] == 1


def make_fargate_world(kind: str = "FARGATE") -> World:
    world = World()
    environment = make_fargate_environment("fargate")
    environment["computeResources"]["type"] = kind
    world.call("CreateComputeEnvironment", **environment)
    world.call("CreateJobQueue", **make_queue("fargate", "fargate"))
    return world


def test_arm_runs_on_fargate_spot_too() -> None:
    world = make_fargate_world("FARGATE_SPOT")
    definition = make_fargate(runtimePlatform={"cpuArchitecture": "ARM64"})
    world.call("RegisterJobDefinition", **definition)
    job_id = world.submit(jobDefinition="fargate", jobQueue="fargate")
    assert world.status(job_id) == "STARTING"


@pytest.mark.parametrize("member", ["vcpus", "memory"])
def test_fargate_refuses_the_older_overrides(member: str) -> None:
    world = make_fargate_world()
    world.call("RegisterJobDefinition", **make_fargate())
    with pytest.raises(ClientError) as caught:
        world.submit(jobDefinition="fargate", jobQueue="fargate", containerOverrides={member: 2048})
    assert caught.value.message == (
        f"{member} is not applicable for Fargate. Use resource requirements instead."
    )


def test_managed_instances_are_refused_by_name(world: World) -> None:
    definition = make_definition("x", platformCapabilities=["MANAGED_INSTANCES"])
    with pytest.raises(ClientError, match="no ECS Managed Instances"):
        world.call("RegisterJobDefinition", **definition)


def test_an_override_that_shares_a_secrets_name_fails_the_job_later(world: World) -> None:
    container = make_container(secrets=SECRETS, executionRoleArn=ROLE)
    world.call("RegisterJobDefinition", **make_definition("own", container))
    shared = {"environment": [{"name": "TOKEN", "value": "x"}]}
    job = world.describe(world.submit(jobDefinition="own", containerOverrides=shared))
    assert (job["status"], job["attempts"]) == ("FAILED", [])
    assert job["statusReason"].endswith("such as 'TOKEN'.")


def test_described_definitions_have_what_batch_fills_in(world: World) -> None:
    world.call(
        "RegisterJobDefinition", **make_fargate(linuxParameters={"initProcessEnabled": True})
    )
    (found,) = world.call("DescribeJobDefinitions", jobDefinitionName="fargate")["jobDefinitions"]
    container = found["containerProperties"]
    assert container["fargatePlatformConfiguration"] == {"platformVersion": "LATEST"}
    assert container["linuxParameters"] == {"initProcessEnabled": True, "devices": [], "tmpfs": []}
    world.call(
        "RegisterJobDefinition",
        **make_definition("ec2", make_container(logConfiguration={"logDriver": "awslogs"})),
    )
    (found,) = world.call("DescribeJobDefinitions", jobDefinitionName="ec2")["jobDefinitions"]
    assert found["containerProperties"]["logConfiguration"]["secretOptions"] == []
    assert "fargatePlatformConfiguration" not in found["containerProperties"]


def test_thousands_of_definitions_come_in_pages_of_a_hundred(world: World) -> None:
    for number in range(1200):
        world.call("RegisterJobDefinition", **make_definition(f"many-{number}"))
    names, token, pages = [], None, 0
    while token is not None or pages == 0:
        more = {} if token is None else {"nextToken": token}
        page = world.call("DescribeJobDefinitions", status="ACTIVE", **more)
        names += [each["jobDefinitionName"] for each in page["jobDefinitions"]]
        token, pages = page.get("nextToken"), pages + 1
    assert pages == 13
    assert len(set(names)) == len(names) == 1201
