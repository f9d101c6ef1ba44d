"""Whether the bucket of the S3 root is there, and near the queue."""

from snakemake_executor_plugin_batchx.checks.finding import (
    Finding,
    make_failure,
    make_ok,
    make_warning,
)
from snakemake_executor_plugin_batchx.checks.table import S3_ROOT


def judge_bucket(bucket: str, bucket_region: str | None, region: str) -> Finding:
    """Return what is to be said of where a bucket is; None for one that is not there.

    What is carried from one region to another costs money and time
    (https://aws.amazon.com/s3/pricing/, data transfer).
    """
    if bucket_region is None:
        return make_failure(
            S3_ROOT, f"S3 bucket {bucket} does not exist", "create it, or name another S3 root"
        )
    if bucket_region and bucket_region != region:
        return make_warning(
            S3_ROOT,
            f"S3 bucket {bucket} is in {bucket_region}, the queue in {region}, so all that jobs "
            "read and write is slower and is charged",
            f"name a bucket in {region}",
        )
    return make_ok(S3_ROOT, f"bucket {bucket} is in {bucket_region or region}")
