"""What Batch tries again by itself: failures of hosts and network, never those of the tool."""

from typing import Any

from snakemake_executor_plugin_batchx.plan.failures import FAILURES

DEFAULT_RETRIES = 2


def make_retry_strategy(retries: int) -> dict[str, Any]:
    """Return the `retryStrategy` of a definition or a job for so many further attempts.

    Without a match Batch retries (https://docs.aws.amazon.com/batch/latest/userguide/
    job_retries.html), hence the last row; AWS takes five rows at most.
    """
    rules = [{name: glob, "action": "RETRY"} for row in FAILURES for name, glob in row.retried]
    rules.append({"onReason": "*", "action": "EXIT"})
    return {"attempts": retries + 1, "evaluateOnExit": rules}
