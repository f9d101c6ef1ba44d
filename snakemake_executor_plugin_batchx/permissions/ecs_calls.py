"""What ECS needs to start jobs, on Fargate and on the instances of a compute environment."""

from snakemake_executor_plugin_batchx.permissions.image_calls import ALL_IMAGES
from snakemake_executor_plugin_batchx.permissions.row import (
    ECS,
    EXECUTION,
    INSTANCE,
    SETTING,
    Permission,
)

START_CALLS = (
    Permission(
        EXECUTION,
        f"{ECS}log in to ECR",
        ("ecr:GetAuthorizationToken",),
        ("Anything",),
        "All registries of ECR take the login that this gives.",
    ),
    Permission(
        EXECUTION,
        f"{ECS}pull an image",
        ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"),
        ALL_IMAGES,
        "Jobs run in derived images, and in images of ECR that need none.",
    ),
    Permission(
        EXECUTION,
        f"{ECS}write the log",
        ("logs:CreateLogStream", "logs:PutLogEvents"),
        ("LogStreams",),
        "What a container writes goes to a stream of the log group, which has to be there "
        "(Batch makes /aws/batch/job itself).",
    ),
)
"""What the start of every job takes. Where its definition names an execution role, ECS uses that
on instances, too: for images as for logs, which its agent does wherever ecs-init started it. Where
it names none, instances do this with their own role
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html,
https://github.com/aws/amazon-ecs-agent/blob/master/README.md,
ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE)."""

EXECUTION_CALLS = (
    *START_CALLS,
    Permission(
        EXECUTION,
        f"{ECS}read secrets",
        ("secretsmanager:GetSecretValue",),
        ("Secrets",),
        "Secrets of Secrets Manager become variables of the container.",
        SETTING,
        setting="batchx_secrets",
    ),
    Permission(
        EXECUTION,
        f"{ECS}read secrets",
        ("ssm:GetParameters",),
        ("Parameters",),
        "Parameters of Systems Manager become variables of the container.",
        SETTING,
        setting="batchx_secrets",
    ),
    Permission(
        EXECUTION,
        f"{ECS}read logins",
        ("secretsmanager:GetSecretValue",),
        ("Logins",),
        "Images that stay in a private registry are pulled with the login in this secret.",
        SETTING,
        setting="batchx_registry_credentials",
    ),
    Permission(
        EXECUTION,
        f"{ECS}read secrets",
        ("kms:Decrypt",),
        ("SecretKeys",),
        "Where a key of yours encrypts them.",
        SETTING,
        condition="ForSecrets",
        setting="batchx_secrets, batchx_registry_credentials",
    ),
)

INSTANCE_CALLS = (
    Permission(
        INSTANCE,
        f"{ECS}DiscoverPollEndpoint",
        ("ecs:DiscoverPollEndpoint",),
        ("Anything",),
        "The agent on the instance asks where to hear of its tasks.",
    ),
    Permission(
        INSTANCE,
        f"{ECS}RegisterContainerInstance",
        ("ecs:RegisterContainerInstance", "ecs:DeregisterContainerInstance"),
        ("Clusters",),
        "An instance joins the cluster that Batch made for the compute environment, and leaves it.",
    ),
    Permission(
        INSTANCE,
        f"{ECS}Submit*StateChange",
        (
            "ecs:SubmitAttachmentStateChanges",
            "ecs:SubmitContainerStateChange",
            "ecs:SubmitTaskStateChange",
        ),
        ("Clusters",),
        "The agent tells how far containers are.",
    ),
    Permission(
        INSTANCE,
        f"{ECS}Poll, StartTelemetrySession",
        ("ecs:Poll", "ecs:StartTelemetrySession"),
        ("ClusterInstances",),
        "The agent hears of its tasks, and tells what they use.",
    ),
    Permission(
        INSTANCE,
        f"{ECS}UpdateContainerInstancesState",
        ("ecs:UpdateContainerInstancesState",),
        ("ClusterInstances",),
        "An instance that is about to be taken away (spot) takes no more jobs.",
    ),
)
"""After https://docs.aws.amazon.com/aws-managed-policy/latest/reference/
AmazonEC2ContainerServiceforEC2Role.html, without what instances of Batch do not do: make clusters,
read the tags of instances, and tag."""
