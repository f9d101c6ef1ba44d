"""A head that was killed: the next one takes up what it left, and nothing runs twice."""

import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from runs import Run, Workspace

pytestmark = pytest.mark.slow

SNAKEFILE = """
    rule all:
        input: "sum.txt", "alone.txt"
    rule one:
        output: "out/{n}.txt"
        shell:
            "echo one {wildcards.n} $AWS_BATCH_JOB_ID >> LEDGER; "
            "while ! test -e GATE; do sleep 0.1; done; echo {wildcards.n} > {output}"
    rule alone:
        output: "alone.txt"
        shell:
            "echo alone $AWS_BATCH_JOB_ID >> LEDGER; "
            "while ! test -e GATE; do sleep 0.1; done; echo VERSION > {output}"
    rule sum:
        input: expand("out/{n}.txt", n=range(4))
        output: "sum.txt"
        shell: "echo sum >> LEDGER; cat {input} > {output}"
"""
SUM = "".join(f"{number}\n" for number in range(4))


class World:
    """A workspace whose jobs note that they work, and wait for a gate to be opened.

    With a prefix its files are below it in the embedded AWS's bucket, not on this machine.
    """

    def __init__(self, workspace: Workspace, prefix: str = "") -> None:
        self.workspace = workspace
        self.prefix = prefix
        storage = ("--default-storage-provider", "s3", "--default-storage-prefix")
        self.storage = (*storage, f"s3://{workspace.aws.bucket}/{prefix}") if prefix else ()
        if prefix:
            workspace.allow_data(prefix)
        self.ledger = workspace.folder.parent / "ledger"
        self.gate = workspace.folder.parent / "gate"
        self.write("1")

    def write(self, version: str) -> None:
        text = SNAKEFILE.replace("LEDGER", str(self.ledger)).replace("GATE", str(self.gate))
        self.workspace.write(Snakefile=text.replace("VERSION", version))

    def read_ledger(self) -> list[str]:
        return self.ledger.read_text().splitlines() if self.ledger.exists() else []

    def count_work(self) -> Counter[str]:
        """Return how often each piece of work was done."""
        words = [line.split() for line in self.read_ledger()]
        return Counter(" ".join(w[:2] if w[0] == "one" else w[:1]) for w in words)

    def kill_head_when(self, condition: Callable[[], object], *args: str) -> None:
        process = self.workspace.start("-j", "20", *self.storage, *args)
        wait_for(condition, process)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        if process.stdout:
            process.stdout.close()

    def restart(self, *args: str) -> Run:
        unlocked = self.workspace.snakemake("--unlock", *self.storage, *args)
        assert unlocked.exit_code == 0, unlocked.output
        return self.workspace.snakemake("--rerun-incomplete", *self.storage, *args)

    def read(self, name: str) -> str:
        """Return a file of the workflow, wherever its files are."""
        if not self.prefix:
            return (self.workspace.folder / name).read_text()
        place = {"Bucket": self.workspace.aws.bucket, "Key": f"{self.prefix}/{name}"}
        content: bytes = self.workspace.client("s3").get_object(**place)["Body"].read()
        return content.decode()

    def have_ended(self, status: str = "SUCCEEDED") -> bool:
        """Tell whether all jobs submitted so far have ended so."""
        ids = [event["batch_job_id"] for event in self.workspace.read_journal("submitted")]
        jobs = self.workspace.client("batch").describe_jobs(jobs=ids)["jobs"]
        return all(job["status"] == status for job in jobs)

    def count_submissions(self) -> int:
        return sum(
            len(event["jobs"])
            for event in self.workspace.read_journal("intent")
            for submitted in self.workspace.read_journal("submitted")
            if submitted["spec_key"] == event["spec_key"]
        )


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        assert process is None or process.poll() is None, process and process.communicate()[0]
        time.sleep(0.05)


@pytest.fixture
def world(workspace: Workspace) -> World:
    return World(workspace)


@pytest.fixture(params=["mirror", "s3"])
def either_world(request: pytest.FixtureRequest, workspace: Workspace, tmp_path: Path) -> World:
    return World(workspace, tmp_path.name if request.param == "s3" else "")


ONCE = {**{f"one {n}": 1 for n in range(4)}, "alone": 1, "sum": 1}


def test_running_jobs_are_taken_up(either_world: World) -> None:
    world = either_world
    world.kill_head_when(lambda: len(world.read_ledger()) >= 2)
    world.gate.touch()
    run = world.restart()
    assert run.exit_code == 0, run.output
    assert world.count_work() == ONCE
    assert world.read("sum.txt") == SUM
    assert "submitted by an earlier run" in run.output
    assert world.count_submissions() == 6
    # The runs are closed now: nothing is looked for by the next.
    again = world.workspace.snakemake("--forcerun", "sum", *world.storage)
    assert again.exit_code == 0, again.output
    assert "earlier run" not in again.output


def test_jobs_that_finished_meanwhile_are_collected(either_world: World) -> None:
    world = either_world
    world.kill_head_when(lambda: len(world.workspace.read_journal("submitted")) == 2)
    world.gate.touch()
    wait_for(world.have_ended)
    run = world.restart()
    assert run.exit_code == 0, run.output
    assert world.count_work() == ONCE
    assert world.read("sum.txt") == SUM
    assert world.count_submissions() == 6


