"""`batchx definitions` against the embedded Batch."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.cli import main, make_parser
from snakemake_executor_plugin_batchx.cli.definition_pruning import prune
from snakemake_executor_plugin_batchx.local.launch import (
    EmbeddedAws,
)

NEEDS = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
CONTAINER = {"image": "tool:1", "command": ["true"], "resourceRequirements": NEEDS}
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def make_tags(rule: str, workflow: str | None, registered: datetime | None) -> dict[str, str]:
    tags = {"batchx:rule": rule}
    if workflow:
        tags["batchx:workflow"] = workflow
    if registered:
        tags["batchx:registered"] = f"{registered:%Y%m%dT%H%M%S}"
    return tags


@dataclass
class Account:
    """An account without active definitions but those of the test; `call` runs the command."""

    batch: Any
    capsys: pytest.CaptureFixture[str]

    def register(
        self,
        rule: str = "align",
        content: int = 1,
        workflow: str | None = "rnaseq",
        registered: datetime | None = None,
        **members: Any,
    ) -> str:
        """Register as a run does; return name:revision."""
        request = {
            "jobDefinitionName": f"bx-{rule}-{content:016x}",
            "type": "container",
            "containerProperties": CONTAINER,
            "tags": make_tags(rule, workflow, registered),
            **members,
        }
        answer = self.batch.register_job_definition(**request)
        return f"{answer['jobDefinitionName']}:{answer['revision']}"

    def list_active(self) -> list[dict[str, Any]]:
        pages = self.batch.get_paginator("describe_job_definitions").paginate(status="ACTIVE")
        return [each for page in pages for each in page["jobDefinitions"]]

    def list_labels(self) -> set[str]:
        return {f"{each['jobDefinitionName']}:{each['revision']}" for each in self.list_active()}

    def clear(self) -> None:
        for each in self.list_active():
            self.batch.deregister_job_definition(jobDefinition=each["jobDefinitionArn"])

    def call(self, *args: str) -> tuple[int, str, str]:
        exit_code = main(["definitions", *args])
        said = self.capsys.readouterr()
        return exit_code, said.out, said.err


@pytest.fixture
def account(
    batch: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Account:
    monkeypatch.delenv("SNAKEMAKE_BATCHX_JOB_QUEUE", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    account = Account(batch, capsys)
    account.clear()
    return account


def test_definitions_are_listed_by_workflow_and_rule(account: Account) -> None:
    first = account.register("align", 1, registered=datetime(2026, 1, 2, 3, 4, 5))
    second = account.register("align", 2, registered=datetime(2026, 2, 3, 4, 5, 6))
    sort = account.register("sort", 3, registered=datetime(2026, 1, 2, 3, 4, 5))
    untold = account.register("sort", 4, workflow=None)
    account.register("sort", 5, jobDefinitionName="theirs")
    exit_code, out, err = account.call("list")
    assert (exit_code, err) == (0, "")
    assert out.splitlines() == [
        "workflow not known",
        "  rule sort",
        f"    {untold}  time not known           tool:1",
        "workflow rnaseq",
        "  rule align",
        f"    {first}  2026-01-02 03:04:05 UTC  tool:1  superseded",
        f"    {second}  2026-02-03 04:05:06 UTC  tool:1",
        "  rule sort",
        f"    {sort}  2026-01-02 03:04:05 UTC  tool:1",
    ]


def test_some_are_listed_as_plain_records(account: Account) -> None:
    label = account.register("align", 1, registered=datetime(2026, 1, 2, 3, 4, 5))
    account.register("align", 2, registered=datetime(2026, 2, 3, 4, 5, 6))
    account.register("align", 3, workflow="chipseq")
    _, out, _ = account.call("list", "--json", "--superseded", "--workflow", "rnaseq")
    (record,) = json.loads(out)
    assert record.pop("arn").endswith(f":job-definition/{label}")
    assert f"{record['name']}:{record.pop('revision')}" == label
    assert record == {
        "name": "bx-align-0000000000000001",
        "workflow": "rnaseq",
        "rule": "align",
        "image": "tool:1",
        "registered": "2026-01-02T03:04:05+00:00",
        "superseded": True,
    }
    exit_code, out, err = account.call("list", "--rule", "nothing")
    assert (exit_code, out) == (0, "")
    assert "no such job definition of batchx" in err
    assert account.call("list", "--rule", "nothing", "--json")[1] == "[]\n"


def register_exported(account: Account, request: dict[str, Any]) -> None:
    """Register again, and find the two revisions equal."""
    name = request["jobDefinitionName"]
    (first,) = (each for each in account.list_active() if each["jobDefinitionName"] == name)
    account.batch.register_job_definition(**request)
    _, second = (each for each in account.list_active() if each["jobDefinitionName"] == name)
    own = ("revision", "jobDefinitionArn")
    assert {k: v for k, v in second.items() if k not in own} == {
        k: v for k, v in first.items() if k not in own
    }
    assert second["revision"] == first["revision"] + 1


def test_an_exported_definition_is_registered_again(account: Account, tmp_path: Path) -> None:
    label = account.register(
        registered=NOW,
        retryStrategy={"attempts": 2, "evaluateOnExit": [{"onReason": "*", "action": "EXIT"}]},
        propagateTags=True,
    )
    (described,) = account.list_active()
    name, arn = described["jobDefinitionName"], described["jobDefinitionArn"]
    for given in (name, label, arn):
        exit_code, out, _ = account.call("export", given, "--output", "one.json")
        assert (exit_code, out) == (0, "")
        assert (tmp_path / "one.json").read_text() == account.call("export", given)[1]
    register_exported(account, json.loads((tmp_path / "one.json").read_text()))


def test_several_are_exported_as_a_list(account: Account) -> None:
    superseded = account.register(content=1, registered=NOW - timedelta(days=1))
    newest = account.register(content=2, registered=NOW)
    account.register(content=3, jobDefinitionName="theirs")
    assert json.loads(account.call("export", "--superseded")[1])["jobDefinitionName"] in superseded
    exported = json.loads(account.call("export", "--all")[1])
    names = [label.partition(":")[0] for label in (superseded, newest)]
    assert [each["jobDefinitionName"] for each in exported] == names
    for request in exported:
        register_exported(account, request)
    named = json.loads(account.call("export", "theirs", newest)[1])
    assert [each["jobDefinitionName"] for each in named] == ["theirs", names[1]]


def test_with_none_an_empty_list_is_exported(account: Account) -> None:
    assert account.call("export", "--all")[:2] == (0, "[]\n")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["bx-align-0000000000000001", "gone", "gone:2"], "definition gone, gone:2 in this region"),
        ([], "either their names, or --superseded, or --all"),
        (["gone", "--all"], "either their names, or --superseded, or --all"),
        (["--superseded", "--all"], "either their names, or --superseded, or --all"),
        (["--all", "--output", "no/folder"], "--output no/folder cannot be written: No such file"),
    ],
)
def test_what_cannot_be_exported_is_told_in_a_sentence(
    account: Account, args: list[str], words: str
) -> None:
    account.register()
    exit_code, out, err = account.call("export", *args)
    assert (exit_code, out) == (1, "")
    assert words in err
    assert err.count("\n") == 1


def test_superseded_definitions_are_pruned_and_no_others(account: Account) -> None:
    now = datetime.now(UTC)
    long_ago, lately = now - timedelta(days=31), now - timedelta(days=29)
    old = account.register(content=1, registered=long_ago)
    untold = account.register(content=2)
    spared = {
        account.register(content=3, registered=lately),
        account.register(content=4, registered=now),
        account.register("sort", 5, registered=long_ago),
        account.register(content=6, registered=long_ago, workflow="other"),
        account.register(content=7, jobDefinitionName="theirs"),
        account.register(content=8, tags={"batchx:workflow": "rnaseq"}),
    }
    exit_code, out, err = account.call("prune", "--dry-run")
    assert exit_code == 0
    assert [line.split()[0] for line in out.splitlines()[2:]] == [untold, old]
    assert "2 job definitions would be deregistered" in err
    assert account.list_labels() == {old, untold, *spared}

    assert account.call("prune", "--yes", "--rule", "sort")[0] == 0
    assert account.call("prune", "--yes", "--workflow", "other")[0] == 0
    assert account.list_labels() == {old, untold, *spared}

    exit_code, _, err = account.call("prune", "--yes")
    assert exit_code == 0
    assert "deregistered 2 of 2 job definitions" in err
    assert account.list_labels() == spared

    exit_code, _, err = account.call("prune", "--yes")
    assert exit_code == 0
    assert "no superseded job definition is 30 days old: there is nothing" in err
    assert (
        "deregistered 1 of 1 job definition"
        in account.call("prune", "--yes", "--older-than", "0")[2]
    )
    assert len(account.list_labels()) == len(spared) - 1


class Terminal(io.StringIO):
    """Standard input that is a terminal, on which somebody types."""

    def isatty(self) -> bool:
        return True


class InterruptedTerminal(Terminal):
    """Somebody types Ctrl-C."""

    def readline(self, *_: Any) -> str:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("terminal", "exit_code", "words", "is_pruned"),
    [
        (Terminal("y\n"), 0, "deregistered 1 of 1 job definition", True),
        (Terminal("Yes\n"), 0, "deregistered 1 of 1 job definition", True),
        (Terminal("n\n"), 0, "nothing was deregistered", False),
        (Terminal("\n"), 0, "nothing was deregistered", False),
        (Terminal(""), 0, "nothing was deregistered", False),
        (InterruptedTerminal(), 130, "interrupted", False),
        (io.StringIO("y\n"), 1, "no terminal on which to ask", False),
    ],
)
def test_a_terminal_is_asked(
    account: Account,
    monkeypatch: pytest.MonkeyPatch,
    terminal: io.StringIO,
    exit_code: int,
    words: str,
    is_pruned: bool,
) -> None:
    old = account.register(content=1, registered=NOW - timedelta(days=99))
    account.register(content=2, registered=NOW)
    monkeypatch.setattr("sys.stdin", terminal)
    told, out, err = account.call("prune")
    assert told == exit_code
    assert words in err
    assert ("Deregister 1 job definition? [y/N] " in err) == terminal.isatty()
    assert (old in out) == terminal.isatty()
    assert (old not in account.list_labels()) == is_pruned


@dataclass
class Keeper:
    """An account that refuses some and is out of reach from some time on; `asked` is in order."""

    count: int
    refused: frozenset[int] = frozenset()
    unreached: frozenset[int] = frozenset()
    asked: list[str] = field(default_factory=list)

    def list_definitions(self) -> list[dict[str, Any]]:
        return [
            {
                "jobDefinitionName": f"bx-align-{n:016x}",
                "jobDefinitionArn": str(n),
                "revision": 1,
                "tags": make_tags("align", "rnaseq", NOW - timedelta(days=self.count - n)),
            }
            for n in range(self.count + 1)
        ]

    def deregister_definition(self, arn: str) -> None:
        self.asked.append(arn)
        if int(arn) in self.refused:
            raise AwsError("AWS refuses it.", "AccessDenied", is_transient=False)
        if int(arn) in self.unreached:
            raise AwsError("AWS is busy.", "ServerException", is_transient=True)


def prune_all(keeper: Keeper) -> int:
    args = make_parser().parse_args(["definitions", "prune", "--older-than", "0"])
    return prune(keeper, args, NOW, lambda _: "y")


def test_what_could_not_be_deregistered_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    keeper = Keeper(3, refused=frozenset({1}))
    assert prune_all(keeper) == 1
    assert keeper.asked == ["0", "1", "2"]
    assert capsys.readouterr().err.splitlines() == [
        "batchx: deregistered 2 of 3 job definitions",
        "batchx: bx-align-0000000000000001:1 could not be deregistered: AWS refuses it.",
    ]


def test_once_aws_is_out_of_reach_the_rest_is_not_tried(
    capsys: pytest.CaptureFixture[str],
) -> None:
    keeper = Keeper(300, unreached=frozenset({1}))
    assert prune_all(keeper) == 1
    assert keeper.asked == ["0", "1"]
    assert capsys.readouterr().err.splitlines() == [
        "batchx: deregistered 1 of 300 job definitions",
        "batchx: bx-align-0000000000000001:1 could not be deregistered: AWS is busy.",
        "batchx: 298 more were not tried, for the same reason.",
    ]


@pytest.mark.parametrize("days", ["-1", "1.5", "x", "", "²"])
def test_days_are_whole_numbers(
    days: str, capsys: pytest.CaptureFixture[str], account: Account
) -> None:
    with pytest.raises(SystemExit) as caught:
        account.call("prune", f"--older-than={days}")
    assert caught.value.code == 2
    assert "must be a whole number of days, 0 or more" in capsys.readouterr().err


def test_the_local_queue_has_none(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNAKEMAKE_BATCHX_JOB_QUEUE", "local")
    for args in (["list"], ["export", "--all"], ["prune", "--yes"]):
        exit_code, out, err = account.call(*args)
        assert (exit_code, out) == (1, "")
        assert "there is nothing to list" in err


def test_the_queues_arn_tells_the_region(
    account: Account, aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = "arn:aws:batch:{}:123456789012:job-queue/queue"
    label = account.register()
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    exit_code, _, err = account.call("list")
    assert exit_code == 1
    assert "No AWS region is known: set --region" in err
    monkeypatch.setenv("SNAKEMAKE_BATCHX_JOB_QUEUE", arn.format(aws.region))
    assert label in account.call("list")[1]
    monkeypatch.setenv("SNAKEMAKE_BATCHX_JOB_QUEUE", arn.format("eu-north-1"))
    assert f"is in {aws.region}, not in eu-north-1" in account.call("list")[2]
    assert label in account.call("list", "--region", aws.region)[1]
