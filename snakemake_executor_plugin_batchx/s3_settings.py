"""The settings about S3: how it is reached, and how objects are kept there."""

from dataclasses import dataclass

from snakemake_executor_plugin_batchx.setting_fields import make_setting, make_switch
from snakemake_executor_plugin_batchx.storage.options import S3Options


@dataclass
class S3Settings:
    """The `--batchx-s3-…` options but the root's."""

    s3_endpoint_url: str | None = make_setting(
        "The URL of the S3 that holds the S3 root, where it is not AWS's usual one: a VPC "
        "endpoint, or another server that speaks S3. The jobs must reach it, too.",
        "URL",
        type=str,
    )
    s3_addressing: str | None = make_setting(
        "How a bucket is named in URLs: 'virtual' (in the host's name), 'path', 'accelerate' "
        "(AWS's accelerated endpoint, which the bucket must allow), or 'auto', the default.",
        "auto|path|virtual|accelerate",
        type=str,
    )
    s3_kms_key_id: str | None = make_setting(
        "The KMS key (id, ARN or alias/NAME) that encrypts what batchx and its jobs write to S3. "
        "Default: the bucket's own encryption.",
        "KEY",
        type=str,
    )
    s3_storage_class: str | None = make_setting(
        "The storage class of outputs in S3 mode, such as INTELLIGENT_TIERING. What batchx itself "
        "keeps under the S3 root is short-lived and stays in STANDARD.",
        "CLASS",
        type=str,
    )
    s3_acl: str | None = make_setting(
        "The ACL of what is written to S3: bucket-owner-full-control, for buckets of another "
        "account.",
        "ACL",
        type=str,
    )
    s3_requester_pays: bool = make_switch(
        "Agree to be charged for requests to buckets whose requester pays."
    )


def make_s3_options(settings: S3Settings) -> S3Options:
    """Return what the settings ask of S3."""
    return S3Options(
        endpoint_url=settings.s3_endpoint_url,
        addressing=settings.s3_addressing or "auto",
        kms_key_id=settings.s3_kms_key_id,
        storage_class=settings.s3_storage_class,
        acl=settings.s3_acl,
        is_requester_pays=settings.s3_requester_pays,
    )
