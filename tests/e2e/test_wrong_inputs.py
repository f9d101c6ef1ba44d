"""Whatever is wrong with what a user asks for is told, all of it, before Batch is told anything."""

import re
from typing import Any

import pytest
from queue_kit import make_task_role
from runs import Run, Workspace, count_calls, make_client
from warm_heads import WarmHeads
from wrong_inputs import GAP, ROLE, WRONG_INPUTS, WrongInput

from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws
from snakemake_executor_plugin_batchx.plan.platform import LOCAL_RUNNER_TAG

RUN_SECONDS = 60

COSTLY = ("batch.RegisterJobDefinition", "batch.SubmitJob")

HOSTS = {
    "minvCpus": 0,
    "maxvCpus": 64,
    "instanceRole": "ecsInstanceRole",
    "securityGroupIds": ["sg-1"],
    "subnets": ["subnet-1"],
}
TASKS = {"maxvCpus": 64, "securityGroupIds": ["sg-1"], "subnets": ["subnet-1"]}

QUEUES: dict[str, dict[str, Any]] = {
    "x86": {"type": "EC2", "instanceTypes": ["m7i.xlarge", "c7i"], **HOSTS},
    "graviton": {"type": "SPOT", "instanceTypes": ["m7g.xlarge"], **HOSTS},
    "gpus": {"type": "EC2", "instanceTypes": ["g4dn.xlarge"], **HOSTS},
    "fargate": {"type": "FARGATE", **TASKS},
    "fargate-spot": {"type": "FARGATE_SPOT", **TASKS},
    "fair": {"type": "EC2", "instanceTypes": ["optimal"], **HOSTS},
    "closed": {"type": "EC2", "instanceTypes": ["optimal"], **HOSTS},
}
"""What the jobs of each queue run on."""

TEN_MISTAKES = {
    "batchx_priority=-1": "resource batchx_priority=-1 must be a whole number from 0 to 9999",
    "batchx_retry=3": "resource batchx_retry is none of batchx: did you mean batchx_retries?",
    "batchx_options='--gpus all'": "resource batchx_options='--gpus all' holds --gpus, and GPUs "
    "come from the rule's resources: set gpu instead",
    "batchx_volumes='/ref:/ref:z'": "resource batchx_volumes='/ref:/ref:z' holds '/ref:/ref:z', "
    "whose option 'z' is none of ro, rw",
    "runtime=-1": "resource runtime=-1 must be a positive number",
    "batchx_arch='arm64'": "batchx_arch is arm64, but the instances of queue batchx-local are "
    "amd64: name another queue (batchx_queue), or leave batchx_arch out",
    "batchx_queue='fair'": "queue fair has a scheduling policy and demands a share: set "
    "batchx_share or --batchx-share",
    "batchx_queue='fargate'": "queue fargate is on Fargate, where ECS needs a role: set "
    "batchx_execution_role or --batchx-execution-role",
    "gpu=1, batchx_queue='x86'": "gpu=1 is asked of queue x86, whose instance types have no GPUs: "
    "name another (batchx_queue)",
    "batchx_host_cache=''": "resource batchx_host_cache='' must be a text with patterns of input "
    "names, such as 'ref/*' or '*'",
}
"""Resources of a rule, and what is told of them."""


@pytest.fixture(scope="session")
def furnished_aws(embedded_aws: EmbeddedAws) -> EmbeddedAws:
    """The embedded AWS with all that the cases name beside its own queue, batchx-local.

    Once for all modules: two of one name cannot be.
    """
    batch = make_client(embedded_aws, "batch")
    shares = {"shareDistribution": [{"shareIdentifier": "flu"}]}
    policy = batch.create_scheduling_policy(name="fair", fairsharePolicy=shares)["arn"]
    for name, resources in QUEUES.items():
        batch.create_compute_environment(
            computeEnvironmentName=name, type="MANAGED", computeResources=resources
        )
        made = batch.create_job_queue(
            jobQueueName=name,
            priority=1,
            state="DISABLED" if name == "closed" else "ENABLED",
            computeEnvironmentOrder=[{"order": 1, "computeEnvironment": name}],
            **({"schedulingPolicyArn": policy} if name == "fair" else {}),
        )
        # As of AWS's own: an embedded one has what its machine has, whatever its queues are.
        batch.untag_resource(resourceArn=made["jobQueueArn"], tagKeys=[LOCAL_RUNNER_TAG])
    batch.create_consumable_resource(
        consumableResourceName="licences", totalQuantity=3, resourceType="REPLENISHABLE"
    )
    register_definitions(batch)
    assert make_task_role(embedded_aws, "tool") == ROLE
    return embedded_aws


