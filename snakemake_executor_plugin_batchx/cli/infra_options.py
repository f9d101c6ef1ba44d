"""The options that say what a stack is to hold."""

import argparse
from dataclasses import fields

from snakemake_executor_plugin_batchx.infra.options import (
    DEFAULT_NAME,
    StackOptions,
    check_options,
)
from snakemake_executor_plugin_batchx.infra.pulled import name_repository

SWITCHES = (
    ("spot", "spot instances first, those on demand where there are none"),
    ("fargate", "a queue on Fargate, too"),
    ("gpu", "a queue on instances with NVIDIA GPUs, too"),
    ("arm", "a queue on Graviton (arm64) instances, too"),
)

NUMBERS = (
    ("max_vcpus", "the most vCPUs of each compute environment"),
    ("disk_gib", "GiB of each instance's root volume"),
    ("expire_days", "days after which objects below .batchx/ in the bucket are deleted"),
    ("log_days", "days that CloudWatch keeps what jobs print"),
    ("zones", "zones of the new VPC: 2 or 3"),
)

TYPES = (
    ("instance_types", "instance families or types"),
    ("arm_instance_types", "those of --arm"),
    ("gpu_instance_types", "those of --gpu"),
)

DEFAULTS = {each.name: each.default for each in fields(StackOptions)}


def add_name(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the stack."""
    parser.add_argument(
        "--stack",
        default=DEFAULT_NAME,
        metavar="NAME",
        help="the name of the CloudFormation stack (default: %(default)s)",
    )


def add_stack_options(parser: argparse.ArgumentParser) -> None:
    """Add all that a template may be made for."""
    add_name(parser)
    network = parser.add_mutually_exclusive_group()
    network.add_argument(
        "--new-vpc", action="store_true", help="in a VPC of its own: the default, said aloud"
    )
    network.add_argument("--vpc", metavar="ID", help="in this VPC")
    parser.add_argument(
        "--subnet",
        dest="subnets",
        action="append",
        default=[],
        metavar="ID",
        help="a subnet of --vpc with a way out; may be repeated",
    )
    for name, text in SWITCHES:
        parser.add_argument(f"--{name}", action="store_true", help=text)
    for name, text in NUMBERS:
        add_default(parser, name, text, "N", int)
    for name, text in TYPES:
        add_default(parser, name, f"{text}, separated by commas", "LIST", split_list)
    parser.add_argument(
        "--repository",
        metavar="PREFIX",
        help="what the names of batchx's repositories in ECR begin with (default: the stack's name "
        "and -images/)",
    )
    parser.add_argument(
        "--pull",
        dest="pulled_repositories",
        action="append",
        default=[],
        metavar="NAME",
        help="a repository of ECR that jobs' images come from: its name, with a * as in IAM, its "
        "ARN, or an image there; may be repeated",
    )


def add_default(
    parser: argparse.ArgumentParser, name: str, text: str, metavar: str, parse: object
) -> None:
    """Add an option whose default is a stack's."""
    default = DEFAULTS[name]
    shown = ",".join(default) if isinstance(default, tuple) else default
    parser.add_argument(
        f"--{name.replace('_', '-')}",
        type=parse,  # type: ignore[arg-type]
        default=default,
        metavar=metavar,
        help=f"{text} (default: {shown})",
    )


def split_list(text: str) -> tuple[str, ...]:
    """Return the parts of a list, blanks apart."""
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def read_stack_options(args: argparse.Namespace) -> StackOptions:
    """Return what the options say. Raises BatchxError with all that is wrong with them."""
    named = {name: getattr(args, name) for name, _ in (*NUMBERS, *TYPES)}
    return check_options(
        StackOptions(
            name=args.stack,
            vpc=args.vpc,
            subnets=tuple(args.subnets),
            is_spot=args.spot,
            is_fargate=args.fargate,
            is_gpu=args.gpu,
            is_arm=args.arm,
            repository=args.repository,
            pulled_repositories=tuple(map(name_repository, args.pulled_repositories)),
            **named,
        )
    )
