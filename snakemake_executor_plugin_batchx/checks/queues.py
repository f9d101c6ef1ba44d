"""What is wrong with job queues and their compute environments."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from snakemake_executor_plugin_batchx.checks.finding import (
    Finding,
    make_failure,
    make_ok,
    make_warning,
)
from snakemake_executor_plugin_batchx.checks.table import ENVIRONMENT, QUEUE
from snakemake_executor_plugin_batchx.plan.platform import (
    EC2_TYPES,
    FARGATE_TYPES,
    REFUSED_TYPES,
    find_type,
)

MOST_NAMES = 10
"""So many queues are named where one is not there."""

GOOD_KINDS = EC2_TYPES | FARGATE_TYPES | {"", "ECS", "ECS_FARGATE"}


@dataclass(frozen=True)
class QueueFacts:
    """A job queue as Batch tells of it.

    `queue` is its name or ARN as the user has it, `who` is who names it ("" where that need not be
    told). `detail` is None where it is not there; then `others` are the queues that are, None
    where nobody knows. `environments` are in the queue's order, `missing` those that are gone.
    """

    queue: str
    region: str
    who: str = ""
    detail: Mapping[str, Any] | None = None
    environments: tuple[Mapping[str, Any], ...] = ()
    missing: tuple[str, ...] = ()
    others: tuple[str, ...] | None = field(default=None)

    @property
    def named(self) -> str:
        """What sentences call it."""
        return f"Job queue {self.queue} ({self.who})" if self.who else f"Job queue {self.queue}"

    @property
    def account(self) -> str:
        """The account that it is of, "" where it is not there."""
        return str(self.detail["jobQueueArn"]).split(":")[4] if self.detail else ""


def judge_queue(view: QueueFacts) -> list[Finding]:
    """Return what is to be said of a queue, its compute environments apart; at least one."""
    problems = list(_iter_queue_problems(view))
    kinds = sorted({find_type(each) for each in view.environments})
    return problems or [
        make_ok(QUEUE, f"{view.queue} is ENABLED and VALID, on {' and '.join(kinds)}")
    ]


def _iter_queue_problems(view: QueueFacts) -> Iterator[Finding]:
    named, detail = view.named, view.detail
    if detail is None:
        yield make_failure(QUEUE, *_tell_unknown(view))
    elif detail["state"] != "ENABLED":
        yield make_failure(QUEUE, f"{named} is {detail['state']}", "enable it, or name another")
    elif detail.get("status", "VALID") != "VALID":
        why = detail.get("statusReason", "no reason given")
        yield make_failure(
            QUEUE, f"{named} is {detail['status']} ({why})", "mend it, or name another"
        )
    elif view.missing:
        yield make_failure(
            QUEUE,
            f"{named} has compute environments that are not there ({', '.join(view.missing)})",
            "mend it, or name another",
        )
    else:
        kinds = {str(detail.get("jobQueueType", "")), *map(find_type, view.environments)}
        for kind in sorted(kinds - GOOD_KINDS):
            yield make_failure(
                QUEUE,
                f"{named} is on {REFUSED_TYPES.get(kind, kind)}, where batchx cannot run jobs",
                "name a queue on EC2, EC2 Spot, Fargate or Fargate Spot",
            )


def _tell_unknown(view: QueueFacts) -> tuple[str, str]:
    """Return what is said of a queue that is not there, and what to do."""
    parts = view.queue.split(":")
    region = parts[3] if view.queue.startswith("arn:") and len(parts) > 5 else view.region
    text = f"{view.named} does not exist in region {view.region}"
    if region != view.region:
        return (
            f"{view.named} is one of region {region}, but {view.region} is asked",
            f"name a queue of {view.region}, or set --batchx-region {region}",
        )
    if view.others is None:
        return text, "check its name, and --batchx-region"
    if not view.others:
        return f"{text}, nor does any other", "check --batchx-region and the account, or make one"
    shown = ", ".join(view.others[:MOST_NAMES])
    more = len(view.others) - MOST_NAMES
    shown += f" and {more} more" if more > 0 else ""
    return text, f"name one that is there ({shown}), or check --batchx-region"


def judge_environments(view: QueueFacts) -> list[Finding]:
    """Return what is to be said of each compute environment of a queue.

    One that gets no jobs is a failure if the queue has no other that does.
    """
    problems = [find_environment_problem(each) for each in view.environments]
    make = make_warning if None in problems else make_failure
    findings = []
    for environment, problem in zip(view.environments, problems, strict=True):
        name = name_environment(environment)
        if problem is None:
            size = _tell_size(environment)
            findings.append(make_ok(ENVIRONMENT, f"{name} is ENABLED and VALID{size}"))
        else:
            what, fix = problem
            of_queue = view.named[0].lower() + view.named[1:]
            text = f"Compute environment {name} of {of_queue} {what}"
            findings.append(make(ENVIRONMENT, text, fix))
    return findings


def find_environment_problem(environment: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return why a compute environment gets no jobs, and the fix; None where it does.

    https://docs.aws.amazon.com/batch/latest/userguide/invalid_compute_environment.html
    """
    name = name_environment(environment)
    update = f"aws batch update-compute-environment --compute-environment {name}"
    if environment.get("state", "ENABLED") != "ENABLED":
        return f"is {environment['state']}", f"enable it ({update} --state ENABLED)"
    status = environment.get("status", "VALID")
    if status == "INVALID":
        why = str(environment.get("statusReason") or "no reason given").rstrip(".")
        return f"is INVALID ({why})", "mend what it says, then disable and enable it"
    if status in {"DELETING", "DELETED"}:
        return f"is {status}", "give the queue another"
    if _get_max_vcpus(environment) == 0:
        raising = f"{update} --compute-resources maxvCpus=256"
        return "may have no vCPUs (maxvCpus is 0)", f"raise it ({raising})"
    return None


