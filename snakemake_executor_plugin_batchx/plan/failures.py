"""Why jobs fail, as one table: what is told of a failure, what it means, and who tries again."""

import re
from collections.abc import Iterable, Mapping

from snakemake_executor_plugin_batchx.plan.end_failures import ENDS, HOST_LOSSES
from snakemake_executor_plugin_batchx.plan.exit_failures import EXITS
from snakemake_executor_plugin_batchx.plan.failure_row import FailureRow, Place
from snakemake_executor_plugin_batchx.plan.pull_failures import PULLS
from snakemake_executor_plugin_batchx.plan.start_failures import STARTS

FAILURES: tuple[FailureRow, ...] = (*ENDS, *PULLS, *STARTS, *EXITS)
"""First match wins; the last row matches always."""

Evidence = Mapping[Place, Iterable[str]]
"""What is told of a failure, by the place where it stands."""


def find_failure(evidence: Evidence) -> FailureRow:
    """Return the row of the table that explains a failure."""
    return next(row for row in FAILURES if is_row_of(row, evidence))


def is_host_loss(status_reason: str) -> bool:
    """Tell whether Batch says that a host went away."""
    return any(is_row_of(row, {Place.STATUS: [status_reason]}) for row in HOST_LOSSES)


def is_row_of(row: FailureRow, evidence: Evidence) -> bool:
    """Tell whether a row explains a failure, whatever those before it say."""
    if row.place is Place.NOTHING:
        return True
    texts = evidence.get(row.place, ())
    return any(re.search(row.pattern, text, re.IGNORECASE | re.DOTALL) for text in texts)
