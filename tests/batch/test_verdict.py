"""Verdicts: every row of the failure table against the messages that AWS is known to send."""

import json
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.batch.state import Attempt, JobState
from snakemake_executor_plugin_batchx.batch.verdict import TAIL_LINES, judge_failure
from snakemake_executor_plugin_batchx.spec import EXIT_LEASE_LOST, Result, Usage

MESSAGES = json.loads(
    (Path(__file__).parents[1] / "aws_messages" / "failures.json").read_text(encoding="utf-8")
)
EXITED = "Essential container in task exited"


def make_state(
    *, status_reason: str = EXITED, reason: str = "", exit_code: int | None = None
) -> JobState:
    attempt = Attempt(exit_code, reason, status_reason, None)
    return JobState("job-1", "FAILED", status_reason, (attempt,))


def make_result(
    *, exit_code: int = 1, problem: str | None = None, tail: str = "", oom_kills: int = 0
) -> Result:
    usage = Usage(1.0, 1.0, 0.1, 0.1, 0, 0, 100.0, oom_kills)
    return Result(1, 1, exit_code, problem, tail, (), usage)


def judge(state: JobState, result: Result | None = None) -> tuple[str, str]:
    verdict = judge_failure(state, result, image="tool:1", memory_mib=2048)
    return verdict.kind, verdict.message


@pytest.mark.parametrize("case", MESSAGES, ids=[m["message"][:40] for m in MESSAGES])
def test_words_of_aws_get_their_verdict(case: dict[str, str]) -> None:
    state = make_state(**{case["field"]: case["message"]})
    kind, message = judge(state)
    assert kind == case["kind"]
    assert case["message"] in message
    assert "{" not in message.replace(case["message"], "")


def test_tool_failure_tells_exit_code_and_last_lines() -> None:
    tail = "\n".join(f"line {number}" for number in range(100)) + "\n\n"
    kind, message = judge(make_state(exit_code=7), make_result(exit_code=7, tail=tail))
    assert kind == "tool"
    assert message.startswith("Batch job job-1 failed: its command ended with exit code 7.\n")
    assert EXITED not in message
    assert message.splitlines()[-1] == "    line 99"
    assert f"line {100 - TAIL_LINES}\n" in message
    assert f"line {99 - TAIL_LINES}\n" not in message


def test_exit_code_137_alone_is_not_called_out_of_memory() -> None:
    assert judge(make_state(exit_code=137)) == (
        "tool",
        "Batch job job-1 failed: its command ended with exit code 137.",
    )


def test_memory_kill_counted_by_the_control_group_is() -> None:
    kind, message = judge(make_state(exit_code=1), make_result(oom_kills=1))
    assert kind == "memory"
    assert "limit 2048 MiB" in message


def test_problem_told_by_the_job_is_passed_on_whatever_it_holds() -> None:
    problem = "The input of rule a is not what the head submitted: only there {x}."
    kind, message = judge(make_state(exit_code=1), make_result(problem=problem))
    assert kind == "batchx"
    assert problem in message


def test_duplicate_that_lost_its_lease() -> None:
    kind, message = judge(make_state(exit_code=EXIT_LEASE_LOST))
    assert kind == "duplicate"
    assert "another submission" in message


def test_job_that_never_started_and_says_nothing() -> None:
    state = JobState("job-1", "FAILED", "", ())
    assert judge(state)[0] == "unknown"
