"""Compute environments and scheduling policies.

Source: https://docs.aws.amazon.com/batch/latest/userguide/compute_environments.html
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from snakemake_executor_plugin_batchx.local.checks import check_bound, check_pattern, check_tags
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.shapes import JsonObject
from snakemake_executor_plugin_batchx.plan.architecture import is_arm_family

FARGATE_TYPES = frozenset({"FARGATE", "FARGATE_SPOT"})

# Members of computeResources that an EC2 environment must have, and the refusal where AWS's words
# are known.
EC2_REQUIRED = {
    "instanceRole": "Instance role is required.",
    "minvCpus": "Resource minvCpus is required.",
    "instanceTypes": "Instance types are required.",
}
# The words of the last two: public notes on CreateComputeEnvironment.
FARGATE_REFUSED = {
    member: f"{member} is not applicable for Fargate."
    for member in ("instanceRole", "instanceTypes", "minvCpus", "tags", "desiredvCpus")
}


@dataclass(frozen=True)
class Health:
    """Whether AWS could make of a compute environment what was asked (VALID, INVALID), and why."""

    status: str = "VALID"
    reason: str = "ComputeEnvironment Healthy"


HEALTHY = Health()


@dataclass
class ComputeEnvironment:
    """One compute environment. ``request`` is what it was created or updated with."""

    name: str
    arn: str
    request: JsonObject
    tags: dict[str, str]
    health: Health = HEALTHY
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def is_enabled(self) -> bool:
        """True if it was not disabled."""
        return bool(self.request.get("state", "ENABLED") == "ENABLED")

    @property
    def instance_profile(self) -> str | None:
        """The name or ARN of the instance profile of its hosts; None where it chooses none."""
        profile: str | None = self.request.get("computeResources", {}).get("instanceRole")
        return profile

    @property
    def is_open(self) -> bool:
        """True if jobs may be placed on it."""
        return self.is_enabled and self.health.status == "VALID"

    @property
    def is_fargate(self) -> bool:
        """True for FARGATE and FARGATE_SPOT."""
        return self.request.get("computeResources", {}).get("type") in FARGATE_TYPES

    @property
    def architecture(self) -> str:
        """``arm64`` if its image types or Graviton instance families say so, else ``x86_64``.

        Fargate has both (``any``).
        """
        resources = self.request.get("computeResources", {})
        if self.is_fargate:
            return "any"
        is_arm = any(map(is_arm_family, resources.get("instanceTypes", [])))
        return "arm64" if is_arm else "x86_64"

    @property
    def cluster(self) -> str:
        """The name of the ECS cluster that Batch makes for it."""
        return f"{self.name}_Batch_{self.identifier}"

    @property
    def max_vcpus(self) -> float:
        """How many vCPUs its jobs may use together."""
        resources = self.request.get("computeResources", {})
        return float(resources.get("maxvCpus", self.request.get("unmanagedvCpus", 0)))

    def describe(self, identity: Identity, used_vcpus: float) -> JsonObject:
        """The environment as DescribeComputeEnvironments returns it.

        An embedded instance has just the vCPUs that its jobs use: so many are desired, but no fewer
        than minvCpus (API_ComputeResource, desiredvCpus).
        """
        described = {
            "computeEnvironmentName": self.name,
            "computeEnvironmentArn": self.arn,
            "ecsClusterArn": identity.make_arn("cluster", self.cluster, service="ecs"),
            "tags": dict(self.tags),
            "type": self.request["type"],
            "state": self.request.get("state", "ENABLED"),
            "status": self.health.status,
            "statusReason": self.health.reason,
            "serviceRole": self.request.get("serviceRole", ""),
            "containerOrchestrationType": "ECS",
            "uuid": self.identifier,
        }
        if "computeResources" in self.request:
            resources = described["computeResources"] = dict(self.request["computeResources"])
            if not self.is_fargate:
                resources["desiredvCpus"] = max(resources["minvCpus"], math.ceil(used_vcpus))
        return described


@dataclass
class SchedulingPolicy:
    """One fair-share policy."""

    name: str
    arn: str
    fairshare: JsonObject
    tags: dict[str, str]

    def find_weight(self, share_identifier: str) -> float:
        """The weight factor of a share identifier: its own, a prefix's (``name*``), or 1."""
        for share in self.fairshare.get("shareDistribution", []):
            pattern = share["shareIdentifier"]
            if share_identifier == pattern or (
                pattern.endswith("*") and share_identifier.startswith(pattern[:-1])
            ):
                return float(share.get("weightFactor", 1.0))
        return 1.0


