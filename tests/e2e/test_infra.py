"""From an empty account to a first run and back, by the commands of docs/account.md."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from runs import Run, Workspace, keep_environment, make_client
from tool_images import provide_image

from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    EmbeddedAws,
    launch_embedded_aws,
    make_environment,
)

pytestmark = pytest.mark.timeout(600)

PAGE = Path(__file__).parents[2] / "docs" / "account.md"

MANIFEST = """{
    "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    "config": {"digest": "sha256:1", "size": 1},
    "layers": [{"mediaType": "m", "size": 1, "digest": "sha256:1"}]
}"""

SNAKEFILE = """
    rule all:
        input: "out/a.txt", "out/b.txt", "far.txt"

    rule one:
        output: "out/{letter}.txt"
        log: "logs/{letter}.log"
        container: "docker://busybox"
        shell: "echo {wildcards.letter} > {output}; echo told > {log}"

    rule far:
        output: "far.txt"
        container: "docker://busybox"
        shell: "echo far > {output}"
"""


@dataclass(frozen=True)
class User:
    """A folder, and the credentials and settings of whoever works in it."""

    folder: Path
    aws: EmbeddedAws
    environment: Mapping[str, str]


def make_owner(folder: Path, aws: EmbeddedAws) -> User:
    """Return a user with all rights, who knows nothing of the account but the credentials."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"HOME": str(folder.parent), "PATH": programs}
    return User(folder, aws, {**make_environment(aws), **own})


@pytest.fixture
def aws() -> Iterator[EmbeddedAws]:
    with launch_embedded_aws(runner=PROCESS) as aws:
        yield aws


@pytest.fixture
def empty(tmp_path: Path, aws: EmbeddedAws) -> User:
    """The owner of an account, in an empty folder."""
    (tmp_path / "work").mkdir()
    return make_owner(tmp_path / "work", aws)


def write_snakefile(user: User, text: str) -> None:
    (user.folder / "Snakefile").write_text(textwrap.dedent(text), encoding="utf-8")


def shell(user: User, *lines: str) -> Run:
    """Run lines as a user would type them into one shell."""
    done = subprocess.run(
        ["bash", "-e"],
        input="\n".join(lines),
        cwd=user.folder,
        env={**keep_environment(), **user.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=250,
        check=False,
    )
    return Run(done.returncode, done.stdout)


def list_commands(section: str) -> list[str]:
    """Return the commands that a section of the page shows, but for those of AWS's own tool.

    Questions are answered beforehand.
    """
    text = PAGE.read_text(encoding="utf-8").split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    lines = [line for line in lines if not line.startswith("aws ")]
    asking = ("batchx infra up", "batchx infra down")
    return [f"{line} --yes" if line.startswith(asking) else line for line in lines]


def list_everything(aws: EmbeddedAws) -> dict[str, set[str]]:
    """Return what the account holds of all that a stack or a run may make."""
    names = ("batch", "s3", "iam", "ec2", "logs", "ecr", "cloudformation")
    batch, s3, iam, ec2, logs, ecr, formation = (make_client(aws, name) for name in names)

    def pick(found: list[dict[str, Any]], key: str) -> set[str]:
        return {str(each[key]) for each in found}

    definitions = batch.describe_job_definitions(status="ACTIVE")["jobDefinitions"]
    environments = batch.describe_compute_environments()["computeEnvironments"]
    stacks = formation.list_stacks()["StackSummaries"]
    roles = [each for each in iam.list_roles()["Roles"] if "service-role" not in each["Path"]]
    roles = [each for each in roles if "AWSServiceRoleFor" not in each["RoleName"]]
    return {
        "queues": pick(batch.describe_job_queues()["jobQueues"], "jobQueueArn"),
        "environments": pick(environments, "computeEnvironmentArn"),
        "definitions": pick(definitions, "jobDefinitionArn"),
        "buckets": pick(s3.list_buckets()["Buckets"], "Name"),
        "roles": pick(roles, "Arn"),
        "policies": pick(iam.list_policies(Scope="Local")["Policies"], "Arn"),
        "profiles": pick(iam.list_instance_profiles()["InstanceProfiles"], "Arn"),
        "vpcs": pick(ec2.describe_vpcs()["Vpcs"], "VpcId"),
        "subnets": pick(ec2.describe_subnets()["Subnets"], "SubnetId"),
        "groups": pick(ec2.describe_security_groups()["SecurityGroups"], "GroupId"),
        "gateways": pick(ec2.describe_internet_gateways()["InternetGateways"], "InternetGatewayId"),
        "tables": pick(ec2.describe_route_tables()["RouteTables"], "RouteTableId"),
        "endpoints": pick(ec2.describe_vpc_endpoints()["VpcEndpoints"], "VpcEndpointId"),
        "templates": pick(ec2.describe_launch_templates()["LaunchTemplates"], "LaunchTemplateId"),
        "log groups": pick(logs.describe_log_groups()["logGroups"], "logGroupName"),
        "repositories": pick(ecr.describe_repositories()["repositories"], "repositoryName"),
        "stacks": pick([s for s in stacks if s["StackStatus"] != "DELETE_COMPLETE"], "StackName"),
    }


def make_scientist(user: User) -> User:
    """Return the same folder as somebody sees it who has the head's policy, and nothing else."""
    iam = make_client(user.aws, "iam")
    iam.create_user(UserName="scientist")
    iam.attach_user_policy(UserName="scientist", PolicyArn=read_outputs(user.aws)["HeadPolicyArn"])
    key = iam.create_access_key(UserName="scientist")["AccessKey"]
    names = {"AWS_ACCESS_KEY_ID": "AccessKeyId", "AWS_SECRET_ACCESS_KEY": "SecretAccessKey"}
    keys = {name: key[field] for name, field in names.items()}
    return User(user.folder, user.aws, {**user.environment, **keys})


def dismiss_scientist(aws: EmbeddedAws) -> None:
    iam = make_client(aws, "iam")
    for key in iam.list_access_keys(UserName="scientist")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="scientist", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="scientist")


