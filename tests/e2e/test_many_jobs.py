"""More jobs than one call tells of: how often AWS is asked, what is told of those that fail, and
that nothing is left behind."""

import os
import re
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from grants import make_head_environment
from runs import Workspace, count_calls
from snakemake import api
from snakemake.settings import types as settings

from snakemake_executor_plugin_batchx import ExecutorSettings
from snakemake_executor_plugin_batchx.batch.pace import EMBEDDED_PACE

JOBS = 120
"""DescribeJobs tells of a hundred: of more than that their array is asked."""

FAILING = range(7, JOBS, 20)
TALKATIVE = frozenset({7, 107})
"""Ten jobs, of which two write more than fits into a result."""


def list_job_processes(endpoint_url: str) -> list[str]:
    """Return the command lines of processes that a job of this embedded Batch started."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if b"AWS_BATCH_JOB_ID=" in environment and endpoint_url.encode() in environment:
            found.append(command.replace(b"\0", b" ").decode())
    return found


def check_stories(workspace: Workspace, output: str) -> None:
    """Each failed job is told with its own last line, and all that it wrote is saved."""
    stories = output.split("Error in rule one_of_many:")[1:]
    told = {}
    for story in (each.partition("    external_jobid:")[0] for each in stories):
        (number,) = re.findall(r"said by (\d+) in its attempt 1$", story, re.MULTILINE)
        assert f"output: out/{number}.txt" in story
        told[int(number)] = story
    assert sorted(told) == list(FAILING)
    assert len(stories) == len(FAILING)
    logs = {verdict["log"] for verdict in workspace.read_journal("verdict")} - {None}
    saved = {path: (workspace.folder / path).read_text().splitlines() for path in logs}
    for number, story in told.items():
        (path,) = (path for path, lines in saved.items() if f"said by {number} " in lines[-1])
        assert path in story or f"All of its output: {path}" in story
        numbers = list(map(str, range(1, 20001))) if number in TALKATIVE else []
        assert saved[path] == [*numbers, f"said by {number} in its attempt 1"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_more_jobs_than_a_call_tells_of(workspace: Workspace) -> None:
    workspace.write(
        Snakefile=f"""
            rule all:
                input: expand("out/{{n}}.txt", n=range({JOBS}))
            rule one_of_many:  # no other test's: it shall find no definition
                output: "out/{{n}}.txt"
                resources: mem_mb=64
                params:
                    code=lambda wildcards: 3 if int(wildcards.n) in {list(FAILING)} else 0,
                    lines=lambda wildcards: 20000 if int(wildcards.n) in {list(TALKATIVE)} else 0
                shell: "seq {{params.lines}}; echo {{wildcards.n}} > {{output}}; "
                    "echo said by {{wildcards.n}} in its attempt $AWS_BATCH_JOB_ATTEMPT; "
                    "exit {{params.code}}"
            """
    )
    before = Counter(count_calls(workspace.aws))
    started = time.monotonic()
    run = workspace.snakemake(
        *("-j", str(JOBS), "--max-jobs-per-timespan", f"{JOBS}/1s", "--keep-going"),
        timeout_seconds=550,
    )
    seconds = time.monotonic() - started
    assert run.exit_code == 1, run.output[-3000:]
    made = {path.name: path.read_text() for path in (workspace.folder / "out").iterdir()}
    assert made == {f"{n}.txt": f"{n}\n" for n in range(JOBS) if n not in FAILING}
    check_stories(workspace, run.output)

    calls = Counter(count_calls(workspace.aws)) - before
    batch = {name.removeprefix("batch."): n for name, n in calls.items() if "batch." in name}
    assert batch["RegisterJobDefinition"] == 1
    assert batch["DescribeJobDefinitions"] == 1
    # One array, or a few where describing the jobs took longer than the first may be held.
    assert batch["SubmitJob"] <= 1 + seconds / EMBEDDED_PACE.hold_seconds
    # What failed jobs wrote stands in their results.
    assert not [name for name in calls if name.startswith("logs.")]
    # A call a look: of the array while more than 100 of its jobs wait, then of these themselves;
    # on a slow machine there are more looks. AWS allows 50 calls a second.
    assert batch["DescribeJobs"] < 1.5 * seconds
    # Which children of the array have ended is listed when its counts say that some have.
    assert batch.pop("ListJobs", 0) <= batch["DescribeJobs"] + 5
    # What the others wait for while some run is found out now and then.
    looked = batch.pop("GetJobQueueSnapshot", 0)
    assert looked <= 1 + seconds / EMBEDDED_PACE.explain_again_seconds
    assert batch["DescribeJobQueues"] <= 2 + looked
    assert set(batch) == {
        "DescribeJobQueues",
        "DescribeComputeEnvironments",
        "DescribeJobDefinitions",
        "RegisterJobDefinition",
        "SubmitJob",
        "DescribeJobs",
    }
    assert f"jobs submitted: {JOBS}, job definitions registered: 1" in run.output
    assert list_job_processes(workspace.aws.endpoint_url) == []


def test_no_thread_is_left_in_the_head(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.write(
        Snakefile="""
            rule one:
                output: "one.txt"
                shell: "echo 1 > {output}"
            """
    )
    for name, value in make_head_environment(workspace.aws).items():
        monkeypatch.setenv(name, value)
    before = {thread.name for thread in threading.enumerate()}
    with api.SnakemakeApi(settings.OutputSettings()) as snakemake_api:
        workflow_api = snakemake_api.workflow(
            resource_settings=settings.ResourceSettings(nodes=1),
            snakefile=workspace.folder / "Snakefile",
            workdir=workspace.folder,
        )
        workflow_api.dag(settings.DAGSettings(targets={"one.txt"})).execute_workflow(
            executor="batchx",
            executor_settings=ExecutorSettings(
                job_queue=workspace.aws.job_queue,
                s3_root=workspace.environment["SNAKEMAKE_BATCHX_S3_ROOT"],
            ),
        )
    assert (workspace.folder / "one.txt").is_file()
    ours = {t.name for t in threading.enumerate()} - before
    assert not [name for name in ours if name.startswith("batchx")]


def test_a_job_imports_only_what_a_job_needs(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            import sys
            rule one:
                output: "modules.txt"
                run:
                    with open(output[0], "w") as file:
                        print(*sorted(sys.modules), file=file)
            """
    )
    assert workspace.snakemake().exit_code == 0
    loaded = (workspace.folder / "modules.txt").read_text().split()
    package = "snakemake_executor_plugin_batchx."
    ours = {name.removeprefix(package).split(".")[0] for name in loaded if package in name}
    settings = {"settings", "s3_settings", "setting_fields", "plan"}
    runtime = {"denials", "errors", "executor", "job", "packets", "spec", "storage", "version"}
    assert ours <= runtime | settings
    assert {"job", "spec", "storage"} <= ours
    assert not {"moto", "werkzeug", "docker"} & set(loaded)
    assert os.environ.get("AWS_BATCH_JOB_ID") is None