def _get_max_vcpus(environment: Mapping[str, Any]) -> int | None:
    resources: Mapping[str, Any] = environment.get("computeResources", {})
    return resources.get("maxvCpus")


def _tell_size(environment: Mapping[str, Any]) -> str:
    vcpus = _get_max_vcpus(environment)
    return "" if vcpus is None else f", with up to {vcpus} vCPUs"


def name_environment(environment: Mapping[str, Any]) -> str:
    """Return the name of a compute environment."""
    arn = str(environment["computeEnvironmentArn"])
    return str(environment.get("computeEnvironmentName") or arn.rpartition("/")[2])


def list_failures(view: QueueFacts) -> list[Finding]:
    """Return what keeps jobs off a queue: of itself, else of its compute environments."""
    failed = [each for each in judge_queue(view) if each.status == "failed"]
    return failed or [each for each in judge_environments(view) if each.status == "failed"]


@dataclass
class ProfileUse:
    """An instance profile, by its name or ARN, and the compute environments that name it.

    `is_needed` tells that some queue has no other environment.
    """

    profile: str
    environments: list[str] = field(default_factory=list)
    is_needed: bool = False


def list_instance_profiles(views: Sequence[QueueFacts]) -> list[ProfileUse]:
    """Return the instance profiles that the EC2 instances of queues get, each once."""
    uses: dict[str, ProfileUse] = {}
    for view in views:
        named = [_find_profile(each) for each in view.environments]
        for environment, profile in zip(view.environments, named, strict=True):
            if not profile:
                continue
            use = uses.setdefault(profile, ProfileUse(profile))
            use.is_needed |= len({*named}) == 1
            name = name_environment(environment)
            if name not in use.environments:
                use.environments.append(name)
    return list(uses.values())


def _find_profile(environment: Mapping[str, Any]) -> str:
    """Return what Batch calls instanceRole; "" on Fargate and where the owner manages instances."""
    return str(environment.get("computeResources", {}).get("instanceRole") or "")
