"""Why jobs fail, as one table: Batch's words, what they mean, and whether Batch tries again.

A tool's own failures are none of these: they are Snakemake's to retry (`retries:`).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class FailureRow:
    """Words of Batch's (a pattern), what they mean, and what the user can do.

    `retried` are the words as evaluateOnExit takes them, where another host may mend the failure:
    what they begin with, before a trailing *
    (https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html).
    """

    kind: str
    pattern: str
    sentence: str
    retried: tuple[tuple[str, str], ...] = ()


FAILURES = (
    FailureRow(
        "memory",
        r"OutOfMemoryError",
        "it needed more memory than its limit of {memory_mib} MiB: raise mem_mb of the rule",
    ),
    FailureRow(
        "time",
        r"Job attempt duration exceeded timeout",
        "it ran longer than its limit: raise runtime of the rule",
    ),
    FailureRow(
        "infrastructure",
        r"Host EC2 .*terminated|Your Spot Task was interrupted",
        "its host was taken away (spot) or lost, on every attempt: start the workflow again, or "
        "use an on-demand queue (as --batchx-fallback-queue, it is used by itself)",
        (
            ("onStatusReason", "Host EC2*"),
            ("onStatusReason", "Your Spot Task was interrupted*"),
        ),
    ),
    FailureRow(
        "disk",
        r"no space left on device",
        "the host's disk was full: give the queue's instances a larger volume",
    ),
    FailureRow(
        "image",
        r"CannotPull.*(denied|unauthorized|no basic auth|not authorized|403|401)",
        "its image {image} may not be pulled or does not exist: check its name; for ECR the "
        "instance role (or --batchx-execution-role) needs ecr:GetAuthorizationToken, "
        "ecr:BatchGetImage and ecr:GetDownloadUrlForLayer",
    ),
    FailureRow(
        "image",
        r"CannotPull.*(not found|manifest unknown|no such image|not exist)",
        "its image {image} does not exist: check name and tag of the rule's container",
    ),
    FailureRow(
        "image",
        r"CannotPull",
        "its image {image} could not be pulled: see the reason",
        # With the two rows above it: evaluateOnExit cannot tell them apart.
        (("onReason", "CannotPull*"),),
    ),
    FailureRow(
        "infrastructure",
        r"DockerTimeoutError|CannotInspectContainerError",
        "Docker on its host did not answer in time: start the workflow again",
        (("onReason", "DockerTimeout*"),),
    ),
    FailureRow(
        "start",
        r"CannotStartContainerError",
        "its container could not be started: see the reason",
    ),
)
"""First match wins."""
