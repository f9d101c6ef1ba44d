"""The report of a workload whose sleeps, memory, CPU time, bytes and failures are known."""

import csv
import io
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
from runs import Workspace, run_command
from tool_images import provide_image

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]

MIB = 1024 * 1024

SHORT_SECONDS, LONG_SECONDS = 1, 19
HOG_MIB = 640
BURNERS, BURNER_SECONDS = 2, 5
BYTES_IN, BYTES_OUT = 24 * MIB, 12 * MIB
M5_LARGE_USD, M5_LARGE_VCPUS = 0.096, 2

WORKFLOW = f"""
container: "docker://{{image}}"

rule all:
    input: expand("{{{{name}}}}.txt", name=["short", "long", "hog", "burn", "copy", "flaky"])

rule sleep:
    output: "{{{{name}}}}.txt"
    wildcard_constraints: name="short|long"
    params: seconds=lambda w: {SHORT_SECONDS} if w.name == "short" else {LONG_SECONDS}
    resources: mem_mb=1024
    shell: "sleep {{{{params.seconds}}}}; echo > {{{{output}}}}"

rule hog:
    output: "hog.txt"
    resources: mem_mb=4000
    script: "hog.py"

rule burn:
    output: "burn.txt"
    threads: {BURNERS}
    resources: mem_mb=1024
    script: "burn.py"

rule copy:
    input: "in.bin"
    output: bytes="out.bin", told="copy.txt"
    resources: mem_mb=1024
    script: "move.py"

rule flaky:
    output: "flaky.txt"
    retries: 1
    resources: mem_mb=1024, number=lambda wildcards, attempt: attempt
    shell: "[ {{{{resources.number}}}} = 2 ] || exit 7; echo > {{{{output}}}}"
"""

HOG = f"""
from pathlib import Path
pages = bytearray({HOG_MIB} * {MIB})
pages[::4096] = b"x" * len(pages[::4096])
Path(snakemake.output[0]).touch()
"""

BURN = f"""
import os, time
from pathlib import Path
children = []
for _ in range({BURNERS}):
    child = os.fork()
    if child == 0:
        while time.process_time() < {BURNER_SECONDS}:
            pass
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
Path(snakemake.output[0]).touch()
"""

COPY = f"""
import os
from pathlib import Path
assert len(Path(snakemake.input[0]).read_bytes()) == {BYTES_IN}
Path(snakemake.output.bytes).write_bytes(os.urandom({BYTES_OUT}))
Path(snakemake.output.told).touch()
"""


def test_numbers_of_a_known_workload(docker_workspace: Workspace) -> None:
    image = provide_image("python313")
    docker_workspace.write(
        Snakefile=WORKFLOW.format(image=image), hog__py=HOG, burn__py=BURN, move__py=COPY
    )
    (docker_workspace.folder / "in.bin").write_bytes(os.urandom(BYTES_IN))
    run = docker_workspace.snakemake("--batchx-report", "report.html")
    assert run.exit_code == 0, run.output
    page = (docker_workspace.folder / "report.html").read_text()
    assert "Most wasteful rules" in page
    rows = read_rows(docker_workspace)
    find = make_finder(rows)
    sleep = "Rule sleep (name=short)"
    assert [row["verdict"] for row in rows if row["rule"] == "flaky"] == ["tool", "success"]
    assert find("exit_code", "Rule flaky", attempt="1") == 7
    slept = find("wall_seconds", "Rule sleep (name=long)") - find("wall_seconds", sleep)
    assert slept == pytest.approx(LONG_SECONDS - SHORT_SECONDS, rel=0.1)
    burnt = find("cpu_seconds", "Rule burn") - find("cpu_seconds", sleep)
    assert burnt == pytest.approx(BURNERS * BURNER_SECONDS, rel=0.1)
    held = find("peak_memory_mib", "Rule hog") - find("peak_memory_mib", sleep)
    assert held == pytest.approx(HOG_MIB, rel=0.1)
    assert find("bytes_in", "Rule copy") == pytest.approx(BYTES_IN, rel=0.1)
    assert find("bytes_out", "Rule copy") == pytest.approx(BYTES_OUT, rel=0.1)
    assert find("disk_mib", "Rule copy") == pytest.approx((BYTES_IN + BYTES_OUT) / MIB, rel=0.1)
    assert {row["machine"] for row in rows} == {"m5.large on-demand"}
    for batch_job in describe_jobs(docker_workspace):
        asked = {each["type"]: float(each["value"]) for each in batch_job["resourceRequirements"]}
        share = max(asked["VCPU"] / M5_LARGE_VCPUS, asked["MEMORY"] / (8 * 1024))
        usd = share * M5_LARGE_USD * batch_job["seconds"] / 3600
        assert find("usd", submission=batch_job["submission"]) == pytest.approx(usd, rel=0.1)


def read_rows(workspace: Workspace) -> list[dict[str, str]]:
    call = "import sys; from snakemake_executor_plugin_batchx.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", call, "report", "--csv", "-"]
    done = run_command(command, workspace.folder, workspace.environment, 60)
    assert done.exit_code == 0, done.output
    return list(csv.DictReader(io.StringIO(done.output)))


def make_finder(rows: list[dict[str, str]]) -> Callable[..., float]:
    def find(column: str, label: str = "", **wanted: str) -> float:
        wanted = {**wanted, **({"label": label} if label else {})}
        found = [row for row in rows if wanted.items() <= row.items()]
        assert len(found) == 1, (label, wanted, [row["label"] for row in rows])
        return float(found[0][column])

    return find


def describe_jobs(workspace: Workspace) -> list[dict[str, Any]]:
    told = workspace.read_journal("verdict")
    verdicts = {each["batch_job_id"]: each["submission"] for each in told}
    jobs = workspace.client("batch").describe_jobs(jobs=list(verdicts))["jobs"]
    return [
        {
            "submission": verdicts[job["jobId"]],
            "seconds": (job["stoppedAt"] - job["startedAt"]) / 1000,
            "resourceRequirements": job["container"]["resourceRequirements"],
        }
        for job in jobs
    ]
