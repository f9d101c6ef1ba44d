"""What is wrong with settings by themselves, before anybody is asked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.cache_folder import parse_cache_folder
from snakemake_executor_plugin_batchx.plan.job_options import NO_OPTIONS, JobOptions, read_settings
from snakemake_executor_plugin_batchx.plan.values import Problems
from snakemake_executor_plugin_batchx.reporting import AWS_PRICES, check_target, load_prices
from snakemake_executor_plugin_batchx.settings import (
    ALL_LOGS,
    FAILED_LOGS,
    LOCAL_QUEUE,
    ExecutorSettings,
)
from snakemake_executor_plugin_batchx.storage.layout import AREA
from snakemake_executor_plugin_batchx.storage.options import (
    ADDRESSINGS,
    ARCHIVES,
    BUCKET_OWNER_ACL,
    STORAGE_CLASSES,
)
from snakemake_executor_plugin_batchx.workflow.python_words import iter_python_words


@dataclass(frozen=True)
class Pattern:
    """A rule for a setting's text: what it must look like, and how that is told."""

    setting: str
    regex: str
    wanted: str


READABLE_CLASSES = tuple(each for each in STORAGE_CLASSES if each not in ARCHIVES)

ONLY_ON_AWS = {
    "s3_endpoint_url": "brings an S3 of its own",
    "fallback_queue": "has no other",
    "job_role": "brings roles of its own",
    "execution_role": "brings roles of its own",
    "log_group": "has that of AWS Batch alone",
}
"""Settings for which an AWS that lasts as long as a run has nothing, and why."""

PATTERNS = (
    Pattern("region", r"[a-z]{2,}(-[a-z]+)+-\d+", "an AWS region such as eu-west-1"),
    Pattern(
        "s3_root",
        r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?",
        "an S3 URL such as s3://my-bucket/my-run",
    ),
    Pattern(
        "head_role",
        r"arn:aws[a-z-]*:iam::\d{12}:role/.+",
        "the ARN of a role, such as arn:aws:iam::123456789012:role/my-head-role",
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
    Pattern(
        "s3_addressing",
        "|".join(ADDRESSINGS),
        f"{', '.join(ADDRESSINGS[:-1])} or {ADDRESSINGS[-1]}",
    ),
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
    Pattern("logs", f"{FAILED_LOGS}|{ALL_LOGS}", f"{FAILED_LOGS} or {ALL_LOGS}"),
    Pattern("local_runner", "auto|process|docker", "auto, process or docker"),
    Pattern("scratch", r"/[^\0]*", "an absolute path inside the container, such as /scratch"),
)


def check_start(settings: ExecutorSettings, workflow: Any) -> JobOptions:
    """Return what the settings ask of every job.

    Raises BatchxError with a sentence for each setting that is wrong by itself, and for resources
    on which Snakemake would fail before it asks us for anything.
    """
    problems = Problems()
    options = NO_OPTIONS
    with problems:
        options = check_settings(settings)
    problems.sentences += iter_python_words(workflow)
    problems.raise_all()
    return options


def check_settings(settings: ExecutorSettings) -> JobOptions:
    """Return what the settings ask of every job.

    Raises BatchxError with a sentence for each setting that is wrong by itself, without asking AWS.
    """
    problems = Problems()
    options = NO_OPTIONS
    if not settings.job_queue:
        problems.add_reasons([NO_QUEUE])
    with problems:
        options = read_settings(settings)
    for pattern in PATTERNS:
        value = getattr(settings, pattern.setting)
        if value and not re.fullmatch(pattern.regex, value, re.ASCII):
            option = "--batchx-" + pattern.setting.replace("_", "-")
            problems.add_reasons([f"{option} {value!r} is not valid: it must be {pattern.wanted}"])
    with problems:
        parse_cache_folder(settings.host_cache)
    with problems:
        _check_report(settings)
    problems.add_reasons(_iter_contradictions(settings))
    problems.raise_all()
    return options


NO_QUEUE = (
    "No job queue is set: give --batchx-job-queue QUEUE (or the environment variable "
    "SNAKEMAKE_BATCHX_JOB_QUEUE), even where rules name theirs; 'local' runs jobs on this "
    "machine"
)


def _check_report(settings: ExecutorSettings) -> None:
    """Raise BatchxError where the report could not be written at the end."""
    if settings.report:
        for reason in check_target(Path(settings.report)):
            raise BatchxError(f"--batchx-report {settings.report!r} is not valid: {reason}.")
    if settings.prices and settings.prices != AWS_PRICES:
        load_prices(settings.prices)


def _iter_contradictions(settings: ExecutorSettings) -> Iterator[str]:
    if settings.prices and not settings.report:
        yield f"--batchx-prices {settings.prices} is for --batchx-report FILE: give that, too"
    if settings.job_queue == LOCAL_QUEUE and settings.runtime not in {None, "layer"}:
        yield (
            f"--batchx-runtime {settings.runtime} is for queues of AWS: leave it out with "
            "--batchx-job-queue local, which brings the runtime itself"
        )
    for name, why in ONLY_ON_AWS.items():
        if settings.job_queue == LOCAL_QUEUE and getattr(settings, name):
            yield (
                f"--batchx-{name.replace('_', '-')} is for queues of AWS: leave it out with "
                f"--batchx-job-queue local, which {why}"
            )
    if settings.s3_endpoint_url and settings.s3_addressing == "accelerate":
        yield (
            "--batchx-s3-addressing accelerate is an endpoint of AWS's own: leave "
            "--batchx-s3-endpoint-url out"
        )
    if settings.runtime_image and (settings.runtime or "layer") != "layer":
        yield (
            f"--batchx-runtime-image is for --batchx-runtime layer, not {settings.runtime}: leave "
            "one of them out"
        )


def choose_s3_root(setting: str | None, storage_settings: Any) -> str:
    """Return the S3 root: the setting, else an area below an s3 default storage prefix.

    Raises BatchxError where neither is there.
    """
    if setting:
        return setting
    prefix = storage_settings.default_storage_prefix
    if storage_settings.default_storage_provider == "s3" and prefix:
        return f"{prefix.rstrip('/')}/{AREA}"
    raise BatchxError(
        "No S3 root is set, so jobs could get no files: give --batchx-s3-root s3://bucket/prefix "
        "(or the environment variable SNAKEMAKE_BATCHX_S3_ROOT)."
    )
