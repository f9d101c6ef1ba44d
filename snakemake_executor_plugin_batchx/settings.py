"""The settings of the executor: what each means. What is wrong with one: setting_checks.py."""

from dataclasses import dataclass

from snakemake_interface_executor_plugins.settings import ExecutorSettingsBase

from snakemake_executor_plugin_batchx.plan.cache_folder import split_patterns
from snakemake_executor_plugin_batchx.s3_settings import S3Settings
from snakemake_executor_plugin_batchx.setting_fields import make_list, make_setting

LOCAL_QUEUE = "local"
"""The queue name that stands for the embedded Batch."""

FAILED_LOGS = "failed"
ALL_LOGS = "all"
"""Whose output is saved."""


@dataclass
class ExecutorSettings(S3Settings, ExecutorSettingsBase):  # type: ignore[misc]
    """Settings of `--executor batchx`; Snakemake makes `--batchx-…` options of the fields."""

    job_queue: str | None = make_setting(
        "The AWS Batch job queue that runs the jobs: its name or its ARN. 'local' starts a Batch "
        "of our own on this machine, for trying and testing: no AWS account is needed.",
        "QUEUE",
        type=str,
    )
    region: str | None = make_setting(
        "The AWS region of the queue, such as eu-west-1. Default: that of the queue's ARN, else "
        "what AWS's own tools would use (AWS_REGION, AWS_DEFAULT_REGION, the profile).",
        "REGION",
        type=str,
    )
    profile: str | None = make_setting(
        "The profile in ~/.aws/config whose credentials are used on this machine. Default: what "
        "AWS's own tools would use. Jobs never get them: they have a role.",
        "NAME",
        type=str,
    )
    s3_root: str | None = make_setting(
        "Where jobs and this machine exchange files: s3://bucket/prefix. The bucket must exist. "
        "Default with an s3 default storage provider: .batchx below its prefix. "
        "With --batchx-job-queue local a bucket is made.",
        "S3_URL",
        type=str,
    )
    job_role: str | None = make_setting(
        "ARN of the IAM role that jobs run with: it lets them read and write the S3 root. "
        "Default: the role of the instances.",
        "ARN",
        type=str,
    )
    execution_role: str | None = make_setting(
        "ARN of the IAM role that ECS itself uses to pull images and write logs for a job. "
        "Default: none (the instances' own role).",
        "ARN",
        type=str,
    )
    head_role: str | None = make_setting(
        "ARN of the IAM role that the head of a detached run (batchx run --detach) has in its "
        "container: what batchx policy head allows. Default: the role of the instances.",
        "ARN",
        type=str,
    )
    head_queue: str | None = make_setting(
        "The job queue for the head of a detached run: its name or its ARN. On spot the head may "
        "be started again, on demand it is calmer. Default: --batchx-job-queue.",
        "QUEUE",
        type=str,
    )
    tags: list[str] | None = make_list(  # noqa: RUF009
        "Tags for every job and job definition, for cost reports and policies: one or more "
        "KEY=VALUE, separated by blanks or commas (by commas in the environment variable).",
        "KEY=VALUE",
    )
    log_group: str | None = make_setting(
        "The CloudWatch log group that takes the jobs' output. It must exist. "
        "Default: /aws/batch/job, Batch's own.",
        "NAME",
        type=str,
    )
    logs: str | None = make_setting(
        "Whose output is saved below .snakemake/log/batchx on this machine: of jobs that 'failed', "
        "the default, or of 'all'.",
        "failed|all",
        type=str,
    )
    fallback_queue: str | None = make_setting(
        "The job queue to which a job goes once more when its hosts were taken away (spot) on each "
        "of its attempts, or when it has been RUNNABLE for --batchx-runnable-timeout. Default: "
        "none.",
        "QUEUE",
        type=str,
    )
    runnable_timeout: str | None = make_setting(
        "How long a job may be RUNNABLE, waiting for a place on its queue: such as 90m, 2h or 1d; "
        "a number means minutes. Then it is ended and has failed, or goes to its fallback queue. "
        "Default: as long as it takes.",
        "TIME",
        type=str,
    )
    retries: str | None = make_setting(
        "How often Batch starts a job again when host or network failed it: 0 to 9. Failures of "
        "the tool are Snakemake's (--retries). Default: 2.",
        "N",
        type=str,
    )
    priority: str | None = make_setting(
        "Which job of a share comes first, for queues with a scheduling policy: 0 to 9999.",
        "N",
        type=str,
    )
    share: str | None = make_setting(
        "The share that jobs count to, for queues with a scheduling policy, which demand one.",
        "SHARE",
        type=str,
    )
    memory_overhead: str | None = make_setting(
        "MiB added to the memory that a rule names, for what runs beside its tool: the job's "
        "Snakemake and its transfers. Default: 256.",
        "MIB",
        type=str,
    )
    options: str | None = make_setting(
        "How containers are run, written as for `docker run` and quoted as for a shell: --env, "
        "--init, --memory-swap, --memory-swappiness, --privileged, --read-only, --shm-size, "
        "--tmpfs, --user, --ulimit, --device (a single one after =: --batchx-options=--init). A "
        "rule's batchx_options count over these.",
        "OPTIONS",
        type=str,
    )
    volumes: list[str] | None = make_list(  # noqa: RUF009
        "Volumes of the containers: /host, /host:/path, /host:/path:ro, efs://fs-id/dir:/path or "
        "s3files://ARN:/path, with options such as ro, iam, accesspoint=ID after another colon.",
        "VOLUME",
    )
    secrets: list[str] | None = make_list(  # noqa: RUF009
        "Environment variables that ECS reads from Secrets Manager or SSM: NAME=ARN. They need "
        "--batchx-execution-role.",
        "NAME=ARN",
    )
    registry_credentials: list[str] | None = make_list(  # noqa: RUF009
        "Logins for private registries that are not ECR: HOST=ARN of a secret in Secrets Manager. "
        "Default: what `docker login` left on this machine.",
        "HOST=ARN",
    )
    consumables: list[str] | None = make_list(  # noqa: RUF009
        "Consumable resources of AWS Batch (licences, say) that each job holds: NAME or "
        "NAME=QUANTITY.",
        "NAME[=N]",
    )
    arch: str | None = make_setting(
        "The processor of jobs on Fargate: amd64 (default) or arm64. On EC2 it is the queue's.",
        "amd64|arm64",
        type=str,
    )
    public_ip: str | None = make_setting(
        "Whether jobs on Fargate get a public address, which they need in subnets without NAT: "
        "'on' or 'off', the default.",
        "on|off",
        type=str,
    )
    platform_version: str | None = make_setting(
        "The platform version of Fargate. Default: LATEST.",
        "VERSION",
        type=str,
    )
    report: str | None = make_setting(
        "A file (.html for a page, .csv for a line a job) to which a report of the run is written "
        "at its end, however it ends: what jobs took, where they wasted, what they cost. See "
        "`batchx report`.",
        "FILE",
        type=str,
    )
    prices: str | None = make_setting(
        "What machines cost, for --batchx-report: a file in the form of batchx's own table, or "
        "'aws' to ask AWS. Default: that table.",
        "FILE|aws",
        type=str,
    )
    module_map: str | None = make_setting(
        "A file (.yaml, .toml, .json) that says, for rules or images by pattern, which image, "
        "job definition, version or queue is used instead.",
        "FILE",
        type=str,
    )
    array: str | None = make_setting(
        "Whether jobs of a rule that ask for the same resources and image are submitted together, "
        "as one array job of AWS Batch: 'on', the default, or 'off'. A rule's resource "
        "batchx_array='off' keeps its jobs out of arrays.",
        "on|off",
        type=str,
    )
    scratch: str | None = make_setting(
        "Folder inside the container where a job works: absolute, such as a mounted volume. Each "
        "job makes a folder of its own there and removes it. Default: TMPDIR, else /tmp.",
        "PATH",
        type=str,
    )
    host_cache: str | None = make_setting(
        "Folder of the hosts in which inputs marked by the resource batchx_host_cache are kept for "
        "later jobs, and the most it may hold: PATH or PATH:SIZE, such as "
        "/mnt/batchx-cache:200GiB. Default: /var/lib/batchx-cache, half of its disk.",
        "PATH[:SIZE]",
        type=str,
    )
    host_cache_inputs: list[str] | None = make_setting(  # noqa: RUF009
        "Inputs of any rule that hosts keep for later jobs, as the resource batchx_host_cache "
        "names them for one rule: patterns such as 'ref/*', separated by blanks or commas.",
        "PATTERN",
        nargs="+",
        parse_func=split_patterns,
        unparse_func=",".join,
    )
    local_runner: str | None = make_setting(
        "What runs the jobs of --batchx-job-queue local: 'docker' (each in a container of its "
        "rule's image), 'process' (with this machine's own tools), or 'auto', the default: docker "
        "if a Docker engine is there and the job runtime can be built.",
        "RUNNER",
        type=str,
    )

    runtime: str | None = make_setting(
        "How batchx's own Python and Snakemake reach the containers. 'layer': each image gets them "
        "as a layer, in the account's ECR. 'mount' or 'mount:/path' or 'mount:efs://fs-id/path': "
        "the hosts have them in a folder (default: /batchx) or on an EFS file system. 'image': the "
        "images hold them already. Default: layer.",
        "WAY",
        type=str,
    )
    runtime_image: str | None = make_setting(
        "An image that holds the runtime alone, as `batchx runtime push` makes it: its layers are "
        "used instead of those that this machine would build.",
        "IMAGE",
        type=str,
    )
    repository: str | None = make_setting(
        "Where images with the runtime are kept in the account's ECR: a prefix of repositories "
        "that batchx may make, with / at its end, or the name of one repository for all of them. "
        "Default: batchx/.",
        "NAME",
        type=str,
    )

    def __post_init__(self) -> None:
        """Begin to note what parsing reads: these settings are made just before it."""
        # Imported here because Snakemake imports this module inside every job as well.
        from snakemake_executor_plugin_batchx.workflow import parse_audit  # noqa: PLC0415

        parse_audit.start_recording()
        if self.s3_requester_pays:
            # Snakemake looks at inputs, through its storage plugin, before it asks us for anything.
            from snakemake_executor_plugin_batchx.storage.paying import (  # noqa: PLC0415
                agree_to_pay,
            )

            agree_to_pay()
