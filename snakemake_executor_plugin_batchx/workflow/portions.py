"""How Snakemake hands its jobs over: in portions, where `--max-jobs-per-timespan` limits them."""

from typing import Any

PATIENCE = 1.5
"""How many times its span Snakemake may take to come with the next portion: it has to choose the
jobs first."""


def find_seconds_to_next(scheduler: Any) -> float:
    """Return how long to wait for a portion that may follow, 0 where the limit was not reached.

    `scheduler` is Snakemake's (snakemake/scheduling/job_scheduler.py, JobRateLimiter).
    """
    limiter = scheduler.job_rate_limiter
    if limiter is None or limiter.get_free_jobs():
        return 0.0
    return float(limiter.timespan) * PATIENCE
