"""The settings of the executor: what each means, and what is wrong with a wrong one."""

import re
from dataclasses import dataclass

from snakemake_interface_executor_plugins.settings import ExecutorSettingsBase

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.host_cache import parse_cache_folder, split_patterns
from snakemake_executor_plugin_batchx.s3_settings import S3Settings
from snakemake_executor_plugin_batchx.setting_fields import make_setting
from snakemake_executor_plugin_batchx.storage.options import (
    ADDRESSINGS,
    ARCHIVES,
    BUCKET_OWNER_ACL,
    STORAGE_CLASSES,
)

LOCAL_QUEUE = "local"
"""The queue name that stands for the embedded Batch."""

RESERVED_TAGS = ("aws:", "batchx:")

MAX_TAGS = 40
"""AWS allows 50 tags on a job (https://docs.aws.amazon.com/batch/latest/userguide/using-tags.html);
ten are kept for our own."""


def split_tags(given: list[str] | str) -> list[str]:
    """Return the KEY=VALUE items of the option (a list) or the environment variable (a text).

    At commas: no tag of AWS's may hold one, while a value may well hold blanks.
    """
    parts = [given] if isinstance(given, str) else given
    return [item.strip() for part in parts for item in part.split(",") if item.strip()]


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
    tags: list[str] | None = make_setting(  # noqa: RUF009
        "Tags for every job and job definition, for cost reports and policies: one or more "
        "KEY=VALUE, separated by blanks or commas (by commas in the environment variable).",
        "KEY=VALUE",
        nargs="+",
        parse_func=split_tags,
        unparse_func=",".join,
    )
    log_group: str | None = make_setting(
        "The CloudWatch log group that takes the jobs' output. It must exist. "
        "Default: /aws/batch/job, Batch's own.",
        "NAME",
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


@dataclass(frozen=True)
class Pattern:
    """A rule for a setting's text: what it must look like, and how that is told."""

    setting: str
    regex: str
    wanted: str


READABLE_CLASSES = tuple(each for each in STORAGE_CLASSES if each not in ARCHIVES)

_ROLE = r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+"

PATTERNS = (
    Pattern(
        "job_queue",
        r"[A-Za-z0-9][\w-]{0,127}|arn:aws[a-z-]*:batch:[a-z0-9-]+:\d{12}:job-queue/[\w-]{1,128}",
        "the name (letters, digits, - and _, at most 128) or the ARN of a job queue, or 'local'",
    ),
    Pattern("region", r"[a-z]{2,}(-[a-z]+)+-\d+", "an AWS region such as eu-west-1"),
    Pattern(
        "s3_root",
        r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?",
        "an S3 URL such as s3://my-bucket/my-run",
    ),
    Pattern("job_role", _ROLE, "the ARN of an IAM role, such as arn:aws:iam::123456789012:role/me"),
    Pattern(
        "execution_role", _ROLE, "the ARN of an IAM role, such as arn:aws:iam::123456789012:role/me"
    ),
    Pattern(
        "log_group",
        r"[\w./#-]{1,512}",
        "the name of a CloudWatch log group (letters, digits and _ - / . #, at most 512)",
    ),
    Pattern(
        "runtime",
        r"layer|image|mount(:(/[^\0]*|efs://fs-[0-9a-f]+(/[^\0]*)?))?",
        "layer, image, mount, mount:/path or mount:efs://fs-id/path",
    ),
    Pattern(
        "repository",
        r"[a-z0-9]+([._/-][a-z0-9]+)*/?",
        "the name of an ECR repository (my/tools), or a prefix that ends with / (batchx/), in "
        "lower case",
    ),
    Pattern("s3_endpoint_url", r"https?://[\w.:\[\]-]+(/\S*)?", "an http:// or https:// URL"),
    Pattern("s3_addressing", "|".join(ADDRESSINGS), " or ".join(ADDRESSINGS)),
    Pattern(
        "s3_kms_key_id",
        r"[\w-]{8,}|alias/[\w/-]+|arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/[\w/-]+",
        "a KMS key's id, its ARN, or alias/NAME",
    ),
    Pattern(
        "s3_storage_class",
        "|".join(READABLE_CLASSES),
        f"one of {', '.join(READABLE_CLASSES)}: the jobs that follow read what a job has written",
    ),
    Pattern("s3_acl", BUCKET_OWNER_ACL, f"{BUCKET_OWNER_ACL}, the only ACL that batchx gives"),
    Pattern("array", "on|off", "on or off"),
    Pattern("local_runner", "auto|process|docker", "auto, process or docker"),
    Pattern("scratch", r"/[^\0]*", "an absolute path inside the container, such as /scratch"),
)


def list_setting_problems(settings: ExecutorSettings) -> list[str]:
    """Return a sentence for each setting that is wrong by itself, without asking AWS."""
    problems = []
    if not settings.job_queue:
        problems.append(
            "No job queue is set: give --batchx-job-queue QUEUE (or the environment variable "
            "SNAKEMAKE_BATCHX_JOB_QUEUE); 'local' runs jobs on this machine."
        )
    for pattern in PATTERNS:
        value = getattr(settings, pattern.setting)
        if value and not re.fullmatch(pattern.regex, value, re.ASCII):
            option = "--batchx-" + pattern.setting.replace("_", "-")
            problems.append(f"{option} {value!r} is not valid: it must be {pattern.wanted}.")
    try:
        parse_cache_folder(settings.host_cache)
    except BatchxError as error:
        problems.append(str(error))
    if settings.job_queue == LOCAL_QUEUE and settings.runtime not in {None, "layer"}:
        problems.append(
            f"--batchx-runtime {settings.runtime} is for queues of AWS: leave it out with "
            "--batchx-job-queue local, which brings the runtime itself."
        )
    if settings.job_queue == LOCAL_QUEUE and settings.s3_endpoint_url:
        problems.append(
            "--batchx-s3-endpoint-url is for queues of AWS: leave it out with --batchx-job-queue "
            "local, which brings an S3 of its own."
        )
    if settings.s3_endpoint_url and settings.s3_addressing == "accelerate":
        problems.append(
            "--batchx-s3-addressing accelerate is an endpoint of AWS's own: leave "
            "--batchx-s3-endpoint-url out."
        )
    if settings.runtime_image and (settings.runtime or "layer") != "layer":
        problems.append(
            f"--batchx-runtime-image is for --batchx-runtime layer, not {settings.runtime}: leave "
            "one of them out."
        )
    return problems + _list_tag_problems(settings.tags or [])


def _list_tag_problems(items: list[str]) -> list[str]:
    problems = []
    for item in items:
        key, separator, value = item.partition("=")
        if not separator or not re.fullmatch(r"[\w .:/+@-]{1,128}", key):
            problems.append(
                f"--batchx-tags {item!r} is not valid: it must be KEY=VALUE with a key of letters, "
                "digits, blanks and _ . : / + - @ (at most 128)."
            )
        elif key.lower().startswith(RESERVED_TAGS):
            problems.append(
                f"--batchx-tags {item!r} is not valid: keys starting 'aws:' are AWS's, those "
                "starting 'batchx:' are ours."
            )
        elif not re.fullmatch(r"[\w .:/=+@-]{0,256}", value):
            problems.append(
                f"--batchx-tags {item!r} is not valid: the value may hold letters, digits, blanks "
                "and _ . : / = + - @ (at most 256)."
            )
        elif re.search(r" [\w.:/+@-]+=", value):
            problems.append(
                f"--batchx-tags {item!r} looks like several tags in one: separate them by commas."
            )
    keys = [item.partition("=")[0] for item in items]
    repeated = sorted({key for key in keys if keys.count(key) > 1})
    if repeated:
        problems.append(f"--batchx-tags has {', '.join(repeated)} more than once: keep one each.")
    if len(items) > MAX_TAGS:
        problems.append(
            f"--batchx-tags has {len(items)} tags: at most {MAX_TAGS} are possible "
            "(AWS allows 50 and batchx adds its own)."
        )
    return problems


def parse_tags(items: list[str] | None) -> dict[str, str]:
    """Turn KEY=VALUE items that `list_setting_problems` found sound into a mapping."""
    return dict(item.split("=", 1) for item in items or [])