def read_outputs(aws: EmbeddedAws) -> dict[str, str]:
    client = make_client(aws, "cloudformation")
    (stack,) = client.describe_stacks(StackName="batchx")["Stacks"]
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def test_from_an_empty_account_to_a_first_run_and_back(empty: User, aws: EmbeddedAws) -> None:
    before = list_everything(aws)
    commands = list_commands("Make it")
    assert commands[0] == "batchx infra up --spot --yes"
    made = shell(empty, *commands)
    assert made.exit_code == 0, made.output
    assert " 0 warnings, 0 failed" in made.output
    outputs = read_outputs(aws)
    assert {outputs["Queue"], outputs["OnDemandQueue"]} <= list_everything(aws)["queues"]

    ecr = make_client(aws, "ecr")
    ecr.create_repository(repositoryName="batchx-images/quay.io/tool")
    ecr.put_image(
        repositoryName="batchx-images/quay.io/tool", imageManifest=MANIFEST, imageTag="bx-1"
    )
    # What runs without a stack made, or somebody else, is none of the stack's.
    ecr.create_repository(repositoryName="batchx-images/empty")
    ecr.create_repository(repositoryName="batchx/plain")
    ecr.put_image(repositoryName="batchx/plain", imageManifest=MANIFEST, imageTag="bx-1")
    others = {"batchx-images/empty", "batchx/plain"}
    write_snakefile(empty, SNAKEFILE)
    scientist = make_scientist(empty)
    first = shell(scientist, *list_commands("A first run"))
    assert first.exit_code == 0, first.output
    sound = shell(scientist, f"{export_settings(empty)}\nbatchx doctor")
    assert " 0 warnings, 0 failed" in sound.output, sound.output
    denied = shell(scientist, "batchx infra down --yes")
    assert denied.exit_code == 1
    assert "cloudformation:DescribeStacks" in denied.output
    assert (empty.folder / "out" / "b.txt").read_text() == "b\n"
    (job, *_) = describe_jobs(aws, outputs["Queue"])
    assert job["container"]["jobRoleArn"] == outputs["JobRoleArn"]
    assert job["container"]["logConfiguration"]["options"]["awslogs-group"] == "/batchx/batchx"
    (empty.folder / "far.txt").unlink()

    changed = shell(empty, *list_commands("Change it"))
    assert changed.exit_code == 0, changed.output
    changed = shell(empty, *list_commands("Spot, GPUs, Graviton, Fargate"))
    assert changed.exit_code == 0, changed.output
    assert "- " not in changed.output.split("CREATE")[0]
    profile = save_profile(empty, far="Fargate")
    second = shell(scientist, f"snakemake --profile {profile}")
    assert second.exit_code == 0, second.output
    assert len(describe_jobs(aws, read_outputs(aws)["FargateQueue"])) == 1

    assert shell(empty, *list_commands("Deploy it otherwise")).exit_code == 0
    gone = shell(empty, *list_commands("Delete it"), "batchx infra down --yes")
    assert gone.exit_code == 0, gone.output
    assert "deleted repository batchx-images/quay.io/tool" in gone.output
    assert "left repository batchx-images/empty: it holds no image of batchx's" in gone.output
    assert "detached HeadPolicy from user scientist" in gone.output
    assert "there is no stack batchx in us-east-1: there is nothing to delete" in gone.output
    dismiss_scientist(aws)
    assert list_everything(aws) == {**before, "repositories": others}


def export_settings(user: User) -> str:
    """Return the settings that whoever made the stack hands on."""
    return shell(user, "batchx infra profile --env").output


