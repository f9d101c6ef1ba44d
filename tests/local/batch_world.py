"""An embedded Batch in memory: the test moves its clock and plays its runner."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from snakemake_executor_plugin_batchx.local.batch import Batch
from snakemake_executor_plugin_batchx.local.environments import HEALTHY, Health
from snakemake_executor_plugin_batchx.local.jobs import ContainerResult
from snakemake_executor_plugin_batchx.local.orders import KillOrder, Order, StartOrder, StopOrder
from snakemake_executor_plugin_batchx.local.placement import Capacity

START = 1_700_000_000.0
ROLE = "arn:aws:iam::123456789012:role/some-role"


def make_resources(vcpus: str = "1", memory: str = "100", gpus: str | None = None) -> list[Any]:
    """resourceRequirements."""
    resources = [{"type": "VCPU", "value": vcpus}, {"type": "MEMORY", "value": memory}]
    return resources if gpus is None else [*resources, {"type": "GPU", "value": gpus}]


def make_container(**members: Any) -> dict[str, Any]:
    """containerProperties that are right, but for what is given; None leaves a member out."""
    container = {"image": "busybox", "command": ["true"], "resourceRequirements": make_resources()}
    return {k: v for k, v in {**container, **members}.items() if v is not None}


def make_definition(name: str = "tool", container: Any = None, **members: Any) -> dict[str, Any]:
    """A RegisterJobDefinition that is right, but for what is given."""
    properties = make_container() if container is None else container
    definition = {
        "jobDefinitionName": name,
        "type": "container",
        "containerProperties": properties,
        **members,
    }
    return {k: v for k, v in definition.items() if v is not None}


def make_fargate(name: str = "fargate", **members: Any) -> dict[str, Any]:
    """A definition for Fargate."""
    settings = {
        "executionRoleArn": ROLE,
        "resourceRequirements": make_resources("0.25", "512"),
        **members,
    }
    return make_definition(name, make_container(**settings), platformCapabilities=["FARGATE"])


def make_environment(name: str, max_vcpus: int = 100, **members: Any) -> dict[str, Any]:
    """A CreateComputeEnvironment for EC2."""
    resources = {
        "type": "EC2",
        "minvCpus": 0,
        "maxvCpus": max_vcpus,
        "instanceTypes": ["optimal"],
        "instanceRole": "ecsInstanceRole",
        "subnets": ["subnet-1"],
        **members,
    }
    return {
        "computeEnvironmentName": name,
        "type": "MANAGED",
        "computeResources": {k: v for k, v in resources.items() if v is not None},
    }


def make_fargate_environment(name: str) -> dict[str, Any]:
    """A CreateComputeEnvironment for Fargate."""
    nothing = {"minvCpus": None, "instanceTypes": None, "instanceRole": None}
    return make_environment(name, type="FARGATE", **nothing)


def make_queue(name: str, *environments: str, **members: Any) -> dict[str, Any]:
    """A CreateJobQueue."""
    order = [{"order": n, "computeEnvironment": e} for n, e in enumerate(environments, start=1)]
    return {"jobQueueName": name, "priority": 1, "computeEnvironmentOrder": order, **members}


@dataclass
class World:
    """A Batch with the queue "queue", the environment "environment" and the definition "tool"."""

    vcpus: float = 4
    memory_mib: int = 4000
    now: float = START
    orders: list[Order] = field(default_factory=list)
    judge_health: Callable[[Mapping[str, str]], Health] = lambda _: HEALTHY

    def __post_init__(self) -> None:
        ids = itertools.count(1)
        self.batch = Batch(
            Capacity(self.vcpus, self.memory_mib),
            read_now=lambda: self.now,
            make_id=lambda: f"00000000-{next(ids):04d}",
            judge_health=self.judge_health,
        )
        self.call("CreateComputeEnvironment", **make_environment("environment"))
        self.call("CreateJobQueue", **make_queue("queue", "environment"))
        self.call("RegisterJobDefinition", **make_definition())

    def call(self, operation: str, /, **parameters: Any) -> Any:
        """One call of the API."""
        return self.batch.handle(operation, parameters)

    def submit(self, **members: Any) -> str:
        """Submits a job and lets the Batch advance; returns the job's id."""
        request = {"jobName": "job", "jobQueue": "queue", "jobDefinition": "tool", **members}
        job_id: str = self.call("SubmitJob", **request)["jobId"]
        self.advance()
        return job_id

    def submit_array(self, size: int, **members: Any) -> str:
        """Submits an array job; returns the parent's id."""
        return self.submit(arrayProperties={"size": size}, **members)

    def advance(self, seconds: float = 0) -> list[Order]:
        """Moves the clock and lets the Batch advance; returns the new orders."""
        self.now += seconds
        new = self.batch.advance()
        self.orders += new
        return new

    def describe(self, job_id: str) -> Any:
        """The job as DescribeJobs shows it."""
        return self.call("DescribeJobs", jobs=[job_id])["jobs"][0]

    def status(self, job_id: str) -> str:
        """The job's state."""
        return str(self.describe(job_id)["status"])

    def find_start(self, job_id: str) -> StartOrder:
        """The newest order to start an attempt of the job."""
        starts = [o for o in self.orders if isinstance(o, StartOrder) and o.job_id == job_id]
        return starts[-1]

    def list_stopped(self) -> list[str]:
        """Attempts whose stop was ordered, oldest first."""
        return [o.attempt_id for o in self.orders if isinstance(o, StopOrder)]

    def list_killed(self) -> list[str]:
        """Attempts whose kill was ordered, oldest first."""
        return [o.attempt_id for o in self.orders if isinstance(o, KillOrder)]

    def begin(self, job_id: str) -> str:
        """The runner started the job's attempt; returns the attempt's id."""
        attempt_id = self.find_start(job_id).attempt_id
        self.batch.report_started(attempt_id)
        return attempt_id

    def end(
        self,
        job_id: str,
        exit_code: int | None = 0,
        reason: str | None = None,
        name: str = "default",
    ) -> None:
        """The runner saw the end of the job's attempt."""
        self.end_with(job_id, [ContainerResult(name, exit_code, reason)])

    def end_with(self, job_id: str, results: Sequence[ContainerResult]) -> None:
        """The runner saw the end of an attempt of several containers."""
        self.batch.report_exited(self.find_start(job_id).attempt_id, results)
        self.advance()

    def run(self, job_id: str, exit_code: int = 0) -> None:
        """The job's attempt starts and ends."""
        self.begin(job_id)
        self.end(job_id, exit_code)
