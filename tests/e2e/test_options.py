"""Every option, from a rule to what Batch stored of it and to what its container shows."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from docker_images import import_busybox
from option_cases import CASES, LOG_GROUP, SECRET_VALUE
from queue_kit import FARGATE, describe_definition, describe_jobs, make_queue
from runs import Workspace, make_workspace
from stored import iter_stored
from tools import need_docker, need_program

from snakemake_executor_plugin_batchx.local.launch import (
    DOCKER,
    EmbeddedAws,
    RuntimeTrees,
    launch_embedded_aws,
)
from snakemake_executor_plugin_batchx.runtime.build import Runtime

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.together, pytest.mark.timeout(600)]

HEAD_VALUE = "of the head"

PRIVILEGED = "--privileged"


@dataclass(frozen=True)
class World:
    """A run of one workflow with a rule for each case, and what Batch knows of it."""

    workspace: Workspace
    output: str
    jobs: dict[str, dict[str, Any]]
    definitions: dict[str, dict[str, Any]]

    def find(self, rule: str, place: str) -> Any:
        """Return what stands at a dotted place in a rule's definition or job."""
        job, definition = self.jobs[rule], self.definitions[rule]
        of_job = {
            **job,
            **{each["type"]: each["value"] for each in job["container"]["resourceRequirements"]},
        }
        environment = {
            e["name"]: e["value"] for e in definition["containerProperties"]["environment"]
        }
        volumes = definition["containerProperties"]["volumes"]
        value: Any = {
            "job": of_job,
            "definition": definition,
            "environment": environment,
            "volume": volumes[0] if volumes else {},
        }
        for name in place.split("."):
            value = value[name]
        return value


def write_workflow(folder: Path, image: str, other: str, host: Path, arns: dict[str, str]) -> None:
    lines = [
        "import os",
        f"HOST = {str(host)!r}",
        f"OTHER = {other!r}",
        f"SECRET, PARAMETER = {arns['secret']!r}, {arns['parameter']!r}",
        f"container: 'docker://{image}'",
        f"rule all:\n    input: {[f'{name}.txt' for name in CASES]}",
    ]
    for name, case in CASES.items():
        shell = f"export HOST={host}; ( {case.shell} ) > {{output}}"
        lines += [
            f"rule {name}:",
            f"    output: {name + '.txt'!r}",
            "    threads: 2",
            f"    resources: {case.resources}" if case.resources else "",
            f"    shell: {shell!r}",
        ]
    (folder / "Snakefile").write_text("\n".join(lines) + "\n")


def furnish(aws: EmbeddedAws, workspace: Workspace) -> dict[str, str]:
    """Make what the cases name; return the ARNs of secret and parameter."""
    make_queue(aws, "option-fair", has_policy=True)
    make_queue(aws, "option-fargate", FARGATE)
    workspace.client("batch").create_consumable_resource(
        consumableResourceName="licence", totalQuantity=3, resourceType="REPLENISHABLE"
    )
    workspace.client("logs").create_log_group(logGroupName=LOG_GROUP)
    secret = workspace.client("secretsmanager").create_secret(
        Name="token", SecretString=json.dumps({"key": SECRET_VALUE})
    )
    parameters = workspace.client("ssm")
    parameters.put_parameter(Name="/token", Value=SECRET_VALUE, Type="SecureString")
    parameter = parameters.get_parameter(Name="/token")["Parameter"]["ARN"]
    return {"secret": f"{secret['ARN']}:key::", "parameter": parameter}


@pytest.fixture(scope="module")
def world(runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """All cases, run in containers at once."""
    need_docker()
    need_program("busybox")
    folder, host = tmp_path_factory.mktemp("options"), tmp_path_factory.mktemp("host")
    (host / "given").write_text("of the host\n")
    (host / "out").mkdir(mode=0o777)
    trees = RuntimeTrees(str(runtime.base_tree), str(runtime.own_tree))
    with (
        launch_embedded_aws(runner=DOCKER, runtime=trees, vcpus=16) as aws,
        import_busybox() as image,
        import_busybox(files={"which": "the other image\n"}) as other,
    ):
        workspace = make_workspace(folder, aws)
        arns = furnish(aws, workspace)
        workspace.allow(
            queues=("option-fair", "option-fargate"),
            job_roles=(aws.job_role_arn,),
            execution_roles=(aws.execution_role_arn,),
            log_groups=(LOG_GROUP,),
            secrets=(arns["secret"].removesuffix(":key::"), arns["parameter"]),
            consumables=("licence",),
        )
        write_workflow(workspace.folder, image.tag, other.tag, host, arns)
        run = workspace.snakemake(
            *("--keep-going", "--batchx-job-role", aws.job_role_arn),
            environment={"OPTION_TOKEN": HEAD_VALUE},
        )
        queues = (aws.job_queue, "option-fair", "option-fargate")
        jobs = [job for queue in queues for job in describe_jobs(aws, queue)]
        by_rule = {job["tags"]["batchx:rule"]: job for job in jobs}
        definitions = {rule: describe_definition(aws, job) for rule, job in by_rule.items()}
        yield World(workspace, run.output, by_rule, definitions)
        (host / "out").chmod(0o777)


@pytest.mark.parametrize("name", CASES)
def test_an_option_is_stored_and_has_its_effect(name: str, world: World) -> None:
    case = CASES[name]
    path = world.workspace.folder / f"{name}.txt"
    assert path.exists(), world.output
    for place, value in case.stored.items():
        assert world.find(name, place) == value
    assert case.shown in path.read_text()


def test_what_sizes_became_is_said(world: World) -> None:
    for line in (
        "batchx: shm_size: --shm-size: 48m is 48 MiB.",
        "batchx: fargate: 2 vCPU with 829 MiB becomes 2 vCPU with 4096 MiB, the next size that "
        "Fargate has.",
        "638 MiB (256 of them for batchx itself)",
    ):
        assert line in world.output


def test_output_goes_to_the_log_group_that_the_rule_names(world: World) -> None:
    stream = world.jobs["log_group"]["container"]["logStreamName"]
    logs = world.workspace.client("logs")
    events = logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream)["events"]
    assert "said" in [event["message"] for event in events]


def test_no_secret_is_stored_anywhere(world: World) -> None:
    found = {
        place
        for place, content in iter_stored(world.workspace.aws)
        if SECRET_VALUE.encode() in content or HEAD_VALUE.encode() in content
    }
    # One rule's output is what it was given.
    assert len(found) == 1
    assert found.pop().endswith("/result")
    assert SECRET_VALUE not in world.output
