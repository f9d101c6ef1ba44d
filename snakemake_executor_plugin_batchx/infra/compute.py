"""The compute environments of a stack, and the queues before them."""

from collections.abc import Mapping
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.infra.network import Network
from snakemake_executor_plugin_batchx.infra.options import StackOptions
from snakemake_executor_plugin_batchx.infra.part import (
    Part,
    Values,
    get_attribute,
    make_output,
    make_parameter,
    make_ref,
    make_tag_map,
)

UPDATE_MINUTES = 7200
"""How long jobs may go on on old instances when an update has new ones start: five days, the most
there is (https://docs.aws.amazon.com/batch/latest/APIReference/API_UpdatePolicy.html)."""

SPOT_PRIORITY = 10
STEADY_PRIORITY = 20
"""Jobs that lost their hosts once come first."""


@dataclass(frozen=True)
class Kind:
    """A kind of compute environments: what its resources' names begin with, and of which types.

    `parameter` names the instance types, and is "" on Fargate.
    """

    name: str
    text: str
    parameter: str = ""
    image_type: str = ""
    steady_type: str = "EC2"
    spot_type: str = "SPOT"

    @property
    def is_fargate(self) -> bool:
        """Whether no instances are ours."""
        return not self.parameter


STANDARD = Kind("", "x86-64 instances", "InstanceTypes", "ECS_AL2023")
ARM = Kind("Arm", "Graviton instances (arm64)", "ArmInstanceTypes", "ECS_AL2023")
GPU = Kind("Gpu", "instances with NVIDIA GPUs", "GpuInstanceTypes", "ECS_AL2023_NVIDIA")
FARGATE = Kind("Fargate", "Fargate", steady_type="FARGATE", spot_type="FARGATE_SPOT")
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_Ec2Configuration.html"""

STRATEGIES = {"EC2": "BEST_FIT_PROGRESSIVE", "SPOT": "SPOT_PRICE_CAPACITY_OPTIMIZED"}
"""With these, spot instances need no Spot Fleet role, and environments can be updated in place
(https://docs.aws.amazon.com/batch/latest/userguide/updating-compute-environments.html)."""

LISTS_OF_TYPES = {
    "InstanceTypes": "instance_types",
    "ArmInstanceTypes": "arm_instance_types",
    "GpuInstanceTypes": "gpu_instance_types",
}


def list_kinds(options: StackOptions) -> list[Kind]:
    """Return the kinds of a stack, the one of its main queue first."""
    wanted = {ARM: options.is_arm, GPU: options.is_gpu, FARGATE: options.is_fargate}
    return [STANDARD, *(kind for kind, is_wanted in wanted.items() if is_wanted)]


def list_queues(options: StackOptions) -> list[str]:
    """Return the names of the queues in the template."""
    endings = ("Queue", "OnDemandQueue") if options.is_spot else ("Queue",)
    return [f"{kind.name}{ending}" for kind in list_kinds(options) for ending in endings]


def plan_compute(options: StackOptions, network: Network) -> list[Part]:
    """Plan environments and queues, a part for each kind."""
    parts = [_plan_kind(kind, options, network) for kind in list_kinds(options)]
    limit = make_parameter(
        "Number", "The most vCPUs of each compute environment", options.max_vcpus, MinValue=1
    )
    first = parts[0]
    parameters = {"MaxVcpus": limit, **first.parameters}
    parts[0] = Part(first.title, first.text, first.resources, parameters, first.outputs)
    return parts


def _plan_kind(kind: Kind, options: StackOptions, network: Network) -> Part:
    steady, spot = f"{kind.name}OnDemand", f"{kind.name}Spot"
    resources = {steady: make_environment(kind, kind.steady_type, network)}
    queue = f"{kind.name}Queue"
    outputs = {queue: make_output(f"The job queue on {kind.text}", make_ref(queue))}
    text = "None runs while there is nothing to do."
    if options.is_spot:
        resources[spot] = make_environment(kind, kind.spot_type, network)
        resources[queue] = make_queue(SPOT_PRIORITY, (spot, steady))
        text = f"Spot first; what finds no place there goes to those on demand. {text}"
        last = f"{kind.name}OnDemandQueue"
        resources[last] = make_queue(STEADY_PRIORITY, (steady,))
        outputs[last] = make_output(
            f"The job queue on {kind.text} on demand only, for jobs that lost their hosts",
            make_ref(last),
        )
    else:
        resources[queue] = make_queue(SPOT_PRIORITY, (steady,))
    title = f"Queue on {kind.text}"
    return Part(title, text, resources, _make_type_parameters(kind, options), outputs)


def _make_type_parameters(kind: Kind, options: StackOptions) -> Mapping[str, Values]:
    if kind.is_fargate:
        return {}
    types = ",".join(getattr(options, LISTS_OF_TYPES[kind.parameter]))
    text = f"Of {kind.text}: families, types or bundles of Batch's, separated by commas"
    return {kind.parameter: make_parameter("CommaDelimitedList", text, types)}


def make_environment(kind: Kind, resource_type: str, network: Network) -> Values:
    """Return a compute environment without a name of its own, so that it can be replaced.

    One that is updated keeps its ARN, and jobs that run on it (ReplaceComputeEnvironment false).
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-batch-computeenvironment.html
    """
    resources: Values = {
        "Type": resource_type,
        "MaxvCpus": make_ref("MaxVcpus"),
        "Subnets": network.subnets,
        "SecurityGroupIds": [network.security_group],
    }
    properties: Values = {
        "Type": "MANAGED",
        "State": "ENABLED",
        "ReplaceComputeEnvironment": False,
        "ComputeResources": resources,
        "Tags": make_tag_map(),
    }
    if not kind.is_fargate:
        resources |= _make_instance_members(kind, resource_type)
        properties["UpdatePolicy"] = {
            "TerminateJobsOnUpdate": False,
            "JobExecutionTimeoutMinutes": UPDATE_MINUTES,
        }
    environment: Values = {"Type": "AWS::Batch::ComputeEnvironment"}
    if network.needed:
        environment["DependsOn"] = list(network.needed)
    return environment | {"Properties": properties}


def _make_instance_members(kind: Kind, resource_type: str) -> Values:
    return {
        "AllocationStrategy": STRATEGIES[resource_type],
        "MinvCpus": 0,
        "InstanceTypes": make_ref(kind.parameter),
        "Ec2Configuration": [{"ImageType": kind.image_type}],
        "InstanceRole": get_attribute("InstanceProfile", "Arn"),
        "LaunchTemplate": {
            "LaunchTemplateId": make_ref("LaunchTemplate"),
            "Version": get_attribute("LaunchTemplate", "LatestVersionNumber"),
        },
        "UpdateToLatestImageVersion": True,
        "Tags": {"Name": make_ref("AWS::StackName"), **make_tag_map()},
    }


def make_queue(priority: int, environments: tuple[str, ...]) -> Values:
    """Return a job queue on compute environments, the first one preferred.

    It has no name of its own: a queue that must be replaced could not be, as its name is taken
    (https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2463).
    """
    return {
        "Type": "AWS::Batch::JobQueue",
        "Properties": {
            "State": "ENABLED",
            "Priority": priority,
            "ComputeEnvironmentOrder": [
                {"Order": number, "ComputeEnvironment": make_ref(name)}
                for number, name in enumerate(environments, start=1)
            ],
            "Tags": make_tag_map(),
        },
    }