@dataclass
class EnvironmentStore:
    """All compute environments and scheduling policies of the account, by name.

    ``judge_health`` tells from an environment's tags what becomes of it.
    """

    identity: Identity
    judge_health: Callable[[Mapping[str, str]], Health] = lambda _: HEALTHY
    environments: dict[str, ComputeEnvironment] = field(default_factory=dict)
    policies: dict[str, SchedulingPolicy] = field(default_factory=dict)

    def create(self, request: JsonObject) -> JsonObject:
        """CreateComputeEnvironment.

        Raises:
            ClientError: for the first rule that the request breaks.
        """
        name = request["computeEnvironmentName"]
        check_pattern("resource_name", name)
        check_tags(request.get("tags", {}))
        if name in self.environments:
            raise ClientError("Object already exists")
        if "eksConfiguration" in request:
            raise ClientError("The embedded Batch has ECS compute environments only, not EKS")
        check_bound("environments", len(self.environments) + 1)
        check_compute_resources(request)
        arn = self.identity.make_arn("compute-environment", name)
        tags = dict(request.get("tags", {}))
        health = self.judge_health(tags)
        self.environments[name] = ComputeEnvironment(name, arn, dict(request), tags, health)
        return {"computeEnvironmentName": name, "computeEnvironmentArn": arn}

    def update(self, request: JsonObject) -> JsonObject:
        """UpdateComputeEnvironment: state, role and members of computeResources.

        Raises:
            ClientError: no such environment, or the result would break a rule.
        """
        environment = self.find(request["computeEnvironment"])
        changed = {**environment.request, **request}
        changed.pop("computeEnvironment")
        resources = {
            **environment.request.get("computeResources", {}),
            **request.get("computeResources", {}),
        }
        if resources:
            changed["computeResources"] = resources
        check_compute_resources(changed)
        environment.request = changed
        return {
            "computeEnvironmentName": environment.name,
            "computeEnvironmentArn": environment.arn,
        }

    def delete(self, environment: ComputeEnvironment) -> None:
        """Forgets an environment that is disabled.

        Raises:
            ClientError: it is enabled.
        """
        if environment.is_enabled:
            raise ClientError("Cannot delete, resource must be disabled first")
        del self.environments[environment.name]

    def describe(
        self, names: list[str] | None, used_vcpus: Mapping[str, float]
    ) -> list[JsonObject]:
        """The named environments (by name or ARN; unknown ones missing), or all.

        ``used_vcpus`` are what the jobs placed on each use, by its name.
        """
        wanted = None if names is None else {self._read_name(name) for name in names}
        return [
            environment.describe(self.identity, used_vcpus.get(environment.name, 0))
            for environment in self.environments.values()
            if wanted is None or environment.name in wanted
        ]

    def find(self, name_or_arn: str) -> ComputeEnvironment:
        """The environment with this name or ARN.

        Raises:
            ClientError: there is none.
        """
        environment = self.environments.get(self._read_name(name_or_arn))
        if environment is None:
            raise ClientError(f"ComputeEnvironment {name_or_arn} not found")
        return environment

    def create_policy(self, request: JsonObject) -> JsonObject:
        """CreateSchedulingPolicy (fair share).

        Raises:
            ClientError: the name is taken or malformed.
        """
        name = request["name"]
        check_pattern("resource_name", name)
        check_tags(request.get("tags", {}))
        if name in self.policies:
            raise ClientError("Object already exists")
        if "quotaSharePolicy" in request:
            raise ClientError("The embedded Batch has fair-share policies only")
        arn = self.identity.make_arn("scheduling-policy", name)
        fairshare = dict(request.get("fairsharePolicy", {}))
        self.policies[name] = SchedulingPolicy(name, arn, fairshare, dict(request.get("tags", {})))
        return {"name": name, "arn": arn}

    def describe_policies(self, request: JsonObject) -> JsonObject:
        """DescribeSchedulingPolicies; unknown ARNs are silently missing."""
        described = [
            {"name": each.name, "arn": each.arn, "fairsharePolicy": each.fairshare}
            | {"tags": dict(each.tags)}
            for each in self.policies.values()
            if each.arn in request["arns"]
        ]
        return {"schedulingPolicies": described}

    def list_policies(self, _request: JsonObject) -> JsonObject:
        """ListSchedulingPolicies, on one page."""
        return {"schedulingPolicies": [{"arn": each.arn} for each in self.policies.values()]}

    def find_policy(self, arn: str) -> SchedulingPolicy:
        """The policy with this ARN.

        Raises:
            ClientError: there is none.
        """
        for policy in self.policies.values():
            if policy.arn == arn:
                return policy
        raise ClientError(f"SchedulingPolicy {arn} not found")

    def _read_name(self, name_or_arn: str) -> str:
        return self.identity.read_name("compute-environment", name_or_arn)


def check_compute_resources(request: JsonObject) -> None:
    """Checks what a managed environment must and must not have.

    Raises:
        ClientError: for the first rule that is broken.
    """
    resources = request.get("computeResources")
    if resources is None:
        if request["type"] == "MANAGED":
            raise ClientError("computeResources must be provided for a MANAGED compute environment")
        return
    check_bound("max_vcpus", resources["maxvCpus"])
    if not resources.get("subnets"):
        raise ClientError("Resource subnets is required.")
    if resources["type"] in FARGATE_TYPES:
        for member, message in FARGATE_REFUSED.items():
            if member in resources:
                raise ClientError(message)
        return
    for member, message in EC2_REQUIRED.items():
        if resources.get(member) in (None, []):
            raise ClientError(message)
