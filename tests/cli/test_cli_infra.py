"""`batchx infra`: its options, its questions, and what it says; the whole way is in tests/e2e."""

from __future__ import annotations

import io
import json
from typing import Any

import boto3
import pytest
import yaml
from infra.scripted_stacks import ScriptedStacks
from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.cli import main
from snakemake_executor_plugin_batchx.cli.infra import end_softly, find_deletable, find_settled
from snakemake_executor_plugin_batchx.cli.questions import INTERRUPTED
from snakemake_executor_plugin_batchx.infra.deploy import StackMaker
from snakemake_executor_plugin_batchx.infra.gateway import StackGateway, StackOrder
from snakemake_executor_plugin_batchx.infra.part import STACK_MARK
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def call(batch: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command, with what the user types where there is a terminal."""

    def call(*args: str, typed: str | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO() if typed is None else Terminal(typed))
        exit_code = main(["infra", *args])
        said = capsys.readouterr()
        return exit_code, said.out, said.err

    return call


def test_a_template_takes_no_credentials(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    args = [
        "infra",
        "template",
        "--spot",
        "--gpu",
        "--max-vcpus",
        "64",
        "--instance-types",
        "c6id,",
    ]
    assert main(args) == 0
    template = yaml.safe_load(capsys.readouterr().out)
    assert template["Parameters"]["MaxVcpus"]["Default"] == 64
    assert template["Parameters"]["InstanceTypes"]["Default"] == "c6id"
    assert {"Spot", "GpuSpot", "Vpc"} <= {*template["Resources"]}


def test_a_template_in_the_users_own_network(capsys: pytest.CaptureFixture[str]) -> None:
    subnets = ("--subnet", "subnet-01234567", "--subnet", "subnet-01234568")
    assert main(["infra", "template", "--vpc", "vpc-01234567", *subnets]) == 0
    template = yaml.safe_load(capsys.readouterr().out)
    assert template["Parameters"]["SubnetIds"]["Default"] == "subnet-01234567,subnet-01234568"
    assert "Vpc" not in template["Resources"]


def test_wrong_options_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["infra", "template", "--vpc", "vpc-01234567", "--zones", "7"]) == 1
    said = capsys.readouterr().err
    assert "--vpc vpc-01234567 needs subnets" in said
    assert "--zones 7 must be from 2 to 3" in said


def test_without_a_terminal_nothing_is_done_unasked(call: Any) -> None:
    exit_code, out, err = call("up", "--stack", "unasked")
    assert (exit_code, out) == (1, "")
    assert err.startswith("Stack unasked will be made in account 123456789012 (")
    assert "), region us-east-1:\n" in err
    assert "  + Queue (AWS::Batch::JobQueue)\n" in err
    assert err.endswith(
        "batchx: There is no terminal on which to ask whether to go on: give --yes.\n"
    )
    assert call("down", "--stack", "unasked")[2] == (
        "batchx: there is no stack unasked in us-east-1: there is nothing to delete\n"
    )


def test_what_is_asked_may_be_denied(call: Any) -> None:
    exit_code, out, err = call("up", "--stack", "denied", typed="no\n")
    assert (exit_code, out) == (0, "")
    assert err.endswith("Go on? [y/N] batchx: nothing was changed\n")
    exit_code, _, err = call("profile", "--stack", "denied")
    assert exit_code == 1
    assert err == (
        "batchx: There is no stack denied in us-east-1: make it (batchx infra up --stack denied), "
        "or name another by --stack or --region.\n"
    )


def test_a_change_says_what_comes_and_goes(call: Any, aws: EmbeddedAws) -> None:
    exit_code, made, _ = call("up", "--stack", "lab-1", "--spot", typed="y\n")
    assert exit_code == 0
    assert yaml.safe_load(made)["batchx-repository"] == "lab-1-images/"
    exit_code, _, said = call("up", "--stack", "lab-1", "--arm", typed="\n")
    assert exit_code == 0
    assert (
        "Stack lab-1 will be changed into what the options say, in account 123456789012 (" in said
    )
    assert "  + ArmQueue (AWS::Batch::JobQueue)\n" in said
    assert "  - Spot (AWS::Batch::ComputeEnvironment) is deleted\n" in said
    _, _, said = call("up", "--stack", "lab-1", "--spot", "--max-vcpus", "8", typed="\n")
    assert "  ~ MaxVcpus: 256 → 8\n" in said
    _, _, said = call("up", "--stack", "lab-1", typed="\n")
    assert "Given before and not now, so what it gave is taken away: --spot\n" in said
    assert "Go on without --spot? [y/N] " in said

    exit_code, exported, _ = call("profile", "--stack", "lab-1", "--env")
    lines = exported.splitlines()
    assert "export SNAKEMAKE_BATCHX_LOG_GROUP=/batchx/lab-1" in lines
    assert [line for line in lines if not line.startswith("export SNAKEMAKE_BATCHX_")] == []

    exit_code, _, said = call("down", "--stack", "lab-1", typed="n\n")
    assert exit_code == 0
    assert "Stack lab-1 will be deleted, with\n  its job queues, and all jobs in them\n" in said
    assert ": 0 objects of batchx, 0 others\n  its log group /batchx/lab-1, and what " in said
    assert "what jobs printed\n  0 job definitions\n" in said
    assert said.endswith("nothing was deleted\n")
    exit_code, _, said = call("down", "--stack", "lab-1", typed="yes\n")
    assert said.endswith("batchx: stack lab-1 is gone\n")


TYPES = [{"ParameterKey": "InstanceTypes", "ParameterValue": "default_x86_64"}]
"""moto does not split the default of a list."""


def make_interrupted(client: ScriptedStacks, told: list[str]) -> StackMaker:
    """Return a maker whose user presses Ctrl-C while it waits."""

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    return StackMaker(StackGateway(client), interrupt, told.append)


def test_an_interruption_says_what_goes_on_and_what_to_type(
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = ScriptedStacks()
    maker = make_interrupted(client, [])
    order = StackOrder("Resources: {}", {})

    def act() -> int:
        maker.deploy("batchx", order, None)
        return 0

    assert end_softly(act, "type this") == INTERRUPTED
    assert capsys.readouterr().err == "batchx: interrupted: type this\n"
    assert client.count("CreateStack") == 1
    # Run again, it follows what goes on, and does not begin anew.
    client.description = f"{STACK_MARK}a stack"
    client.steps = [("CREATE_IN_PROGRESS", []), ("CREATE_COMPLETE", [])]
    told: list[str] = []
    gateway = StackGateway(client)
    again = StackMaker(gateway, SimulatedTime().sleep, told.append)
    settled = find_settled(gateway, again, "batchx")
    assert settled is not None
    assert settled.status == "CREATE_COMPLETE"
    assert client.count("CreateStack") == 1
    assert told == ["stack batchx is CREATE_IN_PROGRESS: that is followed to its end"]


@pytest.mark.parametrize(
    ("args", "advice"),
    [
        (["up"], "to follow it, type batchx infra up with the same options again\n"),
        (["down", "--delete-data"], "to go on, type batchx infra down --stack x --delete-data\n"),
    ],
)
def test_commands_end_softly(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    batch: Any,
    args: list[str],
    advice: str,
) -> None:
    """Ctrl-C comes at the question, of which the terminal tells."""

    class Keyboard(Terminal):
        def isatty(self) -> bool:
            raise KeyboardInterrupt

    name = f"x-{args[0]}"
    if args[0] == "down":
        assert main(["infra", "up", "--stack", name, "--yes"]) == 0
        capsys.readouterr()
    monkeypatch.setattr("sys.stdin", Keyboard())
    assert main(["infra", *args, "--stack", name]) == INTERRUPTED
    said = capsys.readouterr().err
    assert f"interrupted: what CloudFormation has begun on stack {name} goes on by itself" in said
    assert said.endswith(advice.replace("--stack x", f"--stack {name}"))


def test_a_deletion_under_way_is_followed_to_its_end() -> None:
    client = ScriptedStacks(status="DELETE_IN_PROGRESS", description=f"{STACK_MARK}a stack")
    client.steps = [("DELETE_IN_PROGRESS", []), ("DELETE_COMPLETE", [])]
    gateway = StackGateway(client)
    maker = StackMaker(gateway, SimulatedTime().sleep, lambda _: None)
    assert find_deletable(gateway, maker, "batchx") is None
    assert client.count("DeleteStack") == 0


def test_an_update_under_way_ends_before_the_stack_is_deleted() -> None:
    client = ScriptedStacks(status="UPDATE_IN_PROGRESS", description=f"{STACK_MARK}a stack")
    client.steps = [("UPDATE_ROLLBACK_IN_PROGRESS", []), ("UPDATE_ROLLBACK_COMPLETE", [])]
    gateway = StackGateway(client)
    maker = StackMaker(gateway, SimulatedTime().sleep, lambda _: None)
    stack = find_deletable(gateway, maker, "batchx")
    assert stack is not None
    assert stack.status == "UPDATE_ROLLBACK_COMPLETE"


FOREIGN = json.dumps(
    {
        "Description": "Somebody's queue",
        "Resources": {
            "Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "theirs"}}
        },
        "Outputs": {"Queue": {"Value": "q"}, "Bucket": {"Value": {"Ref": "Bucket"}}},
    }
)


@pytest.mark.parametrize("action", [("up", "--yes"), ("down", "--yes"), ("profile",)])
def test_a_stack_of_somebody_elses_is_left_alone(call: Any, action: tuple[str, ...]) -> None:
    formation = boto3.client("cloudformation")
    formation.create_stack(StackName="theirs", TemplateBody=FOREIGN)
    try:
        exit_code, out, err = call(*action, "--stack", "theirs")
        assert (exit_code, out) == (1, "")
        assert err == (
            "batchx: Stack theirs was not made by batchx infra (its description does not begin "
            "with batchx infra:), so nothing is done to it: name another one by --stack.\n"
        )
        assert boto3.client("s3").head_bucket(Bucket="theirs")
    finally:
        formation.delete_stack(StackName="theirs")


def test_a_stack_deployed_otherwise_is_known(call: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["infra", "template", "--stack", "otherwise"]) == 0
    boto3.client("cloudformation").create_stack(
        StackName="otherwise",
        TemplateBody=capsys.readouterr().out,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=TYPES,
    )
    assert call("profile", "--stack", "otherwise")[0] == 0
    exit_code, _, err = call("down", "--stack", "otherwise", "--yes")
    assert exit_code == 0
    assert err.endswith("batchx: stack otherwise is gone\n")


def test_a_protected_stack_is_left_whole(
    call: Any, capsys: pytest.CaptureFixture[str], batch: Any
) -> None:
    assert main(["infra", "template", "--stack", "kept"]) == 0
    formation = boto3.client("cloudformation")
    formation.create_stack(
        StackName="kept",
        TemplateBody=capsys.readouterr().out,
        Capabilities=["CAPABILITY_IAM"],
        Parameters=TYPES,
        EnableTerminationProtection=True,
    )
    exit_code, _, err = call("down", "--stack", "kept", "--yes")
    assert exit_code == 1
    assert "Stack kept is protected from being deleted: end that first" in err
    assert "--stack-name kept" in err
    assert call("profile", "--stack", "kept")[2] == ""


def test_what_is_written_while_the_user_is_asked_stays(
    call: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    exit_code, profile, _ = call("up", "--stack", "late", "--yes")
    assert exit_code == 0
    bucket = yaml.safe_load(profile)["batchx-s3-root"].removeprefix("s3://")
    s3 = boto3.client("s3")
    s3.put_object(Bucket=bucket, Key=".batchx/data/aa/b", Body=b"x")

    class LateWriter(Terminal):
        def isatty(self) -> bool:
            s3.put_object(Bucket=bucket, Key="data/late.txt", Body=b"results")
            return True

    monkeypatch.setattr("sys.stdin", LateWriter("yes\n"))
    assert main(["infra", "down", "--stack", "late"]) == 1
    said = capsys.readouterr().err
    assert f"deleted 1 objects in {bucket}" in said
    assert "Stack late is DELETE_FAILED." in said
    assert "with --delete-data if it may go" in said
    assert s3.get_object(Bucket=bucket, Key="data/late.txt")["Body"].read() == b"results"
    exit_code, _, said = call("down", "--stack", "late", "--yes")
    assert exit_code == 1
    assert "holds data beside .batchx/ (1: data/late.txt)" in said
    exit_code, _, said = call("down", "--stack", "late", "--yes", "--delete-data")
    assert exit_code == 0, said


def test_a_network_that_is_not_there_is_told_first(call: Any) -> None:
    network = ("--vpc", "vpc-01234567", "--subnet", "subnet-01234567")
    exit_code, out, err = call("up", "--stack", "elsewhere", *network, "--yes")
    assert (exit_code, out) == (1, "")
    assert err.startswith("batchx: Subnet subnet-01234567 (--subnet) is not in this region")


@pytest.mark.parametrize("action", ["profile", "down"])
def test_no_stack_can_be_called_so(call: Any, action: str) -> None:
    assert call(action, "--stack", "my_stack")[2].startswith(
        "batchx: --stack 'my_stack' is no name"
    )
