"""What jobs wrote, saved on the head's machine: of failed jobs, and of all if that is asked for."""

from pathlib import Path

import pytest
from runs import Workspace

WORKFLOW = """
    rule all:
        input: "long.txt", "short.txt", "silent.txt"
    rule long:
        output: "long.txt"
        shell: "seq 30000; touch {output}"
    rule short:
        output: "short.txt"
        shell: "echo one line; touch {output}"
    rule silent:
        output: "silent.txt"
        shell: "touch {output}"
    """

NUMBERS = "".join(f"{number}\n" for number in range(1, 30001)).encode()
SAVED = {"long": NUMBERS, "short": b"one line\n"}


def read_logs(workspace: Workspace) -> dict[str, bytes]:
    """Return the whole logs that were saved, by the names of their rules."""
    files = (workspace.folder / ".snakemake/log/batchx").glob("*/*.log")
    return {
        path.name.rpartition("-")[0]: path.read_bytes()
        for path in files
        if not path.name.endswith(".tail.log")
    }


@pytest.mark.parametrize("is_in_s3", [False, True], ids=["mirror", "s3"])
def test_logs_of_all_jobs_are_saved_where_that_is_asked_for(
    workspace: Workspace, tmp_path: Path, is_in_s3: bool
) -> None:
    workspace.write(Snakefile=WORKFLOW)
    prefix = f"s3://{workspace.aws.bucket}/logs-{tmp_path.name}"
    workspace.allow_data(f"logs-{tmp_path.name}")
    storage = ("--default-storage-provider", "s3", "--default-storage-prefix", prefix)
    run = workspace.snakemake("--batchx-logs", "all", *(storage if is_in_s3 else ()))
    assert run.exit_code == 0, run.output
    assert read_logs(workspace) == SAVED
    told = {each["log"] is not None for each in workspace.read_journal("verdict")}
    assert told == {True, False}


def test_logs_of_jobs_that_succeed_are_not_saved_by_themselves(workspace: Workspace) -> None:
    workspace.write(Snakefile=WORKFLOW)
    run = workspace.snakemake()
    assert run.exit_code == 0, run.output
    assert read_logs(workspace) == {}


def test_show_failed_logs_prints_the_end_alone(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
        rule chatty:
            output: "chatty.txt"
            shell: "seq 30000; printf '\\\\377 no text\\\\n'; exit 1"
        """
    )
    run = workspace.snakemake("--show-failed-logs")
    assert run.exit_code == 1
    assert "All of its output: .snakemake/log/batchx/" in run.output
    shown = run.output.partition("Logfile ")[2]
    assert "\n30000\n� no text\n" in shown
    assert "\n1\n2\n" not in shown
    assert read_logs(workspace) == {"chatty": NUMBERS + b"\xff no text\n"}
