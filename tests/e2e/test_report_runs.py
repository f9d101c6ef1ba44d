"""`--batchx-report` at the end of runs: with data in S3, after a failure, after Ctrl-C."""

import csv
import io
import sys
from pathlib import Path

from runs import Workspace, interrupt_when, run_command

WORKFLOW = """
rule all:
    input: expand("out/{{number}}.txt", number=range(5))

rule one:
    output: "out/{{number}}.txt"
    shell: "{command}; echo > {{output}}"
"""


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def call_report(workspace: Workspace, *args: str) -> list[dict[str, str]]:
    """Return the rows that `batchx report` prints."""
    call = "import sys; from snakemake_executor_plugin_batchx.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", call, "report", *args]
    done = run_command(command, workspace.folder, workspace.environment, 60)
    assert done.exit_code == 0, done.output
    return list(csv.DictReader(io.StringIO(done.output)))


def test_usages_of_jobs_whose_data_is_in_s3(workspace: Workspace, tmp_path: Path) -> None:
    """The head reads no result of a job that succeeds there: the report reads them, all at once."""
    prefix = f"s3-{tmp_path.name}"
    workspace.allow_data(prefix)
    workspace.write(Snakefile=WORKFLOW.format(command="true"))
    url = f"s3://{workspace.aws.bucket}/{prefix}"
    storage = ("--default-storage-provider", "s3", "--default-storage-prefix", url)
    run = workspace.snakemake(*storage, "--batchx-report", "report.csv")
    assert run.exit_code == 0, run.output
    assert [each["usage"] for each in workspace.read_journal("verdict")] == [None] * 5
    rows = read_rows(workspace.folder / "report.csv")
    assert len(rows) == 5
    assert call_report(workspace, "--csv", "-") == rows
    for row in rows:
        assert float(row["cpu_seconds"]) > 0
        assert float(row["wait_seconds"]) > 0
        assert (row["verdict"], row["machine"]) == ("success", "m5.large on-demand")


def test_a_run_that_fails_and_one_that_is_stopped_have_reports(workspace: Workspace) -> None:
    workspace.write(Snakefile=WORKFLOW.format(command="[ {wildcards.number} != 3 ]"))
    run = workspace.snakemake("--keep-going", "--batchx-report", "report.csv")
    assert run.exit_code == 1
    verdicts = sorted(row["verdict"] for row in read_rows(workspace.folder / "report.csv"))
    assert verdicts == ["success"] * 4 + ["tool"]
    workspace.write(Snakefile=WORKFLOW.format(command="sleep 300"))
    process = workspace.start("-j", "5", "--forceall", "--batchx-report", "report.html")
    output = interrupt_when(process, "are array job")
    assert process.returncode != 0
    page = (workspace.folder / "report.html").read_text()
    assert "5 without an end" in page, output
