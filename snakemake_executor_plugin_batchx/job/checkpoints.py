"""Tells the Snakemake in a job which checkpoints are done.

Snakemake itself notes that of checkpoints it finds in its DAG. In a job their own inputs are
missing, so they are not in the DAG, and an input function that asks for one would get the answer
that it has still to run.
"""

from collections.abc import Iterable

import snakemake.workflow
from snakemake.checkpoints import Checkpoints


def know_checkpoints(outputs: Iterable[str]) -> None:
    """Make every workflow of this process begin with these checkpoint outputs as created.

    For the job's own process only: a workflow makes its `Checkpoints` itself
    (snakemake/workflow.py, Workflow.__post_init__), and there is no other way in before its
    input functions are called.
    """
    known = frozenset(outputs)

    class KnownCheckpoints(Checkpoints):  # type: ignore[misc]
        """Checkpoints of which some are done."""

        def __init__(self) -> None:
            super().__init__()
            self.created_output.update(known)

    snakemake.workflow.Checkpoints = KnownCheckpoints