def test_a_head_that_is_killed_again_and_again(world: World) -> None:
    world.kill_head_when(lambda: len(world.workspace.read_journal("submitted")) == 2)
    for _ in range(2):
        assert world.workspace.snakemake("--unlock").exit_code == 0
        seen = len(world.workspace.read_journal("adopted"))
        world.kill_head_when(
            lambda seen=seen: len(world.workspace.read_journal("adopted")) >= seen + 5,
            "--rerun-incomplete",
        )
    world.gate.touch()
    run = world.restart()
    assert run.exit_code == 0, run.output
    assert world.count_work() == ONCE


def test_an_intent_without_an_answer_is_not_run_twice(world: World) -> None:
    """The head died between SubmitJob's answer and its note in the journal."""
    world.kill_head_when(lambda: len(world.read_ledger()) == 2)
    (journal,) = Path(world.workspace.folder, ".snakemake", "batchx").glob("*.jsonl")
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(li for li in lines if '"event": "submitted"' not in li))
    world.gate.touch()
    run = world.restart()
    assert run.exit_code == 0, run.output
    assert set(world.count_work().values()) == {1}
    assert (world.workspace.folder / "sum.txt").read_text() == SUM


def test_a_job_whose_code_changed_is_ended_and_done_anew(world: World) -> None:
    world.kill_head_when(lambda: len(world.read_ledger()) >= 2)
    old = world.workspace.read_journal("submitted")
    world.write("2")
    world.gate.touch()
    run = world.restart()
    assert run.exit_code == 0, run.output
    assert (world.workspace.folder / "alone.txt").read_text() == "2\n"
    assert "ending" in run.output
    new = [e for e in world.workspace.read_journal("submitted") if e not in old]
    assert sum(1 for _ in new) >= 2
    batch = world.workspace.client("batch")

    def have_ended() -> bool:
        jobs = batch.describe_jobs(jobs=[e["batch_job_id"] for e in old])["jobs"]
        return all(job["status"] in {"SUCCEEDED", "FAILED"} for job in jobs)

    wait_for(have_ended)


def test_a_job_that_failed_meanwhile_is_submitted_anew(world: World) -> None:
    world.kill_head_when(lambda: len(world.workspace.read_journal("submitted")) == 2)
    batch = world.workspace.client("batch")
    ids = [event["batch_job_id"] for event in world.workspace.read_journal("submitted")]
    batch.terminate_jobs(jobs=ids, reason="somebody else ended it")
    wait_for(lambda: world.have_ended("FAILED"))
    world.gate.touch()
    run = world.restart()
    assert run.exit_code == 0, run.output
    assert (world.workspace.folder / "sum.txt").read_text() == SUM


def test_jobs_that_the_next_run_does_not_need_are_told_of(world: World) -> None:
    world.kill_head_when(lambda: len(world.workspace.read_journal("submitted")) == 2)
    world.gate.touch()
    run = world.restart("alone.txt")
    assert run.exit_code == 0, run.output
    assert "4 jobs of earlier runs were not needed by this one." in run.output
    assert "batchx jobs sweep" in run.output
    # They can still be taken up by a run that needs them.
    run = world.workspace.snakemake("--rerun-incomplete")
    assert run.exit_code == 0, run.output
    assert world.count_work() == ONCE


def test_an_input_in_s3_that_changed_since_is_worked_on_anew(
    workspace: Workspace, tmp_path: Path
) -> None:
    world = World(workspace, tmp_path.name)
    place = {"Bucket": workspace.aws.bucket, "Key": f"{world.prefix}/in.txt"}
    workspace.client("s3").put_object(**place, Body=b"old")
    workspace.write(
        Snakefile=f"""
            rule copy:
                input: "in.txt"
                output: "copy.txt"
                shell: "echo copy >> {world.ledger}; cp {{input}} {{output}}"
            """
    )
    world.kill_head_when(lambda: world.read_ledger() and world.have_ended())
    ended = time.time()
    wait_for(lambda: time.time() >= ended + 1)  # S3 tells times in whole seconds
    workspace.client("s3").put_object(**place, Body=b"new")
    run = world.restart()
    assert run.exit_code == 0, run.output
    assert world.read("copy.txt") == "new"
    assert len(world.read_ledger()) == 2


def test_a_group_is_taken_up(world: World) -> None:
    world.workspace.write(
        Snakefile=f"""
            rule all:
                input: expand("b/{{n}}.txt", n=range(3))
            rule a:
                output: temp("a/{{n}}.txt")
                group: "pair"
                shell:
                    "echo a{{wildcards.n}} >> {world.ledger}; "
                    "while ! test -e {world.gate}; do sleep 0.1; done; touch {{output}}"
            rule b:
                input: "a/{{n}}.txt"
                output: "b/{{n}}.txt"
                group: "pair"
                shell: "cp {{input}} {{output}}"
            """
    )
    world.kill_head_when(world.read_ledger)
    world.gate.touch()
    run = world.restart()
    assert run.exit_code == 0, run.output
    assert sorted(world.read_ledger()) == ["a0", "a1", "a2"]
    assert "submitted by an earlier run" in run.output
