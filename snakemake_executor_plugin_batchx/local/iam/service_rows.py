"""Which actions on which resources the operations of each service need.

A template names a resource: ``job-queue/{jobQueue}`` is completed to an ARN of the account, and
what stands in braces is looked up in the request (jmespath). A value that is an ARN already stands
for itself, a list for as many resources. An operation without a row needs the action of its own
name on ``*``; S3 has a table of its own (s3_needs.py).

Sources: https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html, one
page a service, and the resources that AWS's refusals name:
- SubmitJob: https://github.com/aws/aws-sdk-js/issues/4280,
  https://github.com/JuliaCloud/AWS.jl/issues/617
- its tags: https://github.com/wri/gfw-data-api/pull/175
- TerminateJobs: https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateJobs.html
- log groups: https://github.com/hashicorp/terraform-provider-aws/issues/8804
- log streams: https://github.com/aws-solutions/aws-crr-monitor/issues/8
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

ECS_TASKS = "ecs-tasks.amazonaws.com"
ANY = "*"


@dataclass(frozen=True)
class Row:
    """What one operation needs.

    Attributes:
        resources: templates; all of them are needed.
        action: where it has not the operation's name.
        tagged: what a request with tags needs the service's tagging action on, where it is not
            the same.
        is_free: True for what everybody may do.
    """

    resources: tuple[str, ...] = (ANY,)
    action: str | None = None
    tagged: tuple[str, ...] | None = None
    is_free: bool = False


@dataclass(frozen=True)
class Service:
    """One service.

    Attributes:
        prefix: of its actions.
        rows: by operation.
        tagging: the action that a request with tags needs, too; None where they need none.
        keys: condition keys, in lower case, with where the request has their values.
        is_global: True where ARNs have no region.
        fallback: templates for operations without a row; the first whose value is given counts.
    """

    prefix: str
    rows: Mapping[str, Row] = field(default_factory=dict)
    tagging: str | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    is_global: bool = False
    fallback: tuple[str, ...] = ()


def _share(*resources: str, operations: str) -> dict[str, Row]:
    """The same row for several operations."""
    return dict.fromkeys(operations.split(), Row(resources))


_JOB = "job/{jobId}"
_ENVIRONMENT = "compute-environment/{computeEnvironment}"
_ENVIRONMENTS = "compute-environment/{computeEnvironmentOrder[].computeEnvironment}"
_CONSUMABLE = "consumable-resource/{consumableResource}"
_LISTED = "consumableResourceList[].consumableResource || `[]`}"
_REQUIRED = "consumable-resource/{consumableResourceProperties." + _LISTED
_OVERRIDDEN = "consumable-resource/{consumableResourcePropertiesOverride." + _LISTED
BATCH = Service(
    "batch",
    {
        "CancelJob": Row((_JOB,)),
        "CancelJobs": Row(("job/{jobs}",), action="CancelJob"),
        "TerminateJob": Row((_JOB,)),
        "TerminateJobs": Row(("job/{jobs}",), action="TerminateJob"),
        # The job has no id yet.
        "SubmitJob": Row(
            ("job-definition/{jobDefinition}", "job-queue/{jobQueue}", "job/*", _OVERRIDDEN),
            tagged=("job-definition/{jobDefinition}", "job/*"),
        ),
        "GetJobQueueSnapshot": Row(("job-queue/{jobQueue}",)),
        "RegisterJobDefinition": Row(
            ("job-definition/{jobDefinitionName}", _REQUIRED),
            tagged=("job-definition/{jobDefinitionName}",),
        ),
        "DeregisterJobDefinition": Row(("job-definition/{jobDefinition}",)),
        "CreateComputeEnvironment": Row(("compute-environment/{computeEnvironmentName}",)),
        "UpdateComputeEnvironment": Row((_ENVIRONMENT,)),
        "DeleteComputeEnvironment": Row((_ENVIRONMENT,)),
        "CreateJobQueue": Row(("job-queue/{jobQueueName}", _ENVIRONMENTS)),
        "UpdateJobQueue": Row(("job-queue/{jobQueue}",)),
        "DeleteJobQueue": Row(("job-queue/{jobQueue}",)),
        "CreateSchedulingPolicy": Row(("scheduling-policy/{name}",)),
        "CreateConsumableResource": Row(("consumable-resource/{consumableResourceName}",)),
        **_share(
            _CONSUMABLE,
            operations="DescribeConsumableResource UpdateConsumableResource "
            "DeleteConsumableResource ListJobsByConsumableResource",
        ),
        **_share("{resourceArn}", operations="TagResource UntagResource ListTagsForResource"),
    },
    tagging="TagResource",
    keys={
        "batch:shareidentifier": "shareIdentifier",
        "batch:image": "containerProperties.image",
        "batch:user": "containerProperties.user",
        "batch:privileged": "containerProperties.privileged",
        "batch:logdriver": "containerProperties.logConfiguration.logDriver",
        "batch:awslogsgroup": 'containerProperties.logConfiguration.options."awslogs-group"',
        "batch:awslogsregion": 'containerProperties.logConfiguration.options."awslogs-region"',
        "batch:awslogsstreamprefix": (
            'containerProperties.logConfiguration.options."awslogs-stream-prefix"'
        ),
        "batch:awslogscreategroup": (
            'containerProperties.logConfiguration.options."awslogs-create-group"'
        ),
    },
)
_GROUP = "log-group:{logGroupName || logGroupIdentifier}:log-stream:"
LOGS = Service(
    "logs",
    {
        **_share(
            _GROUP,
            operations="CreateLogGroup DeleteLogGroup DescribeLogStreams FilterLogEvents "
            "PutRetentionPolicy DeleteRetentionPolicy ListTagsLogGroup TagLogGroup UntagLogGroup",
        ),
        **_share(
            _GROUP + "{logStreamName}",
            operations="CreateLogStream DeleteLogStream GetLogEvents PutLogEvents",
        ),
        "DescribeLogGroups": Row(("log-group::log-stream:",)),
        **_share("{resourceArn}", operations="TagResource UntagResource ListTagsForResource"),
    },
    tagging="TagResource",
)
ECR = Service(
    "ecr",
    {
        **_share(
            "repository/{repositoryName}",
            operations="BatchCheckLayerAvailability BatchDeleteImage BatchGetImage "
            "CompleteLayerUpload CreateRepository DeleteLifecyclePolicy DeleteRepository "
            "DeleteRepositoryPolicy DescribeImages DescribeImageScanFindings "
            "GetDownloadUrlForLayer GetLifecyclePolicy GetRepositoryPolicy InitiateLayerUpload "
            "ListImages PutImage PutImageScanningConfiguration PutImageTagMutability "
            "PutLifecyclePolicy SetRepositoryPolicy StartImageScan UploadLayerPart",
        ),
        "DescribeRepositories": Row(("repository/{repositoryNames || '*'}",)),
        **_share("{resourceArn}", operations="TagResource UntagResource ListTagsForResource"),
    },
    tagging="TagResource",
)
SECRETS_MANAGER = Service(
    "secretsmanager",
    {
        "CreateSecret": Row(("secret:{Name}",)),
        "GetRandomPassword": Row(),
        "ListSecrets": Row(),
    },
    tagging="TagResource",
    fallback=("secret:{SecretId}",),
)
SSM = Service(
    "ssm",
    {
        **_share("parameter/{Name}", operations="GetParameter PutParameter DeleteParameter"),
        **_share("parameter/{Names}", operations="GetParameters DeleteParameters"),
        "GetParametersByPath": Row(("parameter/{Path}",)),
        "GetParameterHistory": Row(("parameter/{Name}",)),
    },
    tagging="AddTagsToResource",
)
SERVICE_QUOTAS = Service(
    "servicequotas",
    _share("{ServiceCode}/{QuotaCode}", operations="GetServiceQuota RequestServiceQuotaIncrease"),
)
STS = Service(
    "sts",
    {
        "GetCallerIdentity": Row(is_free=True),
        "GetSessionToken": Row(is_free=True),
        "AssumeRole": Row(("role/{RoleArn}",)),
        "GetFederationToken": Row(("federated-user/{Name}",)),
    },
    keys={"sts:rolesessionname": "RoleSessionName", "sts:externalid": "ExternalId"},
    is_global=True,
)
_PROFILE = "instance-profile/{InstanceProfileName}"
IAM = Service(
    "iam",
    {
        **_share(
            _PROFILE,
            operations="AddRoleToInstanceProfile CreateInstanceProfile DeleteInstanceProfile "
            "GetInstanceProfile RemoveRoleFromInstanceProfile",
        ),
        "CreatePolicy": Row(("policy/{PolicyName}",)),
        "CreateServiceLinkedRole": Row(("role/aws-service-role/{AWSServiceName}/*",)),
        "SimulatePrincipalPolicy": Row(("{PolicySourceArn}",)),
    },
    keys={"iam:awsservicename": "AWSServiceName"},
    is_global=True,
    fallback=(
        "role/{RoleName}",
        "user/{UserName}",
        "group/{GroupName}",
        "policy/{PolicyArn}",
        _PROFILE,
    ),
)
EC2 = Service("ec2")
ECS = Service(
    "ecs",
    _share("{containerInstances}", operations="DescribeContainerInstances"),
    fallback=("cluster/{cluster}",),
)
CLOUD_FORMATION = Service(
    "cloudformation",
    {
        "DescribeStacks": Row(("stack/{StackName || '*'}/*",)),
        "GetTemplateSummary": Row(),
    },
    fallback=("stack/{StackName}/*",),
)

SERVICES: Mapping[str, Service] = MappingProxyType(
    {
        "batch": BATCH,
        "cloudformation": CLOUD_FORMATION,
        "ec2": EC2,
        "ecr": ECR,
        "ecs": ECS,
        "iam": IAM,
        "logs": LOGS,
        "secretsmanager": SECRETS_MANAGER,
        "servicequotas": SERVICE_QUOTAS,
        "ssm": SSM,
        "sts": STS,
    }
)
"""By the service's name in a signature's credential scope."""


@dataclass(frozen=True)
class PassedRole:
    """A role that an operation hands to a service: where it stands, and which service.

    ``is_profile`` is true where the request names the instance profile that the role is in.
    """

    place: str
    service: str
    is_profile: bool = False


_CONTAINERS = (
    "[containerProperties, nodeProperties.nodeRangeProperties[].container][]",
    "[ecsProperties, nodeProperties.nodeRangeProperties[].ecsProperties][].taskProperties[]",
)
PASSED_ROLES: Mapping[tuple[str, str], tuple[PassedRole, ...]] = MappingProxyType(
    {
        ("batch", "RegisterJobDefinition"): (
            PassedRole(_CONTAINERS[0] + ".[jobRoleArn, executionRoleArn][]", ECS_TASKS),
            PassedRole(_CONTAINERS[1] + ".[taskRoleArn, executionRoleArn][]", ECS_TASKS),
        ),
        ("batch", "CreateComputeEnvironment"): (
            PassedRole("serviceRole", "batch.amazonaws.com"),
            PassedRole("computeResources.instanceRole", "ec2.amazonaws.com", is_profile=True),
            PassedRole("computeResources.spotIamFleetRole", "spotfleet.amazonaws.com"),
        ),
        ("batch", "UpdateComputeEnvironment"): (
            PassedRole("serviceRole", "batch.amazonaws.com"),
            PassedRole("computeResources.instanceRole", "ec2.amazonaws.com", is_profile=True),
        ),
        ("iam", "AddRoleToInstanceProfile"): (PassedRole("RoleName", "ec2.amazonaws.com"),),
        ("cloudformation", "CreateStack"): (PassedRole("RoleARN", "cloudformation.amazonaws.com"),),
        ("cloudformation", "UpdateStack"): (PassedRole("RoleARN", "cloudformation.amazonaws.com"),),
    }
)
"""By service and operation.

Sources: https://docs.aws.amazon.com/batch/latest/userguide/create-execution-role.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
"""
