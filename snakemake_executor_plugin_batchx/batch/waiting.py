"""Why a RUNNABLE job waits: from what Batch answers to a clause and a sentence.

Only what can be known of a queue without looking into the account's instances and networks; where
that is too little, the sentence names what to look at.
"""

from dataclasses import dataclass

from snakemake_executor_plugin_batchx.batch.queue_view import (
    Find,
    QueueView,
    WaitingJob,
    find_above_max,
    find_at_max,
    find_capacity,
    find_consumable,
    find_disabled,
    find_idle_instances,
    find_invalid,
    find_near_max,
    find_no_order,
    find_others,
    find_queue_disabled,
    find_starting,
    find_too_large,
    find_updating,
    find_working,
    make_platform_finder,
    make_reason_finder,
    make_status_finder,
)
from snakemake_executor_plugin_batchx.plan.platform import EC2_TYPES, FARGATE_TYPES

STUCK_PAGE = "https://docs.aws.amazon.com/batch/latest/userguide/job_stuck_in_runnable"
API_PAGE = "https://docs.aws.amazon.com/batch/latest/APIReference"


@dataclass(frozen=True)
class Waiting:
    """Why jobs wait: a clause for a status line, a sentence with the fix for the log.

    With `is_usual` there is nothing to mend; with `is_told` the log is to have the sentence.
    """

    kind: str
    clause: str
    sentence: str
    is_usual: bool = False
    is_told: bool = True


@dataclass(frozen=True)
class Cause:
    """A row: `find` returns what to put into the texts, None where this is not the cause.

    `fix` is what goes on after the clause in the sentence, `source` where it is documented.
    """

    kind: str
    clause: str
    fix: str
    find: Find
    source: str
    is_usual: bool = False
    is_told: bool = True


def explain_waiting(job: WaitingJob, view: QueueView) -> Waiting | None:
    """Return why a job waits, None where nothing that is known explains it."""
    for cause in CAUSES:
        values = cause.find(job, view)
        if values is not None:
            clause = cause.clause.format(queue=view.queue, **values)
            fix = cause.fix.format(queue=view.queue, **values)
            sentence = f"{clause[0].upper()}{clause[1:]}: {fix}."
            return Waiting(cause.kind, clause, sentence, cause.is_usual, cause.is_told)
    return None


CHECK_INSTANCES = (
    "they may work for another queue, or not be able to join: look whether instances are there "
    "(ECS console, {clusters}). If none is: their instance profile needs "
    "AmazonEC2ContainerServiceforEC2Role, their subnets a way to ECS, ECR and CloudWatch Logs "
    "(public addresses, NAT or VPC endpoints), their security group outbound rules, and an AMI of "
    "your own the ECS agent with the awslogs driver"
)

