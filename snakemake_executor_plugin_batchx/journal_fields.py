"""The events of a run's journal and their fields: what other tools may rely on.

`docs/journal.md` is made from it, and the tests hold every journal that they write against it.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class FieldRow:
    """A field of an event: `kind` is what JSON has there, `is_null` whether it may be null."""

    name: str
    kind: str
    meaning: str
    is_null: bool = False
    is_optional: bool = False


@dataclass(frozen=True)
class EventRow:
    """An event: when it is written, and its fields."""

    name: str
    meaning: str
    fields: tuple[FieldRow, ...]


COMMON = (
    FieldRow("v", "whole number", "version of this interface: 2"),
    FieldRow("t", "number", "when, in seconds since 1970 (UTC)"),
    FieldRow("event", "text", "which event"),
)
"""Fields of every line."""

SUBMISSION = FieldRow("submission", "text", "the job's name within the run, such as 000012")
BATCH_JOB_ID = FieldRow(
    "batch_job_id", "text", "id of the job on AWS Batch; of an array's child with :index"
)

JOB_FIELDS = (
    SUBMISSION,
    FieldRow("label", "text", "what messages call it, with its wildcards"),
    FieldRow("rules", "list of texts", "its rules; more than one of a group"),
    FieldRow("attempt", "whole number", "which of Snakemake's attempts (retries) it is"),
    FieldRow("fingerprint", "text", "hash of all that decides its result"),
    FieldRow("work", "text", "hash of what it makes: the same in later runs"),
    FieldRow("prefix", "text", "prefix of its lease and result under the bucket"),
)
"""Of each of `jobs`."""

DEMAND_FIELDS = (
    FieldRow(
        "resources",
        "object",
        "what each job asks for: `vcpus`, `memory_mib` (`overhead_mib` of it for batchx itself), "
        "`gpus`, `disk_mib`, `storage_gib` (Fargate), `image`",
    ),
    FieldRow(
        "environments",
        "list of texts",
        "types of the queue's compute environments: EC2, SPOT, FARGATE, FARGATE_SPOT",
        is_optional=True,
    ),
    FieldRow("architecture", "text", "processor: amd64 or arm64", is_optional=True),
)

ENDED = "of a job that has ended: "

TIME_FIELDS = (
    FieldRow(
        "created",
        "number",
        f"{ENDED}when Batch took it, by its own clock, as are the others",
        is_null=True,
        is_optional=True,
    ),
    FieldRow(
        "started",
        "number",
        f"{ENDED}when its last attempt began to run",
        is_null=True,
        is_optional=True,
    ),
    FieldRow("stopped", "number", f"{ENDED}when it ended", is_null=True, is_optional=True),
    FieldRow(
        "starts",
        "list of starts",
        f"{ENDED}its attempts (below); empty of children of large arrays, of which `told` may tell",
        is_optional=True,
    ),
)

START_FIELDS = (
    FieldRow("started", "number", "when its container ran, if it did", is_null=True),
    FieldRow("stopped", "number", "when it ended", is_null=True),
    FieldRow("host", "text", "ARN of its container instance: what `host` tells of", is_null=True),
)
"""Of each of `starts`."""

SUMMARY_FIELDS = (
    FieldRow("jobs", "whole number", "jobs submitted"),
    FieldRow("definitions", "whole number", "job definitions registered"),
    FieldRow("api_calls", "whole number", "calls to AWS Batch"),
    FieldRow("seconds", "number", "time from the run's first job to its end"),
)

EVENTS = (
    EventRow(
        "run",
        "the run begins",
        (
            FieldRow("run_id", "text", "the run's id, which is also its tag `batchx:run`"),
            FieldRow("batchx", "text", "version of batchx"),
            FieldRow("queue", "text", "the default job queue"),
            FieldRow("root", "text", "URL of the S3 root"),
            FieldRow("endpoint", "text", "URL of AWS Batch"),
        ),
    ),
    EventRow(
        "intent",
        "jobs are about to be submitted together; it is on the disk before they are",
        (
            FieldRow("name", "text", "name of the Batch job or array"),
            FieldRow("queue", "text", "its job queue"),
            FieldRow("definition", "text", "its job definition"),
            FieldRow("spec_key", "text", "key of its spec: what `submitted` refers to"),
            *DEMAND_FIELDS,
            FieldRow("jobs", "list of jobs", "in the order of the array's indices"),
        ),
    ),
    EventRow(
        "submitted",
        "AWS Batch has taken them",
        (
            FieldRow("spec_key", "text", "as in the intent"),
            FieldRow("batch_job_id", "text", "id of the job or of the array"),
        ),
    ),
    EventRow(
        "adopted",
        "a job of an earlier run is taken up",
        (
            FieldRow("name", "text", "name of the Batch job or array"),
            FieldRow("queue", "text", "its job queue"),
            FieldRow("spec_key", "text", "key of its spec"),
            BATCH_JOB_ID,
            *(replace(each, is_optional=True) for each in DEMAND_FIELDS),
            FieldRow("jobs", "list of jobs", "that one"),
        ),
    ),
    EventRow(
        "follows",
        "another submission has the job's work and is watched in its place",
        (SUBMISSION, BATCH_JOB_ID),
    ),
    EventRow(
        "fallback",
        "the job goes to its other queue",
        (SUBMISSION, FieldRow("queue", "text", "that queue")),
    ),
    EventRow(
        "state",
        "Batch told of a new status. Of large arrays only some states of children are seen",
        (
            SUBMISSION,
            FieldRow("status", "text", "SUBMITTED, PENDING, RUNNABLE, STARTING, RUNNING, …"),
            FieldRow("reason", "text", "Batch's statusReason, often empty"),
            FieldRow("attempts", "whole number", "starts that have ended"),
            *TIME_FIELDS,
        ),
    ),
    EventRow(
        "told",
        "Batch has told, after the state, of the attempts of a job that has ended",
        (BATCH_JOB_ID, TIME_FIELDS[-1]),
    ),
    EventRow(
        "host",
        "ECS and EC2 have told what a host is",
        (
            FieldRow("host", "text", "ARN of the container instance"),
            FieldRow("instance_id", "text", "id of the instance"),
            FieldRow("instance_type", "text", "such as m5.large", is_null=True),
            FieldRow("zone", "text", "availability zone", is_null=True),
            FieldRow("market", "text", "`on-demand` or `spot`", is_null=True),
        ),
    ),
    EventRow(
        "verdict",
        "the job has ended",
        (
            SUBMISSION,
            FieldRow("batch_job_id", "text", "id of the job that decided", is_null=True),
            FieldRow("kind", "text", "`success`, or a kind of failure (below)"),
            FieldRow("sentence", "text", "why it failed, empty for a success"),
            FieldRow("exit_code", "whole number", "the tool's, as far as known", is_null=True),
            FieldRow("log", "text", "file that has its output", is_null=True),
            FieldRow("usage", "object", "what it used (below), if it told", is_null=True),
        ),
    ),
    EventRow("reported", "Snakemake has recorded the job as done or failed", (SUBMISSION,)),
    EventRow(
        "waited",
        "Batch has been asked to cancel jobs that were RUNNABLE for too long",
        (FieldRow("batch_job_ids", "list of texts", "those"),),
    ),
    EventRow(
        "cancel",
        "the run is stopped and its jobs are ended",
        (FieldRow("batch_job_ids", "list of texts", "what is ended: jobs and arrays"),),
    ),
    EventRow("stopped", "the run ends, and a later one may take up jobs", SUMMARY_FIELDS),
    EventRow(
        "end",
        "the run ends; no later run looks for its jobs",
        (
            *(FieldRow(f.name, f.kind, f.meaning, is_optional=True) for f in SUMMARY_FIELDS),
            FieldRow("taken_up_by", "text", "the run that took up the rest", is_optional=True),
        ),
    ),
)

USAGE_FIELDS = (
    FieldRow("wall_seconds", "number", "from the job's first step to its last"),
    FieldRow(
        "cpu_seconds",
        "number",
        "CPU of the container, or of the job's Snakemake and tools where that is not counted",
    ),
    FieldRow("stage_in_seconds", "number", "until its files were in place"),
    FieldRow("stage_out_seconds", "number", "for sending what it made"),
    FieldRow("bytes_in", "whole number", "bytes fetched"),
    FieldRow("bytes_out", "whole number", "bytes sent"),
    FieldRow(
        "peak_memory_mib",
        "number",
        "highest memory of the container, or of the largest process where that is not counted",
        is_null=True,
    ),
    FieldRow("oom_kills", "whole number", "processes ended for want of memory"),
    FieldRow(
        "disk_mib",
        "number",
        "what its folder held at its end, before it was removed",
        is_null=True,
    ),
)
"""Of `usage` in a verdict."""
