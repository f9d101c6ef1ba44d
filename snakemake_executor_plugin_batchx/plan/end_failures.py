"""Failures of jobs that were ended from outside: their time, their queue, their host, a user."""

from snakemake_executor_plugin_batchx.plan.failure_row import FailureRow, Place, RetriedBy

SPOT_ADVICE = (
    "Start the workflow again, or use an on-demand queue (as --batchx-fallback-queue, it is used "
    "by itself)."
)

LIMIT_HIT = "Canceled by JobStateTimeLimit action due to reason: "

HOST_LOSSES = (
    FailureRow(
        kind="infrastructure",
        place=Place.STATUS,
        pattern=r"Host EC2 .*terminated",
        shown="Host EC2 (instance i-…) terminated.",
        sentence="its host was taken away (spot) or lost",
        advice=SPOT_ADVICE,
        retried_by=RetriedBy.BATCH,
        retried=(("onStatusReason", "Host EC2*"),),
    ),
    FailureRow(
        kind="infrastructure",
        place=Place.STATUS,
        pattern=r"Your Spot Task was interrupted",
        shown="Your Spot Task was interrupted.",
        sentence="Fargate Spot took its host away",
        advice=SPOT_ADVICE,
        retried_by=RetriedBy.BATCH,
        is_plain=True,
        retried=(("onStatusReason", "Your Spot Task was interrupted*"),),
    ),
    FailureRow(
        kind="infrastructure",
        place=Place.STATUS,
        pattern=r"agent (was |is |has )?disconnected",
        shown="ECS agent disconnected",
        sentence="its host lost the connection to ECS",
        advice="Start the workflow again.",
        retried_by=RetriedBy.SNAKEMAKE,
        is_plain=True,
    ),
)
"""What Batch says of a host that went away: it counts more than how the job ended there."""

ENDS = (
    FailureRow(
        kind="time",
        place=Place.STATUS,
        pattern=r"Job attempt duration exceeded timeout",
        shown="Job attempt duration exceeded timeout",
        sentence="it ran longer than its time limit{time_limit}",
        advice=(
            "Raise runtime of the rule (minutes). With retries: and a runtime that grows with "
            "attempt, Snakemake tries again with more."
        ),
        retried_by=RetriedBy.SNAKEMAKE,
        is_plain=True,
    ),
    FailureRow(
        kind="infrastructure",
        place=Place.STATUS,
        pattern=r"JobStateTimeLimit.*CAPACITY:",
        shown=f"{LIMIT_HIT}CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        sentence=(
            "AWS had no free instance of the types that its queue allows, and the queue's limit "
            "for waiting cancelled it"
        ),
        advice=(
            "Allow more instance types or zones in the compute environment, or use another queue "
            "(as --batchx-fallback-queue, it is used by itself)."
        ),
        retried_by=RetriedBy.SNAKEMAKE,
    ),
    FailureRow(
        kind="settings",
        place=Place.STATUS,
        pattern=r"JobStateTimeLimit.*COMPUTE_ENVIRONMENT_MAX_RESOURCE",
        shown=f"{LIMIT_HIT}MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
        sentence=(
            "it asks for more vCPUs than a compute environment of its queue may have (maxvCpus), "
            "and the queue's limit for waiting cancelled it"
        ),
        advice="Raise maxvCpus of the compute environment, or lower threads of the rule.",
    ),
    FailureRow(
        kind="settings",
        place=Place.STATUS,
        pattern=r"JobStateTimeLimit.*JOB_RESOURCE_REQUIREMENT",
        shown=f"{LIMIT_HIT}MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
        sentence=(
            "no instance type of its queue has the vCPUs, memory ({memory_mib} MiB) or GPUs that "
            "it asks for, and the queue's limit for waiting cancelled it"
        ),
        advice=(
            "Allow larger instance types in the compute environment, or lower threads, mem_mb or "
            "gpu of the rule: of an instance's memory some hundred MiB are the host's own."
        ),
    ),
    FailureRow(
        kind="permission",
        place=Place.STATUS,
        pattern=r"JobStateTimeLimit.*SERVICE_ROLE_PERMISSIONS",
        shown=f"{LIMIT_HIT}MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS",
        sentence=(
            "Batch's service role may not start instances for its queue, and the queue's limit "
            "for waiting cancelled it"
        ),
        advice="Give the compute environment the role AWSServiceRoleForBatch.",
    ),
    FailureRow(
        kind="waiting",
        place=Place.STATUS,
        pattern=r"JobStateTimeLimit",
        shown=f"{LIMIT_HIT}UNDETERMINED",
        sentence="it waited for a place for longer than its queue allows, which cancelled it",
        advice="See what the queue waits for, or raise maxTimeSeconds of its time limit.",
        retried_by=RetriedBy.SNAKEMAKE,
    ),
    FailureRow(
        kind="ended",
        place=Place.STATUS,
        pattern=r"Ended by batchx jobs sweep",
        shown="Ended by batchx jobs sweep.",
        sentence="batchx jobs sweep ended it",
        advice="Start the workflow again when you want it.",
        is_plain=True,
    ),
    FailureRow(
        kind="ended",
        place=Place.FLAG,
        pattern=r"terminated",
        shown="isTerminated, and the reason that was given",
        sentence="somebody terminated it, with the reason: {given_reason}",
        advice="Start the workflow again when you want it.",
        is_plain=True,
    ),
    FailureRow(
        kind="ended",
        place=Place.FLAG,
        pattern=r"cancelled",
        shown="isCancelled, and the reason that was given",
        sentence="somebody cancelled it before it started, with the reason: {given_reason}",
        advice="Start the workflow again when you want it.",
        is_plain=True,
    ),
    *HOST_LOSSES,
    FailureRow(
        kind="ended",
        place=Place.STATUS,
        pattern=r"Dependent Job failed",
        shown="Dependent Job failed",
        sentence="a job that it depends on failed",
        advice="Look at that job; batchx itself makes no such dependencies.",
        is_plain=True,
    ),
    FailureRow(
        kind="memory",
        place=Place.WORDS,
        pattern=r"container init was OOM-killed",
        shown="CannotStartContainerError: … container init was OOM-killed (memory limit too low?)",
        sentence="its limit of {memory_mib} MiB of memory is too low to start its container",
        advice="Raise mem_mb of the rule.",
        is_plain=True,
    ),
    FailureRow(
        kind="memory",
        place=Place.CONTROL_GROUP,
        pattern=r"oom_kill",
        shown="oom_kill, counted by the kernel",
        sentence=(
            "the kernel killed a process of it, for it needed more memory than its limit of "
            "{memory_mib} MiB{peak}{besides}"
        ),
        advice=(
            "Raise mem_mb of the rule. With retries: and a mem_mb that grows with attempt, "
            "Snakemake tries again with more."
        ),
        retried_by=RetriedBy.SNAKEMAKE,
    ),
    FailureRow(
        kind="memory",
        place=Place.WORDS,
        pattern=r"OutOfMemory",
        shown="OutOfMemoryError: Container killed due to memory usage",
        sentence="it needed more memory than its limit of {memory_mib} MiB{peak}{besides}",
        advice=(
            "Raise mem_mb of the rule. With retries: and a mem_mb that grows with attempt, "
            "Snakemake tries again with more."
        ),
        retried_by=RetriedBy.SNAKEMAKE,
        is_plain=True,
    ),
)
"""In the order in which they are tried."""