@pytest.mark.docker
@pytest.mark.slow
def test_containers_run_on_a_stacks_queue(docker_workspace: Workspace) -> None:
    user = make_owner(docker_workspace.folder, docker_workspace.aws)
    made = shell(user, "batchx infra up --stack contained --yes > config.yaml")
    assert made.exit_code == 0, made.output
    image = provide_image("busybox")
    write_snakefile(
        user,
        f"""
        rule all:
            output: "told.txt"
            container: "docker://{image}"
            shell: "cat /etc/batchx-image > {{output}}"
        """,
    )
    run = shell(user, "snakemake --profile .")
    assert run.exit_code == 0, run.output
    assert (user.folder / "told.txt").read_text() == "busybox\n"
    gone = shell(user, "batchx infra down --stack contained --yes")
    assert gone.exit_code == 0, gone.output


def describe_jobs(aws: EmbeddedAws, queue: str) -> list[dict[str, Any]]:
    """Return the jobs of a queue that succeeded, array parents apart."""
    batch = make_client(aws, "batch")
    found = batch.list_jobs(jobQueue=queue, jobStatus="SUCCEEDED")["jobSummaryList"]
    return list(batch.describe_jobs(jobs=[each["jobId"] for each in found])["jobs"])


def save_profile(user: User, **rules: str) -> Path:
    """Save the profile with those lines set free that send a rule to one of the other queues."""
    text = shell(user, "batchx infra profile").output
    head, _, tail = text.partition("# set-resources:\n")
    blocks = tail.split("#   NAME_OF_A_RULE:")[1:]
    chosen = "".join(
        f"  {rule}:{block}"
        for rule, kind in rules.items()
        for block in blocks
        if f"# {kind}" in block
    )
    folder = user.folder.parent / "other-profile"
    folder.mkdir()
    lines = textwrap.dedent(chosen).replace("#     ", "      ")
    (folder / "config.yaml").write_text(f"{head}set-resources:\n  {lines.strip()}\n")
    return folder


def test_data_of_the_users_own_is_never_lost_unasked(empty: User, aws: EmbeddedAws) -> None:
    assert shell(empty, "batchx infra up --yes").exit_code == 0
    bucket = read_outputs(aws)["Bucket"]
    s3 = make_client(aws, "s3")
    s3.put_object(Bucket=bucket, Key="data/reads.fq", Body=b"ACGT")
    refused = shell(empty, "batchx infra down --yes")
    assert refused.exit_code == 1
    assert refused.output == (
        f"batchx: Bucket {bucket} holds data beside .batchx/ (1: data/reads.fq): save what you "
        "want to keep (batchx sync), and give --delete-data.\n"
    )
    assert read_outputs(aws)["Bucket"] == bucket
    assert s3.get_object(Bucket=bucket, Key="data/reads.fq")["Body"].read() == b"ACGT"
    assert shell(empty, "batchx infra down --yes --delete-data").exit_code == 0
    assert bucket not in list_everything(aws)["buckets"]


def test_jobs_end_before_what_they_write_to_goes(empty: User, aws: EmbeddedAws) -> None:
    assert shell(empty, "batchx infra up --yes").exit_code == 0
    outputs = read_outputs(aws)
    batch, queue = make_client(aws, "batch"), outputs["Queue"]
    definition = batch.register_job_definition(
        jobDefinitionName="endless",
        type="container",
        containerProperties={
            "image": "busybox",
            "command": ["sleep", "3600"],
            "executionRoleArn": outputs["ExecutionRoleArn"],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": outputs["LogGroup"]},
            },
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "128"},
            ],
        },
    )["jobDefinitionArn"]
    job = batch.submit_job(jobName="endless", jobQueue=queue, jobDefinition=definition)["jobId"]
    gone = shell(empty, "batchx infra down --yes")
    assert gone.exit_code == 0, gone.output
    lines = gone.output.splitlines()
    (ended,) = [number for number, line in enumerate(lines) if "1 job is being ended" in line]
    (emptied,) = [number for number, line in enumerate(lines) if " objects in " in line]
    assert ended < emptied
    (described,) = batch.describe_jobs(jobs=[job])["jobs"]
    assert described["status"] == "FAILED"
    assert described["statusReason"] == "batchx infra down: the queue is being deleted"


def test_what_cannot_be_made_is_told_and_leaves_nothing(empty: User, aws: EmbeddedAws) -> None:
    logs = make_client(aws, "logs")
    logs.create_log_group(logGroupName="/batchx/batchx")
    before = list_everything(aws)
    failed = shell(empty, "batchx infra up --yes")
    assert failed.exit_code == 1
    assert "Stack batchx is ROLLBACK_COMPLETE" in failed.output
    assert "log group already exists. Something of that name was left behind" in failed.output
    assert list_everything(aws) == {**before, "stacks": {"batchx"}}
    logs.delete_log_group(logGroupName="/batchx/batchx")
    again = shell(empty, "batchx infra up --yes")
    assert again.exit_code == 0, again.output
    assert "stack batchx was never made (ROLLBACK_COMPLETE): it is deleted first" in again.output
    same = shell(empty, "batchx infra up --yes")
    assert "there is nothing to change" in same.output
    assert shell(empty, "batchx infra down --yes").exit_code == 0
    assert list_everything(aws) == {
        **before,
        "log groups": before["log groups"] - {"/batchx/batchx"},
    }