def register_definitions(batch: Any) -> None:
    size = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]
    common = {"image": "lab/tool:1", "resourceRequirements": size}
    mounts = {
        "volumes": [{"name": "ref", "host": {"sourcePath": "/ref"}}],
        "mountPoints": [{"sourceVolume": "ref", "containerPath": "/ref", "readOnly": True}],
    }
    arm = {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}
    task = {"executionRoleArn": ROLE, "runtimePlatform": arm}
    for name, platform, more in (("for-ec2", "EC2", mounts), ("for-fargate", "FARGATE", task)):
        batch.register_job_definition(
            jobDefinitionName=name,
            type="container",
            platformCapabilities=[platform],
            containerProperties={**common, **more},
        )


def run_wrong(case: WrongInput, workspace: Workspace, heads: WarmHeads) -> Run:
    workspace.allow(
        queues=tuple(QUEUES),
        job_roles=(ROLE,),
        execution_roles=(ROLE,),
        consumables=("licences", "seats"),
    )
    files = {"Snakefile": case.make_snakefile(), **case.files}
    for name, text in files.items():
        (workspace.folder / name).write_text(text, encoding="utf-8")
    args = ["--executor", "batchx", "-j", "20", "--nocolor", *case.args]
    environment = {**workspace.environment, **case.environment}
    return heads.run(args, workspace.folder, environment, RUN_SECONDS)


def count_costly(aws: EmbeddedAws) -> list[int]:
    counts = count_calls(aws)
    return [counts.get(name, 0) for name in COSTLY]


def list_told(output: str) -> list[str]:
    """Return the lines with which a run that is refused ends."""
    return [line for line in output.partition("\nError: ")[2].splitlines() if line]


def is_said(sentence: str, line: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in sentence.split(GAP))
    return re.fullmatch(pattern, line) is not None


def check_told(case: WrongInput, output: str) -> None:
    if case.is_among_others:
        lines = output.splitlines()
        assert [s for s in case.says if not any(is_said(s, line) for line in lines)] == [], output
        return
    told = list_told(output)
    assert len(told) == len(case.says), output
    for sentence, line in zip(case.says, told, strict=True):
        assert is_said(sentence, line), f"{line}\nis not\n{sentence}"


@pytest.mark.parametrize("case", WRONG_INPUTS, ids=lambda case: case.name)
def test_wrong_input_is_told_before_anything_is_submitted(
    case: WrongInput, workspace: Workspace, heads: WarmHeads, furnished_aws: EmbeddedAws
) -> None:
    before = count_costly(furnished_aws)
    run = run_wrong(case, workspace, heads)
    assert run.exit_code == 1, run.output
    assert count_costly(furnished_aws) == before, run.output
    assert "Traceback" not in run.output
    if case.hidden:
        logs = (workspace.folder / ".snakemake" / "log").iterdir()
        assert case.hidden not in "".join([run.output, *(log.read_text() for log in logs)])
    check_told(case, run.output)


def test_ten_mistakes_in_ten_rules_are_told_at_once(
    workspace: Workspace, heads: WarmHeads, furnished_aws: EmbeddedAws
) -> None:
    rules = [
        f'rule r{number}:\n    output: "{number}.txt"\n    resources: {resources}\n'
        f'    shell: "echo {number} > {{output}}"\n'
        for number, resources in enumerate(TEN_MISTAKES)
    ]
    outputs = [f"{number}.txt" for number in range(len(rules))]
    snakefile = f"rule all:\n    input: {outputs}\n    localrule: True\n" + "".join(rules)
    before = count_costly(furnished_aws)
    run = run_wrong(WrongInput("ten", (), snakefile=snakefile), workspace, heads)
    assert run.exit_code == 1
    assert count_costly(furnished_aws) == before
    ends = ("" if reason.endswith("?") else "." for reason in TEN_MISTAKES.values())
    expected = [
        f"Rule r{number}: {reason}{end}"
        for number, (reason, end) in enumerate(zip(TEN_MISTAKES.values(), ends, strict=True))
    ]
    assert sorted(list_told(run.output)) == sorted(expected)


def test_mistakes_of_rules_that_batch_does_not_run_are_not_told(
    workspace: Workspace, heads: WarmHeads, furnished_aws: EmbeddedAws
) -> None:
    snakefile = """
rule align:
    input: "done.txt", "here.txt"
    output: "one.txt"
    shell: "cat {input} > {output}"
rule done:
    output: "done.txt"
    resources: batchx_priority=-1, mem_mb=-1
    shell: "echo again > {output}"
rule here:
    output: "here.txt"
    localrule: True
    resources: batchx_queue="missing", batchx_options="--gpus all"
    shell: "echo here > {output}"
rule unwanted:
    output: "unwanted.txt"
    resources: batchx_colour="red"
    shell: "echo unwanted > {output}"
"""
    (workspace.folder / "done.txt").write_text("before\n")
    run = run_wrong(WrongInput("none", (), snakefile=snakefile), workspace, heads)
    assert run.exit_code == 0, run.output
    assert (workspace.folder / "one.txt").read_text() == "before\nhere\n"


def test_there_are_enough() -> None:
    """Sixty are promised."""
    assert len(WRONG_INPUTS) >= 60
    assert len({case.name for case in WRONG_INPUTS}) == len(WRONG_INPUTS)
