"""What a stack is to hold."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.infra.processors import PROCESSORS, Processor
from snakemake_executor_plugin_batchx.infra.pulled import is_repository

DEFAULT_NAME = "batchx"

STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html"""

VPC_ID = re.compile(r"vpc-(?:[0-9a-f]{8}|[0-9a-f]{17})")
SUBNET_ID = re.compile(r"subnet-(?:[0-9a-f]{8}|[0-9a-f]{17})")
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html"""

REPOSITORY_PREFIX = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*(?:/[a-z0-9]+(?:[._-][a-z0-9]+)*)*/")
"""Of repositories that batchx may make in ECR: with a slash at its end."""

PREFIX_ENDING = "-images/"

MAX_PREFIX_CHARACTERS = 80
"""Leaves room for the names of images behind it, of ECR's 256."""

MAX_ZONES = 3

LOG_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557)
"""What CloudWatch Logs takes, up to seven years
(https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html).
"""


@dataclass(frozen=True)
class StackOptions:
    """A stack: its name, its network, the kinds of instances that it may start, and its limits.

    Without `vpc` it gets a network of its own, with subnets in `zones` zones. `max_vcpus` counts
    for each compute environment; instance types are families, types or Batch's own bundles.
    `pulled_repositories` are those in ECR that jobs' images are pulled from, `repository` is the
    prefix of those that batchx makes.
    """

    name: str = DEFAULT_NAME
    vpc: str | None = None
    subnets: tuple[str, ...] = ()
    zones: int = 2
    is_spot: bool = False
    is_fargate: bool = False
    is_gpu: bool = False
    is_arm: bool = False
    max_vcpus: int = 256
    disk_gib: int = 100
    instance_types: tuple[str, ...] = ("default_x86_64",)
    arm_instance_types: tuple[str, ...] = ("default_arm64",)
    gpu_instance_types: tuple[str, ...] = ("g4dn", "g5", "g6")
    expire_days: int = 30
    log_days: int = 30
    repository: str | None = None
    pulled_repositories: tuple[str, ...] = ()

    @property
    def prefix(self) -> str:
        """The prefix of its repositories in ECR: not that of runs without a stack (batchx/)."""
        return self.repository or f"{self.name.lower()}{PREFIX_ENDING}"


BOUNDS = (
    ("zones", "--zones", 2, MAX_ZONES),
    ("max_vcpus", "--max-vcpus", 1, 1_000_000),
    ("disk_gib", "--disk-gib", 30, 16_384),
    ("expire_days", "--expire-days", 1, 3650),
)
"""Of numbers: the field, its option, the least and the most. The root volume of the ECS-optimized
image has 30 GiB, one of type gp3 has 16 TiB at the most
(https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-optimized_AMI.html,
https://docs.aws.amazon.com/ebs/latest/userguide/general-purpose.html)."""


def check_options(options: StackOptions) -> StackOptions:
    """Return the options. Raises BatchxError with all that is wrong with them."""
    problems = list(_iter_problems(options))
    if problems:
        raise BatchxError(" ".join(problems))
    return options


def check_stack_name(name: str) -> str:
    """Return the name of a stack. Raises BatchxError where no stack can be called so."""
    if not STACK_NAME.fullmatch(name):
        raise BatchxError(
            f"--stack {name!r} is no name of a stack: letters, digits and dashes, a letter first, "
            "128 characters at the most."
        )
    return name


def _iter_problems(options: StackOptions) -> Iterator[str]:
    yield from _iter_name_problems(options)
    yield from _iter_network_problems(options)
    for field, flag, least, most in BOUNDS:
        value = getattr(options, field)
        if not least <= value <= most:
            yield f"{flag} {value} must be from {least} to {most}."
    if options.log_days not in LOG_DAYS:
        days = ", ".join(map(str, LOG_DAYS))
        yield f"--log-days {options.log_days} must be one of CloudWatch's: {days}."
    for processor in PROCESSORS:
        yield from _iter_type_problems(options, processor)
    yield from (
        f"--pull {each!r} is no repository of ECR: give its name, such as lab/tool or lab/*, its "
        "ARN, or an image there."
        for each in options.pulled_repositories
        if not is_repository(each)
    )


def _iter_name_problems(options: StackOptions) -> Iterator[str]:
    try:
        check_stack_name(options.name)
    except BatchxError as error:
        yield str(error)
        return
    if options.repository is not None:
        if not _is_prefix(options.repository):
            yield (
                f"--repository {options.repository!r} is no prefix of repositories: lower-case "
                "letters, digits and single separators between them, and a / at its end, such as "
                "lab-images/."
            )
    elif options.name != options.name.lower():
        yield (
            f"--stack {options.name!r} gives the prefix {options.prefix!r}, as the same name in "
            "lower case would, and two stacks cannot share one: use lower case, or name a prefix "
            "by --repository."
        )
    elif not _is_prefix(options.prefix):
        yield (
            f"--stack {options.name!r} gives the prefix {options.prefix!r}, which ECR does not "
            "take for repositories, or not with names of images behind it: use a name of no more "
            f"than {MAX_PREFIX_CHARACTERS - len(PREFIX_ENDING)} characters with single dashes "
            "between them, or name a prefix by --repository."
        )


def _iter_network_problems(options: StackOptions) -> Iterator[str]:
    if options.vpc and not VPC_ID.fullmatch(options.vpc):
        yield f"--vpc {options.vpc!r} is no id of a VPC, such as vpc-0123456789abcdef0."
    for subnet in options.subnets:
        if not SUBNET_ID.fullmatch(subnet):
            yield f"--subnet {subnet!r} is no id of a subnet, such as subnet-0123456789abcdef0."
    if options.vpc and not options.subnets:
        yield f"--vpc {options.vpc} needs subnets of it: add --subnet, once for each."
    if options.subnets and not options.vpc:
        yield f"--subnet {options.subnets[0]} needs the VPC that it is in: add --vpc."
    if options.vpc and options.zones != StackOptions.zones:
        yield (
            f"--zones {options.zones} is for a new VPC, and --vpc {options.vpc} has the subnets "
            "that --subnet names: leave --zones out."
        )


def _iter_type_problems(options: StackOptions, processor: Processor) -> Iterator[str]:
    types: tuple[str, ...] = getattr(options, processor.field)
    flag = f"--{processor.field.replace('_', '-')}"
    if not types:
        yield f"{flag} names none: give instance families or types, or leave it out."
    is_default = types == getattr(StackOptions, processor.field)
    if processor.switch and not is_default and not getattr(options, f"is_{processor.switch}"):
        yield f"{flag} {','.join(types)} is for the queue of --{processor.switch}: add it."
    for name in types:
        if not processor.has(name):
            title, example = processor.title, processor.example
            yield f"{flag} {name} has no {title}: name others, such as {example}."


def _is_prefix(prefix: str) -> bool:
    return bool(REPOSITORY_PREFIX.fullmatch(prefix)) and 3 <= len(prefix) <= MAX_PREFIX_CHARACTERS
