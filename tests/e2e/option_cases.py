"""Every option of batchx: a rule that sets it, what Batch stores of it, what a container shows."""

from dataclasses import dataclass, field
from typing import Any

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/batchx-local-job"
EXECUTION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/batchx-local-execution"
LOG_GROUP = "/lab/options"
SECRET_VALUE = "xyzzy-only-in-the-container"
LINUX = "definition.containerProperties.linuxParameters"


@dataclass(frozen=True)
class Case:
    """A rule's resources and command, and what comes of them.

    `stored` maps places in what Batch tells of definition and job to values; `shown` is the output,
    or a part of it.
    """

    resources: str
    shell: str = "echo ran"
    stored: dict[str, Any] = field(default_factory=dict)
    shown: str = "ran"


CASES: dict[str, Case] = {
    "threads": Case("", "echo {threads}", {"job.VCPU": "2"}, "2"),
    "mem_mb": Case("mem_mb=400", "echo {resources.mem_mb}", {"job.MEMORY": "638"}, "400"),
    # Snakemake itself rounds up to whole MB (1074) and from there to MiB.
    "mem_text": Case("mem='1GiB'", "echo {resources.mem_mib}", {"job.MEMORY": "1281"}, "1025"),
    "memory_overhead": Case(
        "mem_mib=400, batchx_memory_overhead=600",
        stored={"job.MEMORY": "1000"},
    ),
    "runtime": Case("runtime=3", stored={"job.timeout.attemptDurationSeconds": 180}),
    "runtime_text": Case("runtime='2h'", stored={"job.timeout.attemptDurationSeconds": 7200}),
    "disk": Case("disk_mb=10"),
    "tmpdir": Case("tmpdir='/tmp/mine'", 'echo "$TMPDIR"; touch "$TMPDIR/x"', {}, "/tmp/mine"),
    "queue": Case(
        "batchx_queue='option-fair', batchx_share='lab', batchx_priority=9",
        'echo "$AWS_BATCH_JQ_NAME"',
        {"job.shareIdentifier": "lab", "job.schedulingPriority": 9},
        "option-fair",
    ),
    "image": Case("batchx_image=OTHER", "cat /which", {}, "the other image"),
    "job_role": Case(
        f"batchx_job_role='{ROLE}'",
        stored={"definition.containerProperties.jobRoleArn": ROLE},
    ),
    "execution_role": Case(
        f"batchx_execution_role='{EXECUTION_ROLE}'",
        stored={"definition.containerProperties.executionRoleArn": EXECUTION_ROLE},
    ),
    "arch": Case("batchx_arch='x86_64'", "uname -m", {}, "x86_64"),
    "consumables": Case(
        "batchx_consumables='licence=2'",
        stored={
            "definition.consumableResourceProperties.consumableResourceList": [
                {"consumableResource": "licence", "quantity": 2}
            ]
        },
    ),
    "runnable_timeout": Case("batchx_runnable_timeout='2h'"),
    "retries": Case("batchx_retries=5", stored={"job.retryStrategy.attempts": 6}),
    "tags": Case(
        "batchx_tags='project=flu virus,owner=me'",
        stored={"job.tags.project": "flu virus", "job.tags.owner": "me"},
    ),
    "log_group": Case(
        f"batchx_log_group='{LOG_GROUP}'",
        "echo said >&2; echo ran",
        {"definition.containerProperties.logConfiguration.options.awslogs-group": LOG_GROUP},
    ),
    "array": Case("batchx_array='off'"),
    "env": Case(
        "batchx_options='-e A=b=c --env QUOTED=\"two words\"'",
        'echo "$A/$QUOTED"',
        {"environment.A": "b=c", "environment.QUOTED": "two words"},
        "b=c/two words",
    ),
    "env_of_head": Case(
        "batchx_options='-e OPTION_TOKEN'", 'echo "$OPTION_TOKEN"', {}, "of the head"
    ),
    "env_preload": Case(
        "batchx_options='-e LD_PRELOAD=/none.so'", 'echo "$LD_PRELOAD"', {}, "/none.so"
    ),
    "init": Case(
        "batchx_options='--init'",
        "tr '\\\\000' ' ' < /proc/1/cmdline",
        {f"{LINUX}.initProcessEnabled": True},
        "docker-init",
    ),
    "memory_swap": Case(
        "mem_mib=400, batchx_options='--memory-swap 900m --memory-swappiness 10'",
        "cat /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes /sys/fs/cgroup/memory.swap.max "
        "2>/dev/null || true",
        {f"{LINUX}.maxSwap": 244, f"{LINUX}.swappiness": 10},
        "",
    ),
    "read_only": Case(
        "batchx_options='--read-only'",
        "touch /made 2>/dev/null || echo cannot",
        {"definition.containerProperties.readonlyRootFilesystem": True},
        "cannot",
    ),
    "shm_size": Case(
        "batchx_options='--shm-size 48m'",
        "df -m /dev/shm | tail -n 1 | awk '{{print $2}}'",
        {f"{LINUX}.sharedMemorySize": 48},
        "48",
    ),
    "tmpfs": Case(
        "batchx_options='--tmpfs /fast:size=32m,mode=1777,noexec'",
        "grep ' /fast ' /proc/mounts",
        {
            f"{LINUX}.tmpfs": [
                {"containerPath": "/fast", "size": 32, "mountOptions": ["mode=1777", "noexec"]}
            ]
        },
        "noexec,relatime,size=32768k",
    ),
    "user": Case(
        "batchx_options='-u 1000:1000'",
        "id -u",
        {"definition.containerProperties.user": "1000:1000"},
        "1000",
    ),
    "ulimit": Case(
        "batchx_options='--ulimit nofile=1024 --ulimit core=0:1'",
        "ulimit -n; ulimit -Hn; ulimit -Hc",
        {
            "definition.containerProperties.ulimits": [
                {"name": "nofile", "softLimit": 1024, "hardLimit": 1024},
                {"name": "core", "softLimit": 0, "hardLimit": 1},
            ]
        },
        "1024\n1024\n",
    ),
    "device": Case(
        "batchx_options='--device /dev/null:/dev/sink:rw'",
        "echo gone > /dev/sink && ls /dev/sink",
        {
            f"{LINUX}.devices": [
                {
                    "hostPath": "/dev/null",
                    "containerPath": "/dev/sink",
                    "permissions": ["READ", "WRITE"],
                }
            ]
        },
        "/dev/sink",
    ),
    "volumes": Case(
        "batchx_volumes=f'{HOST}:/data:ro {HOST}/out'",
        "cat /data/given; touch /data/x 2>/dev/null || echo closed; echo made > $HOST/out/made",
        {},
        "of the host\nclosed\n",
    ),
    "efs_writer": Case(
        "batchx_volumes='efs://fs-0123456789abcdef0/ref:/ref:iam'",
        "echo kept > /ref/kept; echo ran",
        {
            "volume.efsVolumeConfiguration": {
                "fileSystemId": "fs-0123456789abcdef0",
                "rootDirectory": "/ref",
                "transitEncryption": "ENABLED",
                "authorizationConfig": {"iam": "ENABLED"},
            }
        },
    ),
    "s3_files": Case(
        "batchx_queue='option-fargate', batchx_volumes="
        f"'s3files://arn:aws:s3files:us-east-1:{ACCOUNT}:file-system/fs-0123456789abcdef0:/objects'"
        f", batchx_execution_role='{EXECUTION_ROLE}'",
        "echo kept > /objects/kept; cat /objects/kept",
        {
            "volume.s3filesVolumeConfiguration.fileSystemArn": (
                f"arn:aws:s3files:us-east-1:{ACCOUNT}:file-system/fs-0123456789abcdef0"
            ),
            "definition.containerProperties.fargatePlatformConfiguration.platformVersion": "1.4.0",
        },
        "kept",
    ),
    "secrets": Case(
        "batchx_secrets=f'TOKEN={SECRET},KEY={PARAMETER}'"
        f", batchx_execution_role='{EXECUTION_ROLE}'",
        'echo "$TOKEN" "$KEY" | wc -c',
        {},
        str(len(f"{SECRET_VALUE} {SECRET_VALUE}\n")),
    ),
    "fargate": Case(
        "batchx_queue='option-fargate', mem_mb=600, disk_mb=40000, batchx_public_ip='on'"
        f", batchx_platform_version='1.4.0', batchx_execution_role='{EXECUTION_ROLE}'",
        'echo "$AWS_EXECUTION_ENV"',
        {
            "job.VCPU": "2",
            "job.MEMORY": "4096",
            "definition.platformCapabilities": ["FARGATE"],
            "definition.containerProperties.ephemeralStorage.sizeInGiB": 38,
            "definition.containerProperties.networkConfiguration.assignPublicIp": "ENABLED",
            "definition.containerProperties.fargatePlatformConfiguration.platformVersion": "1.4.0",
        },
        "AWS_ECS_FARGATE",
    ),
}
