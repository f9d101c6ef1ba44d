"""The options that say whose S3, where, and how objects are kept there."""

import argparse
from typing import Any

from snakemake_executor_plugin_batchx.cli.aws_options import add_aws_options
from snakemake_executor_plugin_batchx.storage.options import STORAGE_CLASSES, S3Options

ACLS = (
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
)
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl"""


def add_s3_options(parser: argparse.ArgumentParser) -> None:
    """Add what S3 may have to be told."""
    add_aws_options(parser)
    parser.add_argument("--endpoint-url", metavar="URL", help="another S3 than AWS's")
    addressing = parser.add_mutually_exclusive_group()
    addressing.add_argument(
        "--path-style", action="store_true", help="the bucket in the path, as some servers need it"
    )
    addressing.add_argument(
        "--accelerate", action="store_true", help="S3 Transfer Acceleration, if the bucket has it"
    )
    parser.add_argument("--kms-key-id", metavar="KEY", help="encrypt with this KMS key")
    parser.add_argument(
        "--storage-class", choices=STORAGE_CLASSES, metavar="CLASS", help="such as STANDARD_IA"
    )
    parser.add_argument("--acl", choices=ACLS, metavar="ACL", help="bucket-owner-full-control, say")
    parser.add_argument(
        "--request-payer", action="store_true", help="pay for requests to a requester-pays bucket"
    )
    parser.add_argument(
        "--restore",
        type=_parse_days,
        metavar="DAYS",
        help="ask for archived (Glacier) objects to be restored for so many days",
    )


def read_s3_options(args: argparse.Namespace) -> dict[str, Any]:
    """Return the options as keyword arguments of `open_s3`."""
    addressing = "path" if args.path_style else "accelerate" if args.accelerate else "auto"
    options = S3Options(
        endpoint_url=args.endpoint_url,
        addressing=addressing,
        kms_key_id=args.kms_key_id,
        storage_class=args.storage_class,
        acl=args.acl,
        is_requester_pays=args.request_payer,
    )
    return {
        "options": options,
        "region": args.region,
        "profile": args.profile,
    }


def _parse_days(text: str) -> int:
    days = int(text) if text.isascii() and text.isdigit() else 0
    if days < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days")
    return days
