"""What the head's calls of Batch need, and its looks at the account: IAM, EC2, logs, quotas.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsbatch.html, and for calls
about several jobs https://docs.aws.amazon.com/batch/latest/APIReference/API_TerminateJobs.html and
API_CancelJobs.html.

Ending jobs is allowed of all jobs, not only of those with the tag `batchx:run`. A condition on
aws:ResourceTag would refuse the head its own: children of array jobs, which are ended one by one,
have no tags, because a job's tags do not propagate to its children
(https://docs.aws.amazon.com/batch/latest/userguide/tag-resources.html). AWS names the job, not its
tags, as what a policy for TerminateJob and CancelJob may tell apart.
"""

from snakemake_executor_plugin_batchx.permissions.row import (
    HEAD,
    OPTIONAL,
    SETTING,
    WITHHELD,
    Permission,
)

BATCH_CALLS = (
    Permission(
        HEAD,
        "batch.DescribeJobQueues",
        ("batch:DescribeJobQueues",),
        ("Anything",),
        "A run, before its first job, sees whether its queues can take jobs.",
    ),
    Permission(
        HEAD,
        "batch.DescribeComputeEnvironments",
        ("batch:DescribeComputeEnvironments",),
        ("Anything",),
        "What a queue's hosts are says which jobs fit them, and which processor images are for.",
    ),
    Permission(
        HEAD,
        "batch.DescribeJobDefinitions",
        ("batch:DescribeJobDefinitions",),
        ("Anything",),
        "Job definitions that are there already are used again.",
    ),
    Permission(
        HEAD,
        "batch.RegisterJobDefinition",
        ("batch:RegisterJobDefinition",),
        ("Definitions", "Consumables"),
        "Each rule, image and set of options has a job definition.",
    ),
    Permission(
        HEAD,
        "batch.RegisterJobDefinition",
        ("batch:TagResource",),
        ("Definitions",),
        "Definitions are tagged with their rule and workflow, and with your own tags.",
    ),
    Permission(
        HEAD,
        "batch.RegisterJobDefinition",
        ("iam:PassRole",),
        ("Roles",),
        "A definition names the roles that its jobs run with.",
        condition="ToEcs",
    ),
    Permission(
        HEAD,
        "batch.SubmitJob",
        ("batch:SubmitJob",),
        ("Queues", "Definitions", "Jobs", "Consumables"),
        "Jobs are submitted.",
    ),
    Permission(
        HEAD,
        "batch.SubmitJob",
        ("batch:TagResource",),
        ("Definitions", "Jobs"),
        "Jobs are tagged with their run, by which they are found again; AWS asks for the "
        "permission on the definition as well.",
    ),
    Permission(
        HEAD,
        "batch.DescribeJobs",
        ("batch:DescribeJobs",),
        ("Anything",),
        "How far jobs are is asked for a hundred at a time.",
    ),
    Permission(
        HEAD,
        "batch.ListJobs",
        ("batch:ListJobs",),
        ("Anything",),
        "Jobs of arrays are told by their state, and jobs of earlier runs found by their names.",
    ),
    Permission(
        HEAD,
        "batch.TerminateJob",
        ("batch:TerminateJob",),
        ("Jobs",),
        "Ctrl-C, and `batchx jobs sweep`, end jobs.",
    ),
    Permission(
        HEAD,
        "batch.TerminateJobs",
        ("batch:TerminateJob",),
        ("Jobs",),
        "Likewise, fifty at a time.",
    ),
    Permission(
        HEAD,
        "batch.CancelJob",
        ("batch:CancelJob",),
        ("Jobs",),
        "A job that has been RUNNABLE for too long is ended, unless it has begun meanwhile.",
        SETTING,
        setting="--batchx-runnable-timeout",
        loss="jobs wait on, and you are warned",
    ),
    Permission(
        HEAD,
        "batch.CancelJobs",
        ("batch:CancelJob",),
        ("Jobs",),
        "Likewise, fifty at a time.",
        SETTING,
        setting="--batchx-runnable-timeout",
        loss="jobs wait on, and you are warned",
    ),
    Permission(
        HEAD,
        "batch.DescribeConsumableResource",
        ("batch:DescribeConsumableResource",),
        ("Consumables",),
        "Whether consumable resources are there, and how many are free, is looked at.",
        SETTING,
        setting="batchx_consumables",
        loss="a wrong name is told later",
    ),
    Permission(
        HEAD,
        "batch.GetJobQueueSnapshot",
        ("batch:GetJobQueueSnapshot",),
        ("Queues",),
        "The status line says why jobs wait.",
        OPTIONAL,
        loss="other jobs that come first are not told of",
    ),
    Permission(
        HEAD,
        "batch.DeregisterJobDefinition",
        ("batch:DeregisterJobDefinition",),
        ("Definitions",),
        "`batchx definitions prune` ends definitions that others have superseded.",
        OPTIONAL,
        loss="it ends none; runs never do",
    ),
)

ACCOUNT_CALLS = (
    Permission(
        HEAD,
        "sts.GetCallerIdentity",
        ("sts:GetCallerIdentity",),
        ("Anything",),
        "`batchx doctor` and `batchx policy` tell whose the credentials are.",
        WITHHELD,
        loss="AWS refuses it to nobody, whatever policies say",
    ),
    Permission(
        HEAD,
        "iam.GetRole",
        ("iam:GetRole",),
        ("Roles",),
        "Whether a role is there, and trusts ECS, is looked at before the first job.",
        OPTIONAL,
        loss="a job that cannot have its role says so itself",
    ),
    Permission(
        HEAD,
        "iam.GetInstanceProfile",
        ("iam:GetInstanceProfile",),
        ("InstanceProfiles",),
        "Likewise the instance profiles of compute environments.",
        OPTIONAL,
        loss="jobs of an environment without one wait in RUNNABLE, and are told of then",
    ),
    Permission(
        HEAD,
        "ec2.DescribeInstanceTypes",
        ("ec2:DescribeInstanceTypes",),
        ("Anything",),
        "Whether a job fits the instances of its queue is seen before it is submitted.",
        OPTIONAL,
        loss="a job that is too large waits in RUNNABLE, and is told of then",
    ),
    Permission(
        HEAD,
        "logs.DescribeLogGroups",
        ("logs:DescribeLogGroups",),
        ("Anything",),
        "Whether a log group is there is looked at before the first job.",
        OPTIONAL,
        loss="a job whose log group is not there fails as it starts",
    ),
    Permission(
        HEAD,
        "logs.GetLogEvents",
        ("logs:GetLogEvents",),
        ("LogStreams",),
        "`batchx jobs logs` reads what jobs wrote, and so does a run where a container died "
        "before it could leave its output in S3.",
        OPTIONAL,
        loss="a failure names the log stream instead of showing its end",
    ),
    Permission(
        HEAD,
        "service-quotas.GetServiceQuota",
        ("servicequotas:GetServiceQuota",),
        ("Quotas",),
        "`batchx doctor` compares quotas of vCPUs with what compute environments may have.",
        OPTIONAL,
        loss="it warns that it could not look",
    ),
    Permission(
        HEAD,
        "secretsmanager.GetSecretValue",
        ("secretsmanager:GetSecretValue",),
        ("Logins",),
        "The head reads images of a private registry with the login in this secret.",
        SETTING,
        setting="batchx_registry_credentials",
    ),
    Permission(
        HEAD,
        "secretsmanager.GetSecretValue",
        ("kms:Decrypt",),
        ("SecretKeys",),
        "Where a key of yours encrypts that secret.",
        SETTING,
        condition="ForLogins",
        setting="batchx_registry_credentials",
    ),
)
