"""Readers of single values, as a rule, a profile or a flag gives them.

Each returns the value or raises WrongValueError. Snakemake reads what the command line and profiles
say as Python where it can, so a number may come as a number or as a text, and `off` as a text.
"""

import math
import re
from collections.abc import Callable
from typing import Any, TypeVar

from snakemake_executor_plugin_batchx.plan.values import WrongValueError

T = TypeVar("T")

Reader = Callable[[Any], T]

DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?([smhd]?)", re.ASCII)

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

LEAST_SECONDS = 60
MOST_SECONDS = 365 * 86_400

SWITCH = {"on": True, "off": False, "true": True, "false": False}

PARTITION = "aws[a-z-]*"
"""aws, aws-cn, aws-us-gov … (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html)."""

ACCOUNT = r"\d{12}"
REGION = "[a-z0-9-]+"


def make_text_reader(regex: str, wanted: str) -> Reader[str]:
    """Return a reader of texts that match a pattern as a whole; `wanted` tells what they are."""
    pattern = re.compile(regex, re.ASCII)

    def read(value: Any) -> str:
        # A name of digits alone comes as a number.
        is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**18
        text = str(value) if is_number else value
        if not isinstance(text, str) or not pattern.fullmatch(text):
            raise WrongValueError(f"must be {wanted}")
        return str(text)

    return read


def make_number_reader(minimum: int, maximum: int) -> Reader[int]:
    """Return a reader of whole numbers within inclusive bounds."""

    def read(value: Any) -> int:
        is_text = isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value, re.ASCII)
        number = int(value) if is_text else value
        is_whole = isinstance(number, int) and not isinstance(number, bool)
        if not is_whole or not minimum <= number <= maximum:
            raise WrongValueError(f"must be a whole number from {minimum} to {maximum}")
        return int(number)

    return read


def make_choice_reader(values: dict[str, str]) -> Reader[str]:
    """Return a reader of the keys of `values`, whatever their case, that returns the value."""

    def read(value: Any) -> str:
        chosen = values.get(value.lower()) if isinstance(value, str) else None
        if chosen is None:
            raise WrongValueError(f"must be {', '.join(list(values)[:-1])} or {list(values)[-1]}")
        return chosen

    return read


def read_duration(value: Any) -> int:
    """Read a time of a minute or more (90m, 2h, 1d) as whole seconds; a number means minutes.

    As Snakemake's `runtime` (snakemake/resources.py).
    """
    is_number = isinstance(value, int) and not isinstance(value, bool)
    text = str(value) if is_number else value
    found = DURATION.fullmatch(text) if isinstance(text, str) else None
    seconds = float(found[1]) * UNIT_SECONDS[found[2] or "m"] if found else 0.0
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise WrongValueError("must be a time from 1 minute to 1 year, such as 90m, 2h or 1d")
    return math.ceil(seconds)


def read_switch(value: Any) -> bool:
    """Read on or off, also as true and false."""
    if isinstance(value, bool):
        return value
    found = SWITCH.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise WrongValueError("must be on or off")
    return found


read_queue = make_text_reader(
    rf"[A-Za-z0-9][\w-]{{0,127}}|arn:{PARTITION}:batch:{REGION}:{ACCOUNT}:job-queue/[\w-]{{1,128}}",
    "the name (letters, digits, - and _, at most 128) or the ARN of a job queue",
)
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateJobQueue.html"""

read_role = make_text_reader(
    rf"arn:{PARTITION}:iam::{ACCOUNT}:role/[\w+=,.@/-]*[\w+=,.@-]",
    "the ARN of an IAM role, such as arn:aws:iam::123456789012:role/me",
)

read_log_group = make_text_reader(
    r"[\w./#-]{1,512}",
    "the name of a CloudWatch log group (letters, digits and _ - / . #, at most 512)",
)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html"""

read_share = make_text_reader(
    r"[A-Za-z0-9]{1,255}", "a share identifier of letters and digits, at most 255"
)
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html, shareIdentifier"""

read_platform_version = make_text_reader(
    r"LATEST|1\.4\.0", "a platform version of Fargate: LATEST or 1.4.0"
)
"""All others are retired, the last of them in 2026
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/platform-versions-retired.html)."""

read_architecture = make_choice_reader(
    {"amd64": "amd64", "arm64": "arm64", "x86_64": "amd64", "aarch64": "arm64"}
)

read_image = make_text_reader(r"\S+", "an image, such as docker://quay.io/biocontainers/bwa:0.7.17")
