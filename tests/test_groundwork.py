"""What jobs of batchx's own ask for: what any job of the run needs, and no more."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from snakemake_executor_plugin_batchx.batch.queues import Queues
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.groundwork import OF_TOOLS, Ground
from snakemake_executor_plugin_batchx.plan.definition import DefinitionSettings
from snakemake_executor_plugin_batchx.plan.docker_options import parse_container_options
from snakemake_executor_plugin_batchx.plan.job_options import NO_OPTIONS, JobOptions
from snakemake_executor_plugin_batchx.plan.module_map import EMPTY_MAP
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import JobRequest, RequestPlanner, Wish
from snakemake_executor_plugin_batchx.plan.resources import Demand
from snakemake_executor_plugin_batchx.plan.volumes import parse_volumes
from snakemake_executor_plugin_batchx.surveying import Survey

ROLES = "arn:aws:iam::123456789012:role"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a"

EC2 = Platform("ec2")
ARM = Platform("arm", architecture="arm64")
FAIR = Platform("fair", architecture="arm64", has_policy=True)
FARGATE = Platform("fargate", is_fargate=True, architecture=None)
FAIR_FARGATE = Platform("fair-fargate", is_fargate=True, architecture=None, has_policy=True)

OF_RUN = JobOptions(
    job_role=f"{ROLES}/job",
    execution_role=f"{ROLES}/ecs",
    memory_overhead=512,
    log_group="/lab",
)
"""What any job of a run needs."""

FOR_TOOLS: dict[str, Any] = {
    "options": parse_container_options("--user 1000"),
    "volumes": parse_volumes("efs://fs-0123456789abcdef0:/ref"),
    "secrets": (("TOKEN", SECRET),),
    "consumables": (("licence", 1),),
    "platform_version": "LATEST",
    "priority": 5,
}


def plan(
    platforms: list[Platform],
    *wishes: Wish,
    defaults: JobOptions = OF_RUN,
    architecture: str = "arm64",
) -> JobRequest:
    """Plan a job of batchx's own; jobs that name no queue go to the first of the run's."""
    of_name = {each.queue: each for each in platforms}
    queues = cast(Queues, SimpleNamespace(list_known=lambda: platforms, get=of_name.__getitem__))
    planner = RequestPlanner(defaults, platforms[0].queue, queues.get, {})
    ground = Ground(planner, Survey(planner, wishes), queues, EMPTY_MAP, DefinitionSettings())
    return ground.plan_for_architecture(Demand(), architecture)


def make_wish(name: str, **options: Any) -> Wish:
    return Wish(f"Rule {name}", options=JobOptions(**options))


def test_it_has_what_any_job_needs_of_the_settings_and_nothing_for_tools() -> None:
    assert FOR_TOOLS.keys() == set(OF_TOOLS)
    defaults = JobOptions(share="lab", public_ip=True, **FOR_TOOLS).over(OF_RUN)
    request = plan([FAIR_FARGATE], defaults=defaults)
    assert request.options == JobOptions(share="lab", public_ip=True, arch="arm64").over(OF_RUN)
    assert str(request.resources).endswith("(512 of them for batchx itself)")
    assert request.architecture == "arm64"


def test_it_has_roles_share_and_address_of_the_first_rule_that_goes_there() -> None:
    own: dict[str, Any] = {
        "job_role": f"{ROLES}/a",
        "execution_role": f"{ROLES}/a-ecs",
        "share": "a",
        "public_ip": False,
    }
    wishes = (
        make_wish("elsewhere", share="z", job_role=f"{ROLES}/z"),
        make_wish("nothing", queue="fair-fargate"),
        make_wish("a", queue="fair-fargate", **own, **FOR_TOOLS),
        make_wish("b", queue="fair-fargate", share="b", job_role=f"{ROLES}/b", public_ip=True),
    )
    request = plan([EC2, FAIR_FARGATE], *wishes, defaults=OF_RUN.over(JobOptions(share="run")))
    assert request.platform == FAIR_FARGATE
    assert request.options == JobOptions(arch="arm64", **own).over(OF_RUN)


def test_a_rule_that_falls_back_there_counts_as_well() -> None:
    wishes = (make_wish("a"), make_wish("b", fallback_queue="arm", job_role=f"{ROLES}/b"))
    assert plan([EC2, ARM], *wishes).options.job_role == f"{ROLES}/b"


def test_without_such_a_rule_the_settings_count() -> None:
    request = plan([EC2, ARM], make_wish("a", job_role=f"{ROLES}/a"))
    assert request.options.job_role == f"{ROLES}/job"


@pytest.mark.parametrize(
    ("platforms", "architecture", "queue"),
    [
        ([EC2, ARM], "arm64", "arm"),
        ([EC2, ARM], "amd64", "ec2"),
        ([FAIR, EC2, ARM], "arm64", "arm"),
        ([FAIR_FARGATE, FAIR, FARGATE], "arm64", "fargate"),
        ([FAIR_FARGATE, FAIR], "amd64", "fair-fargate"),
        ([EC2, FAIR], "arm64", "fair"),
        ([ARM, FARGATE], "arm64", "arm"),
    ],
)
def test_it_goes_to_a_queue_of_that_processor_without_a_policy_if_there_is_one(
    platforms: list[Platform], architecture: str, queue: str
) -> None:
    defaults = OF_RUN.over(JobOptions(share="run"))
    request = plan(platforms, defaults=defaults, architecture=architecture)
    assert (request.platform.queue, request.architecture) == (queue, architecture)
    assert request.options.share == ("run" if request.platform.has_policy else None)


def test_where_no_queue_has_the_processor_that_is_told() -> None:
    with pytest.raises(BatchxError, match=r"^No queue of the run has arm64 instances\.$"):
        plan([EC2], defaults=NO_OPTIONS)
