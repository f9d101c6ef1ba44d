"""`batchx jobs logs` against the embedded AWS, with jobs that really run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.cli import main, make_parser
from snakemake_executor_plugin_batchx.cli.aws_options import open_aws
from snakemake_executor_plugin_batchx.cli.job_logs import follow_job, open_access
from snakemake_executor_plugin_batchx.local.grants import INSTANCE_ROLE
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

NEEDS = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
PATIENCE_SECONDS = 60
ID = "0123abcd-0123-4567-89ab-0123456789ab"
MAIN = "import sys; from snakemake_executor_plugin_batchx.cli import main; sys.exit(main())"


@dataclass
class Jobs:
    """Submits shell scripts as jobs; `call` runs the command."""

    aws: EmbeddedAws
    batch: Any
    capsys: pytest.CaptureFixture[str]

    def submit(self, script: str, container: dict[str, Any] | None = None, **members: Any) -> str:
        settings = {"command": ["sh", "-c", script], **(container or {})}
        definition = {"containerProperties": self._make_container(**settings)}
        return self._submit(definition, **members)

    def submit_several(self, **scripts: str) -> str:
        """Submit a job of several containers, the last of which ends it."""
        last = list(scripts)[-1]
        containers = [
            self._make_container(name=name, command=["sh", "-c", text], essential=name == last)
            for name, text in scripts.items()
        ]
        return self._submit({"ecsProperties": {"taskProperties": [{"containers": containers}]}})

    @staticmethod
    def _make_container(**members: Any) -> dict[str, Any]:
        return {"image": "busybox", "resourceRequirements": NEEDS, **members}

    def _submit(self, definition: dict[str, Any], **members: Any) -> str:
        name = f"logs-{uuid.uuid4()}"
        self.batch.register_job_definition(jobDefinitionName=name, type="container", **definition)
        request = {"jobName": "bx-logs", "jobQueue": self.aws.job_queue, "jobDefinition": name}
        job_id: str = self.batch.submit_job(**request, **members)["jobId"]
        return job_id

    def wait(self, job_id: str, *states: str) -> None:
        wait_for(
            lambda: (
                self.batch.describe_jobs(jobs=[job_id])["jobs"][0]["status"]
                in (states or ("SUCCEEDED", "FAILED"))
            )
        )

    def run(self, script: str, **members: Any) -> str:
        """Return the id of a job that has ended."""
        job_id = self.submit(script, **members)
        self.wait(job_id)
        return job_id

    def call(self, *args: str) -> tuple[int, str, list[str]]:
        exit_code = main(["jobs", "logs", *args])
        said = self.capsys.readouterr()
        return exit_code, said.out, said.err.splitlines()

    def follow(
        self, *args: str, acts: dict[float, Callable[[], object]] | None = None
    ) -> tuple[int, str, list[str]]:
        """Follow a job on a simulated clock; at its times, `acts` are done."""
        parsed = make_parser().parse_args(["jobs", "logs", "-f", *args])
        access = open_access(open_aws(parsed))
        clock, left = SimulatedTime(), sorted((acts or {}).items())

        def sleep(seconds: float) -> None:
            clock.sleep(seconds)
            while left and left[0][0] <= clock.now:
                left.pop(0)[1]()

        exit_code = follow_job(parsed, access, clock.clock, sleep)
        said = self.capsys.readouterr()
        return exit_code, said.out, said.err.splitlines()


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def jobs(aws: EmbeddedAws, batch: Any, capsys: pytest.CaptureFixture[str]) -> Jobs:
    return Jobs(aws, batch, capsys)


def hold(path: Path) -> str:
    """Return a script that waits for a file."""
    return f"while [ ! -e {path} ]; do sleep 0.05; done"


def test_what_a_job_wrote_is_printed(jobs: Jobs) -> None:
    job_id = jobs.run("echo première; echo; echo ' last'; exit 3")
    assert jobs.call(job_id) == (0, "première\n \n last\n", [])


def test_lines_have_times_if_wanted(jobs: Jobs) -> None:
    job_id = jobs.run("echo a; echo b")
    _, out, _ = jobs.call(job_id, "--timestamps")
    for line, message in zip(out.splitlines(), "ab", strict=True):
        assert re.fullmatch(rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{3}}Z {message}", line)


def test_a_log_group_of_its_own(jobs: Jobs) -> None:
    # No policy of batchx's lets ECS make log groups: who wants that allows it.
    statement = {"Effect": "Allow", "Action": "logs:CreateLogGroup", "Resource": "*"}
    boto3.client("iam").put_role_policy(
        RoleName=INSTANCE_ROLE,
        PolicyName="log-groups",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [statement, {**statement, "Action": "logs:*LogStream"}],
            }
        ),
    )
    options = {"awslogs-group": f"/own/{uuid.uuid4()}", "awslogs-create-group": "true"}
    logs = {"logConfiguration": {"logDriver": "awslogs", "options": options}}
    job_id = jobs.run("echo here", container=logs)
    assert jobs.call(job_id) == (0, "here\n", [])


def test_attempts(jobs: Jobs) -> None:
    job_id = jobs.run(
        "echo try $AWS_BATCH_JOB_ATTEMPT; exit 1",
        retryStrategy={"attempts": 3},
    )
    assert jobs.call(job_id)[1] == "try 3\n"
    assert jobs.call(job_id, "--attempt", "2")[1] == "try 2\n"
    exit_code, out, err = jobs.call(job_id, "--attempt", "4")
    assert (exit_code, out) == (1, "")
    assert err == [f"batchx: job {job_id} has been started 3 times; there is no attempt 4."]


def test_attempts_that_have_not_come(jobs: Jobs, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    once = jobs.run("echo a")
    never = jobs.run("true", container={"command": ["/no/such/tool"]})
    waiting = jobs.submit("true", dependsOn=[{"jobId": jobs.submit(hold(flag))}])
    assert [jobs.call(each, "--attempt", "2")[2] for each in (once, waiting)] == [
        [f"batchx: job {once} has been started once; there is no attempt 2."],
        [f"batchx: job {waiting} has not been started yet; there is no attempt 2."],
    ]
    assert "there is no attempt 9" in jobs.call(never, "--attempt", "9")[2][0]
    flag.touch()


@pytest.mark.parametrize(
    "text",
    [
        *("step", "20261121T000000-00000a", "0123abcd", "", "  ", f"{ID}:x", f"{ID}:-1"),
        *(f"{ID}:", f"{ID}:01", f"{ID}:1:2", f"{ID}0", f"{ID}:\u0661"),
    ],
)
def test_what_is_not_the_id_of_a_job(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "logs", "--", text]) == 1
    assert capsys.readouterr().err == (
        f"batchx: {text!r} is not the id of a Batch job (8-4-4-4-12 hexadecimal digits, with "
        ":INDEX for a child of an array); batchx jobs list --all shows them.\n"
    )


def test_capitals_and_blanks_around_an_id_do_not_matter(jobs: Jobs) -> None:
    job_id = jobs.run("echo here")
    assert jobs.call(f" {job_id.upper()}\n") == (0, "here\n", [])


@pytest.mark.parametrize("text", ["0", "-1", "last"])
def test_attempts_are_numbers(jobs: Jobs, text: str) -> None:
    with pytest.raises(SystemExit):
        jobs.call("job", f"--attempt={text}")
    assert f"{text!r} is not a whole number from 1" in jobs.capsys.readouterr().err


def test_containers(jobs: Jobs) -> None:
    job_id = jobs.submit_several(side="echo aside", tool="sleep 0.3; echo done")
    jobs.wait(job_id)
    assert jobs.call(job_id)[1] == "[side] aside\n[tool] done\n"
    assert jobs.call(job_id, "--container", "tool")[1] == "done\n"
    exit_code, _, err = jobs.call(job_id, "--container", "toll")
    assert exit_code == 1
    assert err == [f"batchx: job {job_id} has no container toll: it has side, tool."]


def test_arrays(jobs: Jobs) -> None:
    script = "echo child $AWS_BATCH_JOB_ARRAY_INDEX; exit $((AWS_BATCH_JOB_ARRAY_INDEX % 2))"
    job_id = jobs.run(script, arrayProperties={"size": 4})
    assert jobs.call(f"{job_id}:2") == (0, "child 2\n", [])
    for options in ([], ["-f"]):
        exit_code, out, err = jobs.call(job_id, *options)
        assert (exit_code, out) == (1, "")
        assert err == [
            f"batchx: job {job_id} is an array, whose children write logs of their own: name one "
            f"of them, {job_id}:0 to {job_id}:3. Failed: 1, 3."
        ]


def test_a_child_that_an_array_does_not_have(jobs: Jobs) -> None:
    array = jobs.run("true", arrayProperties={"size": 12})
    single = jobs.run("true")
    for options in ([], ["-f"]):
        assert jobs.call(f"{array}:12", *options)[2] == [
            f"batchx: array {array} has children 0 to 11."
        ]
    assert jobs.call(f"{single}:0")[2] == [
        f"batchx: job {single} is not an array, so it has no child 0."
    ]


def test_many_failed_children_are_not_all_named(jobs: Jobs) -> None:
    job_id = jobs.run("exit 1", arrayProperties={"size": 30})
    _, _, err = jobs.call(job_id)
    assert err[0].endswith(" 17, 18, 19 and 10 others.")


def test_a_job_that_nobody_knows(jobs: Jobs) -> None:
    job_id = str(uuid.uuid4())
    for options in ([], ["-f"]):
        exit_code, out, err = jobs.call(job_id, *options)
        assert (exit_code, out) == (1, "")
        assert err == [
            f"batchx: AWS Batch knows no job {job_id} in {jobs.aws.region}: check the id, or name "
            "another region by --region. Jobs that have ended are forgotten after some days."
        ]


def test_nothing_yet_and_nothing_at_all(jobs: Jobs, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    running = jobs.submit(hold(flag))
    waiting = jobs.submit("true", dependsOn=[{"jobId": running}])
    jobs.wait(running, "RUNNING")
    assert jobs.call(waiting) == (
        *(0, ""),
        [f"batchx: job {waiting} has written nothing yet: it is PENDING"],
    )
    assert jobs.call(running)[2] == [
        f"batchx: job {running} has written nothing yet: it is RUNNING"
    ]
    flag.touch()
    jobs.wait(running)
    assert jobs.call(running)[2] == [
        f"batchx: job {running} wrote nothing, or log group /aws/batch/job does not keep it any "
        "more"
    ]
    never = jobs.submit("true", container={"command": ["/no/such/tool"]})
    jobs.wait(never)
    assert jobs.call(never)[2] == [f"batchx: job {never} has no log: no container of it ran"]


def test_a_job_is_followed_from_its_waiting_to_its_end(jobs: Jobs, tmp_path: Path) -> None:
    go, write, finish = (tmp_path / name for name in ("go", "write", "finish"))
    first = jobs.submit(hold(go))
    jobs.wait(first, "RUNNING")
    script = f"echo early; {hold(write)}; echo written; {hold(finish)}; echo late; exit 3"
    job_id = jobs.submit(script, dependsOn=[{"jobId": first}])

    def go_and_wait() -> None:
        go.touch()
        jobs.wait(job_id, "RUNNING")

    def finish_and_wait() -> None:
        finish.touch()
        jobs.wait(job_id)

    acts = {30.0: go_and_wait, 60.0: write.touch, 90.0: finish_and_wait}
    exit_code, out, err = jobs.follow(job_id, acts=acts)
    assert exit_code == 1
    assert out == "early\nwritten\nlate\n"
    assert err[0] == f"batchx: job {job_id} is PENDING"
    assert f"batchx: job {job_id} is RUNNING" in err
    assert err[-1] == (
        f"batchx: job {job_id} FAILED (Essential container in task exited), exit code 3"
    )
    assert len(err) == len(set(err))


def test_the_attempts_that_come_are_followed(jobs: Jobs, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    script = f"echo try $AWS_BATCH_JOB_ATTEMPT; {hold(flag)}; [ $AWS_BATCH_JOB_ATTEMPT = 2 ]"
    job_id = jobs.submit(script, retryStrategy={"attempts": 3})
    jobs.wait(job_id, "RUNNING")

    def go_and_wait() -> None:
        flag.touch()
        jobs.wait(job_id)

    exit_code, out, err = jobs.follow(job_id, acts={20.0: go_and_wait})
    assert (exit_code, out) == (0, "try 1\ntry 2\n")
    assert err[-1] == f"batchx: job {job_id} SUCCEEDED, exit code 0"
    assert jobs.follow(job_id, "--attempt", "1")[1] == "try 1\n"
    assert jobs.follow(job_id)[1] == "try 2\n"


def test_an_array_child_with_several_lines_at_once_is_followed(jobs: Jobs) -> None:
    job_id = jobs.run("seq 3000", arrayProperties={"size": 2})
    exit_code, out, _ = jobs.follow(f"{job_id}:1")
    assert exit_code == 0
    assert out.split() == [str(n) for n in range(1, 3001)]


def test_following_a_job_that_never_ran(jobs: Jobs) -> None:
    job_id = jobs.submit("true", container={"command": ["/no/such/tool"]})
    jobs.wait(job_id)
    exit_code, out, err = jobs.follow(job_id)
    assert (exit_code, out) == (1, "")
    assert err[0] == f"batchx: job {job_id} has no log: no container of it ran"
    assert err[1].startswith(f"batchx: job {job_id} FAILED (Task failed to start)")


def test_ctrl_c_ends_it_quietly(jobs: Jobs) -> None:
    job_id = jobs.submit("echo naïve; sleep 600")
    jobs.wait(job_id, "RUNNING")
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, "jobs", "logs", "--follow", job_id],
        # An output of ASCII, as in a container without a locale.
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as command:
        assert command.stdout is not None
        assert command.stdout.readline().decode() == "naïve\n"
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=PATIENCE_SECONDS)
    jobs.batch.terminate_job(jobId=job_id, reason="seen enough")
    assert (command.returncode, out) == (130, b"")
    assert err.decode() == f"batchx: job {job_id} is RUNNING\n"
