"""What a row of the table of failures says, and where it looks."""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Place(StrEnum):
    """Where the evidence of a failure stands."""

    STATUS = "statusReason"
    """What Batch says of the job or its last attempt."""
    WORDS = "reason or statusReason"
    """What the host's agent says of a container; on Fargate often told as the statusReason."""
    FLAG = "isTerminated or isCancelled"
    """That somebody ended the job."""
    CONTROL_GROUP = "control group"
    """What the kernel counted in the job's container (`oom_kill`)."""
    PROBLEM = "problem"
    """The sentence of a job that failed for another reason than its tool."""
    OUTPUT = "output"
    """The last lines that the tool wrote."""
    ENTRY = "exit code of the entry"
    """Of a container that ended without a result of its own."""
    AFTERWARDS = "exit code of the container after a command that ended well"
    """Of a container whose job left a result with exit code 0; never 0."""
    EXIT_CODE = "exit code"
    """The tool's own, or the container's where the tool's is not known; never 0."""
    NOTHING = "nothing"
    """No evidence is needed."""


OF_BATCH = frozenset({Place.STATUS, Place.WORDS, Place.FLAG})
"""Places where AWS tells of a failure, not the job itself."""


class RetriedBy(StrEnum):
    """Who tries a failed job again to some purpose; Snakemake does so for any, with `retries:`."""

    BATCH = "Batch"
    SNAKEMAKE = "Snakemake"
    NOBODY = "nobody"


@dataclass(frozen=True)
class FailureRow:
    """Evidence of a failure (a pattern and the place to look), what it means, and what to do.

    `sentence` is a clause about the job ("it …"), `advice` whole sentences; both may hold the
    facts of batch/verdict.py in braces. `shown` is the evidence as the documentation shows it. With
    `is_plain` the sentence says all that the evidence does. `retried` are the words as
    evaluateOnExit takes them, where another host may mend the failure: what they begin with, before
    a trailing *
    (https://docs.aws.amazon.com/batch/latest/APIReference/API_EvaluateOnExit.html).
    """

    kind: str
    place: Place
    pattern: str
    shown: str
    sentence: str
    advice: str
    retried_by: RetriedBy = RetriedBy.NOBODY
    is_plain: bool = False
    retried: tuple[tuple[str, str], ...] = ()


KINDS = MappingProxyType(
    {
        "success": "the job succeeded and its outputs are there",
        "tool": "the rule's own command or script failed",
        "output": "the command ended well but did not make all outputs of the rule",
        "memory": "the job needed more memory than it may have",
        "time": "the job ran longer than it may",
        "disk": "a disk was full",
        "image": "the image is missing, may not be pulled, or does not fit the host or the rule",
        "start": "the container could not be made or started",
        "permission": "a role of AWS lacks a permission or may not be used",
        "settings": "what is asked of Batch cannot be had",
        "waiting": "the job waited for longer than its queue or `batchx_runnable_timeout` allows",
        "infrastructure": "a host or the network failed; the fallback queue takes the job, if any",
        "ended": "somebody ended the job",
        "batchx": "batchx could not prepare or finish the job",
        "duplicate": "another submission of the same job has its work",
        "lost": "Batch does not know the job any more",
        "bug": "an error in batchx itself",
        "unknown": "nothing says why",
    }
)
"""The kinds of verdicts, with what they mean: an interface of the journal."""
