from __future__ import annotations

from typing import Any

import pytest
from batch_world import World

from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.retry import is_retried

EXITED = "Essential container in task exited"


def decide(
    rules: list[dict[str, str]],
    exit_code: int | None = 1,
    reason: str | None = None,
    status_reason: str = EXITED,
    attempts: tuple[int, int] = (1, 3),
) -> bool:
    made, allowed = attempts
    return is_retried(
        {"attempts": allowed, "evaluateOnExit": rules},
        made,
        exit_code=exit_code,
        reason=reason,
        status_reason=status_reason,
    )


RETRY_SPOT = {"onStatusReason": "Host EC2*", "action": "RETRY"}
EXIT_REST = {"onReason": "*", "action": "exit"}


@pytest.mark.parametrize(
    ("rules", "facts", "expected"),
    [
        ([], {}, True),
        ([], {"attempts": (3, 3)}, False),
        ([RETRY_SPOT], {}, True),  # no rule matches: retried
        ([RETRY_SPOT, EXIT_REST], {}, False),
        ([RETRY_SPOT, EXIT_REST], {"status_reason": "Host EC2 (i-1) terminated."}, True),
        ([RETRY_SPOT, EXIT_REST], {"status_reason": "host EC2"}, False),
        ([{"onExitCode": "13*", "action": "EXIT"}], {"exit_code": 137}, False),
        ([{"onExitCode": "13*", "action": "EXIT"}], {"exit_code": 1}, True),
        ([{"onExitCode": "1", "action": "EXIT"}], {"exit_code": 137}, True),
        ([{"onExitCode": "1", "onReason": "x*", "action": "EXIT"}], {"reason": "y"}, True),
        ([{"onExitCode": "1", "onReason": "x*", "action": "EXIT"}], {"reason": "xy"}, False),
        ([{"onExitCode": "*", "action": "EXIT"}], {"exit_code": None}, False),
    ],
)
def test_the_first_rule_that_matches_decides(
    rules: list[dict[str, str]], facts: dict[str, Any], expected: bool
) -> None:
    assert decide(rules, **facts) is expected


def test_a_retried_job_is_runnable_again_and_keeps_its_attempts(world: World) -> None:
    job_id = world.submit(retryStrategy={"attempts": 2})
    world.begin(job_id)
    world.end(job_id, 1)
    assert world.status(job_id) == "STARTING"
    assert world.find_start(job_id).containers[0].environment["AWS_BATCH_JOB_ATTEMPT"] == "2"
    world.run(job_id, exit_code=7)
    job = world.describe(job_id)
    assert job["status"] == "FAILED"
    assert [attempt["container"]["exitCode"] for attempt in job["attempts"]] == [1, 7]


def test_an_attempt_whose_host_is_lost_has_no_exit_code(world: World) -> None:
    job_id = world.submit(retryStrategy={"attempts": 2, "evaluateOnExit": [RETRY_SPOT, EXIT_REST]})
    for _ in range(2):
        world.batch.report_host_lost(world.begin(job_id), "i-0123456789abcdef0")
        world.advance()
    job = world.describe(job_id)
    assert job["status"] == "FAILED"
    assert job["statusReason"] == "Host EC2 (instance i-0123456789abcdef0) terminated."
    assert [each["statusReason"] for each in job["attempts"]] == [job["statusReason"]] * 2
    assert all("exitCode" not in each["container"] for each in job["attempts"])


def test_a_terminated_job_whose_host_is_lost_keeps_its_reason(world: World) -> None:
    job_id = world.submit(retryStrategy={"attempts": 2, "evaluateOnExit": [RETRY_SPOT]})
    attempt_id = world.begin(job_id)
    world.call("TerminateJob", jobId=job_id, reason="enough")
    world.batch.report_host_lost(attempt_id, "i-0123456789abcdef0")
    world.advance()
    assert world.describe(job_id)["statusReason"] == "enough"


def test_an_exit_code_of_zero_is_not_evaluated(world: World) -> None:
    rules = [{"onExitCode": "0", "action": "RETRY"}]
    job_id = world.submit(retryStrategy={"attempts": 2, "evaluateOnExit": rules})
    world.run(job_id)
    assert world.status(job_id) == "SUCCEEDED"


def test_retry_rules_need_attempts_and_a_pattern(world: World) -> None:
    with pytest.raises(ClientError, match="RetryAttempts must be provided"):
        world.submit(retryStrategy={"evaluateOnExit": []})
    with pytest.raises(ClientError, match="at least one pattern"):
        world.submit(retryStrategy={"attempts": 2, "evaluateOnExit": [{"action": "EXIT"}]})
