"""Failures to make a container and to start it.

What the ECS agent says: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/
stopped-task-error-codes.html and
https://github.com/aws/amazon-ecs-agent/blob/master/agent/dockerclient/dockerapi/errors.go
"""

from snakemake_executor_plugin_batchx.plan.failure_row import FailureRow, Place, RetriedBy

LOGGING = r"(logging driver|logger args|log ?stream|log ?group)"

NVIDIA = (
    r"nvidia-container|libnvidia|nvidia-smi.*(fail|error)"
    r"|(device driver|runtime name:|runtime specified)\W*nvidia"
)
"""Its driver and tools, not an image of that name."""

TRY_AGAIN = "Start the workflow again."

STARTS = (
    FailureRow(
        kind="disk",
        place=Place.WORDS,
        pattern=r"no space left on device",
        shown="CannotCreateContainerError: … no space left on device",
        sentence="its host's disk was full",
        advice="Give the queue's instances a larger volume (launch template).",
    ),
    FailureRow(
        kind="permission",
        place=Place.WORDS,
        pattern=LOGGING + r".*(AccessDenied|not authorized)",
        shown="… failed to create Cloudwatch log stream: AccessDeniedException",
        sentence="it may not write its output to CloudWatch",
        advice=(
            "Give the instance role (with an execution role: that one) logs:CreateLogStream and "
            "logs:PutLogEvents (batchx policy instance, or execution, prints what it needs)."
        ),
    ),
    FailureRow(
        kind="settings",
        place=Place.WORDS,
        pattern=r"log group does not exist",
        shown="… The specified log group does not exist.",
        sentence="its log group does not exist",
        advice="Create it in the queue's region, or name another one (--batchx-log-group).",
    ),
    FailureRow(
        kind="start",
        place=Place.WORDS,
        pattern=LOGGING,
        shown="… failed to initialize logging driver: …",
        sentence="its log could not be set up",
        advice=(
            "See what Batch says: often the queue's subnets have no way to CloudWatch Logs (NAT "
            "gateway, or the VPC endpoint logs)."
        ),
    ),
    FailureRow(
        kind="permission",
        place=Place.WORDS,
        pattern=r"(secret|registry auth|ssm).*(AccessDenied|not authorized)",
        shown="ResourceInitializationError: unable to pull secrets … AccessDeniedException",
        sentence="its execution role may not read a secret or the registry's login",
        advice=(
            "Give the execution role (--batchx-execution-role) AmazonECSTaskExecutionRolePolicy, "
            "and for secrets secretsmanager:GetSecretValue or ssm:GetParameters, with kms:Decrypt "
            "for a key of your own (batchx policy execution prints what it needs)."
        ),
    ),
    FailureRow(
        kind="start",
        place=Place.WORDS,
        pattern=r"unable to (pull|retrieve|fetch) (secret|registry auth)|failed to fetch secret",
        shown="ResourceInitializationError: unable to pull secrets or registry auth: …",
        sentence="its secrets or the registry's login could not be fetched",
        advice=(
            "See that they exist in this region, and that the queue's subnets have a way to them: "
            "a NAT gateway, public addresses (on Fargate batchx_public_ip), or VPC endpoints."
        ),
    ),
    FailureRow(
        kind="start",
        place=Place.WORDS,
        pattern=r"EFS utils|mount\.nfs|VolumeDriver|CannotCreateVolume|error while mounting volume",
        shown="ResourceInitializationError: failed to invoke EFS utils commands …",
        sentence="a volume of it could not be mounted",
        advice=(
            "Check the file system's id and access point, that it has a mount target in each of "
            "the queue's zones with port 2049 open, and elasticfilesystem:ClientMount of the job "
            "role."
        ),
    ),
    FailureRow(
        kind="start",
        place=Place.WORDS,
        pattern=NVIDIA,
        shown="CannotStartContainerError: … nvidia-container-cli: initialization error",
        sentence="its host could not give it a GPU",
        advice=(
            "Use a queue of GPU instances with the ECS GPU image (ECS_AL2023_NVIDIA); if it was "
            "well on other hosts, start the workflow again."
        ),
    ),
    FailureRow(
        kind="start",
        place=Place.WORDS,
        pattern=r"gathering device information",
        shown="CannotStartContainerError: … error gathering device information …",
        sentence="its host has not the device that it asks for",
        advice="Name a device that the queue's instances have, or another queue.",
    ),
    FailureRow(
        kind="image",
        place=Place.WORDS,
        pattern=r"exec format error",
        shown="CannotStartContainerError: … exec format error",
        sentence="image {image} is not for the processor of its host",
        advice="Use a queue whose instances have the image's processor, or another image.",
    ),
    FailureRow(
        kind="start",
        place=Place.WORDS,
        pattern=r"Cannot(Start|Create).*(\bmounting\b|read-only file system|volume mounts|chown)",
        shown="CannotStartContainerError: … mounting … to rootfs …",
        sentence="a volume of it could not be put at its place in the container",
        advice="Check batchx_volumes: whether the path is there on the host, as folder or file.",
    ),
    FailureRow(
        kind="start",
        place=Place.WORDS,
        pattern=r"CannotStart.*(executable file not found|no such file)",
        shown="CannotStartContainerError: … executable file not found in $PATH",
        sentence="image {image} has not the program that its container is to start",
        advice=(
            "With --batchx-runtime mount or image, see that batchx's runtime is where it should "
            "be; with job-definition://, see to the definition's command and the image's "
            "ENTRYPOINT."
        ),
    ),
    FailureRow(
        kind="start",
        place=Place.WORDS,
        pattern=r"CannotStart.*permission denied",
        shown="CannotStartContainerError: … permission denied",
        sentence="the program that its container is to start may not be executed",
        advice="See the user and the file modes in image {image}, and noexec mounts on the host.",
    ),
    FailureRow(
        kind="infrastructure",
        place=Place.WORDS,
        pattern=r"DockerTimeoutError|ContainerRuntimeTimeoutError",
        shown="DockerTimeoutError: Could not transition to created; timed out …",
        sentence="Docker on its host did not answer in time",
        advice=f"{TRY_AGAIN} The usual cause are slow disks of busy hosts: faster ones help.",
        retried_by=RetriedBy.BATCH,
        retried=(("onReason", "DockerTimeout*"),),
    ),
    FailureRow(
        kind="infrastructure",
        place=Place.WORDS,
        pattern=r"CannotInspectContainerError|CannotStopContainerError|CannotDescribeContainerError",
        shown="CannotInspectContainerError: Could not transition to inspecting; timed out …",
        sentence="Docker on its host did not tell how its container ended",
        advice=TRY_AGAIN,
        retried_by=RetriedBy.SNAKEMAKE,
    ),
    FailureRow(
        kind="infrastructure",
        place=Place.WORDS,
        pattern=r"CgroupError|DockerStateError|ContainerRuntimeError",
        shown="CgroupError: Agent could not create task's platform resources",
        sentence="its host could not run its container",
        advice=TRY_AGAIN,
        retried_by=RetriedBy.SNAKEMAKE,
    ),
    FailureRow(
        kind="infrastructure",
        place=Place.WORDS,
        pattern=r"network interface provisioning|configure ENI|setup regular eni",
        shown="Timeout waiting for network interface provisioning to complete.",
        sentence="it got no network interface",
        advice=f"{TRY_AGAIN} If it fails again, see that the subnets have free addresses.",
        retried_by=RetriedBy.SNAKEMAKE,
    ),
    FailureRow(
        kind="permission",
        place=Place.WORDS,
        pattern=r"unable to assume the role",
        shown="ECS was unable to assume the role '…' that was provided for this task. …",
        sentence="ECS may not assume its job role or execution role",
        advice=(
            "See that the role exists and that its trust policy allows ecs-tasks.amazonaws.com "
            "sts:AssumeRole."
        ),
    ),
    FailureRow(
        kind="settings",
        place=Place.STATUS,
        pattern=r"Overrides length must be at most",
        shown="Container Overrides length must be at most 8192",
        sentence="its command and variables are longer than the 8,192 characters that ECS allows",
        advice="Shorten the S3 root, and the command or variables that options add to the job.",
        is_plain=True,
    ),
    FailureRow(
        kind="settings",
        place=Place.STATUS,
        pattern=r"combined tags .* over 50",
        shown="The total number of combined tags from the job and job definition is over 50",
        sentence="it and its definition have more than 50 tags",
        advice="Give fewer tags (--batchx-tags).",
        is_plain=True,
    ),
    FailureRow(
        kind="settings",
        place=Place.STATUS,
        pattern=r"secret name must be unique",
        shown="The secret name must be unique and not shared with any … environment variables …",
        sentence="one of its secrets has the name of another variable of it",
        advice="Give the secret a name of its own.",
    ),
    FailureRow(
        kind="start",
        place=Place.WORDS,
        pattern=r"CannotStartContainerError|CannotCreateContainerError|ResourceInitializationError",
        shown="CannotStartContainerError: …",
        sentence="its container could not be started",
        advice="See what Batch says.",
    ),
    FailureRow(
        kind="start",
        place=Place.STATUS,
        pattern=r"Task failed to start",
        shown="Task failed to start",
        sentence="it could not be started, and ECS does not say why",
        advice=f"{TRY_AGAIN} If it happens again, look at the stopped task in the ECS console.",
        retried_by=RetriedBy.SNAKEMAKE,
        is_plain=True,
    ),
)
"""In the order in which they are tried."""