CAUSES = (
    Cause(
        "too_large",
        "it asks for {asked}, but {largest}",
        "lower {setting} of the rule, name another queue (batchx_queue), or allow larger instance "
        "types in a compute environment of queue {queue}",
        find_too_large,
        f"{STUCK_PAGE}_misconfiguration.html",
    ),
    Cause(
        "above_max",
        "it asks for {asked} vCPU, but the queue's compute environments may have {most} at most",
        "lower threads of the rule, name another queue (batchx_queue), or raise maxvCpus of a "
        "compute environment of queue {queue}",
        find_above_max,
        f"{STUCK_PAGE}_misconfiguration.html",
    ),
    Cause(
        "job_resource_requirement",
        "no instance type of the queue has what it asks for",
        "lower threads, mem_mb or gpu of the rule, name another queue (batchx_queue), or allow "
        "larger instance types in a compute environment of queue {queue}",
        make_reason_finder("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT"),
        f"{STUCK_PAGE}_misconfiguration.html",
    ),
    Cause(
        "compute_environment_max_resource",
        "it asks for more vCPU than the queue's compute environments may have",
        "lower threads of the rule, name another queue (batchx_queue), or raise maxvCpus of a "
        "compute environment of queue {queue}",
        make_reason_finder("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE"),
        f"{STUCK_PAGE}_misconfiguration.html",
    ),
    Cause(
        "service_role_permissions",
        "the service role of the queue's compute environments lacks permissions",
        "compare it with AWS's policy AWSBatchServiceRole, or let the compute environments of "
        "queue {queue} use the service-linked role AWSServiceRoleForBatch",
        make_reason_finder("MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS"),
        f"{STUCK_PAGE}_misconfiguration.html",
    ),
    Cause(
        "ec2_instance_configuration_unsupported",
        "the instance types of the queue cannot be started as its compute environments say",
        "look whether the subnets' zones have these types, and whether the launch template fits "
        "them, in the compute environments of queue {queue}",
        make_reason_finder("MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED"),
        f"{STUCK_PAGE}_misconfiguration.html",
    ),
    Cause(
        "insufficient_instance_capacity",
        "AWS has no capacity left of {what}",
        "it starts when there is some again; allow more instance types or zones in the compute "
        "environments of queue {queue}, or name another queue (batchx_queue; "
        "--batchx-runnable-timeout with --batchx-fallback-queue changes to one by itself)",
        find_capacity,
        f"{STUCK_PAGE}_capacity.html",
    ),
    Cause(
        "environments_invalid",
        "the queue's compute environments are INVALID ({why})",
        "mend {names} of queue {queue}; usually a role, subnet or security group is gone",
        find_invalid,
        "https://docs.aws.amazon.com/batch/latest/userguide/invalid_compute_environment.html",
    ),
    Cause(
        "action_required",
        "the queue's compute environments are INVALID",
        "mend those of queue {queue}; Batch says: {reason}",
        make_reason_finder("ACTION_REQUIRED"),
        f"{STUCK_PAGE}_invalid_ce.html",
    ),
    Cause(
        "batch_reason",
        "Batch cannot place it",
        "see to queue {queue}; Batch says: {reason}",
        make_reason_finder("MISCONFIGURATION:"),
        f"{API_PAGE}/API_JobDetail.html",
    ),
    Cause(
        "environments_disabled",
        "the queue's compute environments are DISABLED",
        "enable {names}: aws batch update-compute-environment --state ENABLED "
        "--compute-environment {first}",
        find_disabled,
        f"{API_PAGE}/API_ComputeEnvironmentDetail.html",
    ),
    Cause(
        "queue_invalid",
        "the queue is {status} ({why})",
        "mend queue {queue}, or name another (batchx_queue)",
        make_status_finder("INVALID", "DELETING", "DELETED"),
        f"{API_PAGE}/API_JobQueueDetail.html",
    ),
    Cause(
        "consumable",
        "it waits for {names}, a consumable resource that other jobs hold",
        "it starts when they give it back; a larger total (aws batch update-consumable-resource) "
        "lets more jobs run at once",
        find_consumable,
        "https://docs.aws.amazon.com/batch/latest/userguide/resource-aware-scheduling.html",
        is_usual=True,
    ),
    Cause(
        "at_max",
        "the queue's compute {environments_are} at maxvCpus ({most} of {most} in use)",
        "it starts when other jobs end; raise maxvCpus of {names} if more are to run at once",
        find_at_max,
        f"{API_PAGE}/API_ComputeResource.html",
        is_usual=True,
    ),
    Cause(
        "near_max",
        "too few vCPU are left below the queue's maxvCpus ({left} of {most}, and it needs {asked})",
        "it starts when other jobs end; raise maxvCpus of {names} if more are to run at once",
        find_near_max,
        f"{API_PAGE}/API_ComputeResource.html",
        is_usual=True,
    ),
    Cause(
        "others_first",
        "{count} {jobs_stand} before this run's in the queue",
        "Batch serves them first; if they do not move, see what the first one waits for: aws batch "
        "describe-jobs --jobs {first}",
        find_others,
        f"{API_PAGE}/API_GetJobQueueSnapshot.html",
        is_usual=True,
    ),
    Cause(
        "idle_instances",
        "Batch has ordered instances with {desired} vCPU, but no job of this queue runs on them",
        CHECK_INSTANCES,
        find_idle_instances,
        f"{STUCK_PAGE}_common_causes.html",
    ),
    Cause(
        "environments_updating",
        "the queue's compute environments are being updated",
        "Batch goes on when {names} are VALID again",
        find_updating,
        f"{API_PAGE}/API_ComputeEnvironmentDetail.html",
        is_usual=True,
    ),
    Cause(
        "queue_updating",
        "the queue is {status}",
        "Batch goes on when queue {queue} is VALID",
        make_status_finder("CREATING", "UPDATING"),
        f"{API_PAGE}/API_JobQueueDetail.html",
        is_usual=True,
    ),
    Cause(
        "working",
        "the queue is busy with others of this run",
        "it starts when they end, or when Batch has more instances",
        find_working,
        "https://docs.aws.amazon.com/batch/latest/userguide/job_states.html",
        is_usual=True,
        is_told=False,
    ),
    Cause(
        "starting",
        "instances are being started ({desired} vCPU)",
        "that usually takes a few minutes",
        find_starting,
        f"{API_PAGE}/API_ComputeResource.html",
        is_usual=True,
        is_told=False,
    ),
    Cause(
        "queue_disabled",
        "the queue is DISABLED",
        "Batch may finish what is in it but takes no further job: aws batch update-job-queue "
        "--job-queue {queue} --state ENABLED",
        find_queue_disabled,
        f"{API_PAGE}/API_JobQueueDetail.html",
    ),
    Cause(
        "no_order",
        "Batch has not ordered any instance for it",
        "look at {names} in the Batch console: state, service role, {doubt} are what usually hold "
        "it up",
        find_no_order,
        "https://repost.aws/knowledge-center/batch-job-stuck-runnable-status",
    ),
    Cause(
        "unmanaged",
        "no instance of the queue's own compute environment has taken it",
        "Batch starts none there: look whether instances with enough room have joined the ECS "
        "cluster of {names}",
        make_platform_finder(EC2_TYPES, is_managed=False),
        "https://docs.aws.amazon.com/batch/latest/userguide/unmanaged_compute_environments.html",
    ),
    Cause(
        "fargate",
        "Fargate has not taken it",
        "look whether maxvCpus of {names} or the account's quota of Fargate vCPUs is in use",
        make_platform_finder(FARGATE_TYPES, is_managed=True),
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html",
    ),
    Cause(
        "undetermined",
        "Batch says that it is blocked, and not by what",
        "look at the compute environments of queue {queue} and at their instances in the ECS "
        "console: instance profile, subnets, security groups, quotas",
        make_reason_finder("UNDETERMINED"),
        f"{STUCK_PAGE}_undetermined.html",
    ),
)
"""First match wins."""
