"""What Batch tries again by itself."""

from typing import Any

import pytest

from snakemake_executor_plugin_batchx.local.definitions import check_retry_strategy
from snakemake_executor_plugin_batchx.local.retry import is_retried
from snakemake_executor_plugin_batchx.plan.failures import FAILURES
from snakemake_executor_plugin_batchx.plan.options import MOST_RETRIES
from snakemake_executor_plugin_batchx.plan.retries import DEFAULT_RETRIES, make_retry_strategy

EXITED = "Essential container in task exited"


def is_tried_again(retries: int, attempts_made: int = 1, **facts: Any) -> bool:
    known = {"exit_code": None, "reason": None, "status_reason": EXITED, **facts}
    return is_retried(make_retry_strategy(retries), attempts_made, **known)


@pytest.mark.parametrize("retries", range(MOST_RETRIES + 1))
def test_the_strategy_is_what_batch_takes(retries: int) -> None:
    strategy = make_retry_strategy(retries)
    check_retry_strategy(strategy)
    assert strategy["attempts"] == retries + 1
    assert strategy["evaluateOnExit"] == make_retry_strategy(0)["evaluateOnExit"]


def test_the_rows_come_from_the_table_of_failures_and_the_last_ends_the_rest() -> None:
    # https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html: five at most
    rows = make_retry_strategy(DEFAULT_RETRIES)["evaluateOnExit"]
    assert len(rows) <= 5
    *retried, last = rows
    assert last == {"onReason": "*", "action": "EXIT"}
    assert {row.pop("action") for row in retried} == {"RETRY"}
    assert [tuple(*row.items()) for row in retried] == [
        glob for failure in FAILURES for glob in failure.retried
    ]


@pytest.mark.parametrize(
    "facts",
    [
        {"status_reason": "Host EC2 (instance i-0123456789abcdef0) terminated."},
        {"status_reason": "Your Spot Task was interrupted."},
        {"reason": "CannotPullContainerError: pull image manifest has been retried 5 time(s)"},
        {"reason": "DockerTimeoutError: Could not transition to started; timed out after 3m0s"},
    ],
)
def test_failures_of_hosts_and_network_are_tried_again(facts: dict[str, Any]) -> None:
    assert is_tried_again(1, **facts)
    assert not is_tried_again(1, attempts_made=2, **facts)
    assert not is_tried_again(0, **facts)


@pytest.mark.parametrize(
    "facts",
    [
        {"exit_code": 1},
        {"exit_code": 137},
        {"exit_code": 137, "reason": "OutOfMemoryError: Container killed due to memory usage"},
        {"reason": "CannotStartContainerError: Error response from daemon: no such file"},
        {"status_reason": "Job attempt duration exceeded timeout"},
    ],
)
def test_failures_of_the_tool_are_snakemakes_to_try_again(facts: dict[str, Any]) -> None:
    assert not is_tried_again(MOST_RETRIES, **facts)
