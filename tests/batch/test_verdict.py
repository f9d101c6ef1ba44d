"""Verdicts: what a user is told of a failed job, from all that is known of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.batch.state import Attempt, ContainerEnd, JobState
from snakemake_executor_plugin_batchx.batch.verdict import Verdict, judge_failure
from snakemake_executor_plugin_batchx.spec import EXIT_LEASE_LOST, EXIT_TERMINATED, Result, Usage

MESSAGES = json.loads(
    (Path(__file__).parents[1] / "aws_messages" / "failures.json").read_text(encoding="utf-8")
)
TOLD_BY_AWS = [case for case in MESSAGES if case["field"] in ("reason", "status_reason")]
EXITED = "Essential container in task exited"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
TIMED_OUT = "Job attempt duration exceeded timeout"
HOST_LOST = "Host EC2 (instance i-{}) terminated."


def make_attempt(
    *, status_reason: str = EXITED, reason: str = "", exit_code: int | None = None
) -> Attempt:
    return Attempt((ContainerEnd("", exit_code, reason),), status_reason)


def make_state(*earlier: Attempt, **last: Any) -> JobState:
    attempt = make_attempt(**last)
    return JobState("job-1", "FAILED", attempt.status_reason, (*earlier, attempt))


def make_result(
    *,
    exit_code: int = 1,
    problem: str | None = None,
    tail: str = "",
    oom_kills: int = 0,
    peak: float | None = 2047.6,
) -> Result:
    usage = Usage(1.0, 1.0, 0.1, 0.1, 0, 0, peak, oom_kills)
    return Result(1, 1, exit_code, problem, tail, (), usage)


TERMINATED = make_result(
    exit_code=EXIT_TERMINATED, problem="Batch ended this job (SIGTERM): it was cancelled."
)
"""What a job leaves that was told to end while it could still write."""


def judge(state: JobState, result: Result | None = None) -> Verdict:
    return judge_failure(state, result, image="tool:1", memory_mib=2048)


@pytest.mark.parametrize("case", TOLD_BY_AWS, ids=[m["message"][:40] for m in TOLD_BY_AWS])
def test_words_of_aws_are_passed_on_or_said_in_the_sentence(case: dict[str, Any]) -> None:
    verdict = judge(make_state(**{case["field"]: case["message"]}))
    lines = verdict.message.splitlines()
    assert lines[0].startswith("Batch job job-1 failed: ")
    assert case["message"] in verdict.words or not verdict.words
    assert EXITED not in verdict.message
    assert "{" not in verdict.message.replace(case["message"], "")


def test_a_tool_failure_tells_its_exit_code_and_nothing_that_is_usual() -> None:
    verdict = judge(make_state(exit_code=7), make_result(exit_code=7))
    assert verdict.kind == "tool"
    assert verdict.message == "Batch job job-1 failed: its command ended with exit code 7."
    assert judge(make_state(exit_code=7)) == verdict


ROLE = "arn:aws:sts::123456789012:assumed-role"
PULL = (
    "CannotPullContainerError: Error response from daemon: pull access denied for "
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com/tool, repository does not exist or may require "
    "'docker login': denied: User: {} is not authorized to perform: ecr:BatchGetImage on resource: "
    "arn:aws:ecr:eu-west-1:123456789012:repository/tool because no identity-based policy allows "
    "the ecr:BatchGetImage action"
)


@pytest.mark.parametrize(
    ("session", "told"),
    [
        (
            f"{ROLE}/ecsInstanceRole/i-0123456789abcdef0",
            "Its host's role ecsInstanceRole of account 123456789012 lacks ecr:BatchGetImage on "
            "arn:aws:ecr:eu-west-1:123456789012:repository/tool: add it to its policies (batchx "
            "policy instance prints those needed).",
        ),
        (
            f"{ROLE}/tasks/5f3a9c0d4c1f4e7e8a7b",
            "Its execution role tasks of account 123456789012 lacks ecr:BatchGetImage on "
            "arn:aws:ecr:eu-west-1:123456789012:repository/tool: add it to its policies (batchx "
            "policy execution prints those needed).",
        ),
    ],
)
def test_the_role_that_lacks_a_permission_is_named(session: str, told: str) -> None:
    """What the registry says of a pull comes so far only where Batch does not cut it."""
    verdict = judge(make_state(reason=PULL.format(session)))
    assert verdict.sentence == "image tool:1 may not be pulled or does not exist"
    assert verdict.advice == told


def test_a_permission_that_the_job_itself_lacks() -> None:
    problem = (
        "The job's role tools of account 123456789012 lacks s3:PutObject on s3://lab/x: add it."
    )
    verdict = judge(make_state(exit_code=1), make_result(problem=problem))
    assert (verdict.kind, verdict.sentence) == ("permission", problem.rstrip("."))


def test_a_want_of_memory_tells_limit_and_peak() -> None:
    expected = (
        "Batch job job-1 failed: it needed more memory than its limit of 2048 MiB{}.\n"
        "Raise mem_mb of the rule. With retries: and a mem_mb that grows with attempt, Snakemake "
        "tries again with more."
    )
    state = make_state(exit_code=137, reason=OUT_OF_MEMORY)
    assert judge(state).message == expected.format("")
    told = judge(state, make_result(exit_code=137))
    assert told.message == expected.format(" (measured peak: 2048 MiB)")
    assert told.kind == "memory"


@pytest.mark.parametrize("exit_code", [1, 137, 0, EXIT_TERMINATED])
def test_a_kill_that_the_kernel_counted_is_one_whatever_the_exit_code(exit_code: int) -> None:
    verdict = judge(make_state(exit_code=1), make_result(exit_code=exit_code, oom_kills=1))
    assert verdict.kind == "memory"
    assert "its limit of 2048 MiB (measured peak: 2048 MiB)" in verdict.sentence


def test_exit_code_137_alone_is_not_called_a_want_of_memory() -> None:
    verdict = judge(make_state(exit_code=137))
    assert verdict.kind == "tool"
    assert "was killed (SIGKILL), and Batch does not say" in verdict.sentence
    assert "its limit of memory (2048 MiB)" in verdict.advice
    told = judge(make_state(exit_code=137), make_result(exit_code=137, peak=340.2))
    assert "(340 of 2048 MiB)" in told.advice


@pytest.mark.parametrize(
    ("seconds", "limit"), [(None, ""), (90, " of 90 s"), (7200, " of 120 min")]
)
@pytest.mark.parametrize("result", [None, TERMINATED])
def test_a_timeout_tells_how_long_the_limit_is(
    seconds: int | None, limit: str, result: Result | None
) -> None:
    state = make_state(status_reason=TIMED_OUT, exit_code=143)
    verdict = judge(replace(state, timeout_seconds=seconds), result)
    assert verdict.kind == "time"
    assert verdict.sentence == f"it ran longer than its time limit{limit}"
    assert verdict.words == ()


@pytest.mark.parametrize("result", [None, TERMINATED])
def test_who_was_ended_by_somebody_is_told_the_reason(result: Result | None) -> None:
    state = make_state(exit_code=143)
    ended = replace(state, status_reason="Wrong data.", is_terminated=True)
    verdict = judge(ended, result)
    assert verdict.kind == "ended"
    assert verdict.message == (
        "Batch job job-1 failed: somebody terminated it, with the reason: Wrong data.\n"
        "Start the workflow again when you want it."
    )
    waiting = JobState("job-1", "FAILED", "Wrong data.", (), is_cancelled=True)
    assert judge(waiting).sentence.startswith("somebody cancelled it before it started")


def test_a_time_limit_counts_more_than_that_batch_ended_the_job_for_it() -> None:
    state = make_state(status_reason=TIMED_OUT)
    assert judge(replace(state, is_terminated=True)).kind == "time"


def test_what_ended_a_job_from_outside_counts_where_its_result_tells_only_of_sigterm() -> None:
    state = make_state(status_reason=HOST_LOST.format("1"))
    assert judge(state, TERMINATED).kind == "infrastructure"
    assert judge(make_state(exit_code=143), TERMINATED).kind == "ended"


def test_a_failure_of_its_own_counts_more_than_what_came_after() -> None:
    verdict = judge(make_state(status_reason=TIMED_OUT), make_result(exit_code=7))
    assert verdict.message == "Batch job job-1 failed: its command ended with exit code 7."


@pytest.mark.parametrize(
    "words",
    [HOST_LOST.format("1"), "Your Spot Task was interrupted.", "ECS agent disconnected"],
)
def test_a_tool_that_failed_while_its_host_went_away_is_not_blamed(words: str) -> None:
    verdict = judge(make_state(status_reason=words, exit_code=1), make_result(exit_code=1))
    assert verdict.kind == "infrastructure"
    assert words in verdict.words or not verdict.words
    problem = make_result(problem="The job's outputs could not be sent to S3: timed out.")
    assert judge(make_state(status_reason=words), problem).kind == "infrastructure"


def test_the_host_of_an_earlier_attempt_does_not_excuse_the_last() -> None:
    lost = make_attempt(status_reason=HOST_LOST.format("1"))
    assert judge(make_state(lost, exit_code=1), make_result(exit_code=1)).kind == "tool"


def test_a_job_that_did_its_work_failed_for_what_batch_says() -> None:
    state = make_state(reason="CannotInspectContainerError: timed out after waiting 30s")
    assert judge(state, make_result(exit_code=0)).kind == "infrastructure"
    assert judge(make_state(), make_result(exit_code=0)).kind == "unknown"


@pytest.mark.parametrize(
    ("exit_code", "kind", "sentence"),
    [
        (
            137,
            "unknown",
            "its command ended well, but its container was killed afterwards (SIGKILL), and Batch "
            "does not say why",
        ),
        (
            4,
            "batchx",
            "its command ended well, but its container ended with exit code 4 afterwards",
        ),
    ],
)
def test_a_container_that_ended_badly_after_a_command_that_ended_well(
    exit_code: int, kind: str, sentence: str
) -> None:
    verdict = judge(make_state(exit_code=exit_code), make_result(exit_code=0))
    assert (verdict.kind, verdict.sentence) == (kind, sentence)
    lost = make_state(exit_code=exit_code, status_reason=HOST_LOST.format("1"))
    assert judge(lost, make_result(exit_code=0)).sentence.startswith("its host was taken away")


@pytest.mark.parametrize(
    ("oom_kills", "reason"), [(1, ""), (0, OUT_OF_MEMORY)], ids=["counted", "told"]
)
def test_beside_a_kill_for_memory_the_problem_is_told(oom_kills: int, reason: str) -> None:
    problem = "Rule one ended well but did not make one.txt."
    result = make_result(problem=problem, oom_kills=oom_kills, peak=10)
    verdict = judge(make_state(exit_code=1, reason=reason), result)
    assert verdict.kind == "memory"
    (line, _) = verdict.message.splitlines()
    assert line.endswith(f"its limit of 2048 MiB (measured peak: 10 MiB). {problem}")


def test_that_batch_ended_a_job_is_no_problem_beside_a_kill() -> None:
    told = replace(TERMINATED, usage=make_result(oom_kills=1).usage)
    assert "SIGTERM" not in judge(make_state(exit_code=143), told).message


def test_a_problem_told_by_the_job_is_passed_on_whatever_it_holds() -> None:
    problem = "The input of rule a is not what the head submitted: only there {x}."
    verdict = judge(make_state(exit_code=1), make_result(problem=problem))
    assert verdict.kind == "batchx"
    assert verdict.message == f"Batch job job-1 failed: {problem}"


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        (make_result(problem="Rule one ended well but did not make one.txt."), "output"),
        (make_result(problem="The job's files could not be sent: [Errno 28] No space left on "
                     "device: '/tmp/x'"), "disk"),
        (make_result(tail="sort: write failed: /tmp/x: No space left on device\n"), "disk"),
        (make_result(tail="No space left on device\n" + "and on\n" * 50), "tool"),
    ],
)  # fmt: skip
def test_what_the_job_and_its_output_tell(result: Result, kind: str) -> None:
    assert judge(make_state(exit_code=1), result).kind == kind


def test_a_duplicate_that_lost_its_lease_is_no_tool_with_that_exit_code() -> None:
    state = make_state(exit_code=EXIT_LEASE_LOST)
    assert judge(state).kind == "duplicate"
    assert judge(state, make_result(exit_code=EXIT_LEASE_LOST)).kind == "tool"


def test_the_child_and_the_container_that_failed_are_named() -> None:
    ends = (ContainerEnd("side", 0, is_essential=False), ContainerEnd("main", 4))
    state = JobState("job-1:7", "FAILED", EXITED, (Attempt(ends, EXITED),))
    assert judge(state).message == (
        "Batch job job-1:7 (container main) failed: its command ended with exit code 4."
    )


def test_earlier_attempts_are_summed_up() -> None:
    lost = [make_attempt(status_reason=HOST_LOST.format(number)) for number in "12"]
    state = make_state(*lost, exit_code=7)
    assert judge(state, make_result(exit_code=7)).message.splitlines() == [
        "Batch job job-1 failed: its command ended with exit code 7.",
        "Batch started it 3 times; before: Host EC2 terminated (2 times).",
    ]
    odd = [
        make_attempt(reason="CannotPullContainerError: " + "x" * 500),
        make_attempt(exit_code=3),
        Attempt(()),
    ]
    told = judge(make_state(*odd, status_reason=HOST_LOST.format("4"))).attempts
    assert told.startswith("Batch started it 4 times; before: CannotPullContainerError: xxx")
    assert told.endswith("x…; exit code 3; no reason told.")
    assert len(told) < 250


def test_words_that_another_holds_are_said_once() -> None:
    reason = "CannotPullContainerError: inspect image has been retried 5 time(s)"
    state = make_state(reason=reason, status_reason=f"Task failed to start - {reason}")
    assert judge(state).words == (f"Task failed to start - {reason}",)
    assert judge(make_state(reason=reason, status_reason="Task failed to start")).words == (reason,)


def test_unknown_words_are_said() -> None:
    verdict = judge(make_state(status_reason="Something new of AWS.", exit_code=9))
    assert verdict.message == (
        "Batch job job-1 failed: its command ended with exit code 9.\n"
        "Batch says: Something new of AWS."
    )


def test_job_that_never_started_and_says_nothing() -> None:
    verdict = judge(JobState("job-1", "FAILED", "", ()))
    assert verdict.kind == "unknown"
    assert "nothing says why" in verdict.message
