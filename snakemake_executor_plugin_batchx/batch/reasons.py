"""Why heads end jobs, as Batch tells it of them afterwards."""

CANCELLED = "The Snakemake run was cancelled by its user."
CLOSED = "The Snakemake run has ended."
OBSOLETE = "A later run does this work anew: code, inputs, image or resources have changed."
ABANDONED = "The head could not go on with this job: for Snakemake it has failed."
WAITED = "It was RUNNABLE for as long as batchx_runnable_timeout lets a job wait."
SWEPT = "Ended by batchx jobs sweep."

OF_HEADS = (CANCELLED, CLOSED, OBSOLETE, ABANDONED, WAITED, SWEPT)


def is_of_head(status_reason: str) -> bool:
    """Tell whether a job was ended by a head, whatever Batch adds to what it was told."""
    return any(reason in status_reason for reason in OF_HEADS)
