"""Where the job runtime for a queue's processors comes from."""

from snakemake_executor_plugin_batchx.checks.finding import Finding, make_ok
from snakemake_executor_plugin_batchx.checks.table import RUNTIME


def judge_runtime(architecture: str, buildable: str | None, problem: str | None) -> Finding:
    """Return who builds the runtime's layers for an architecture.

    `buildable` is the architecture for which this machine can, None with a `problem` if for none.
    """
    if architecture == buildable:
        return make_ok(RUNTIME, f"this machine builds it for {architecture}")
    why = problem.rstrip(".") if problem else f"this machine builds it for {buildable} only"
    return make_ok(
        RUNTIME, f"a job of the first run builds it for {architecture} in the account ({why})"
    )
