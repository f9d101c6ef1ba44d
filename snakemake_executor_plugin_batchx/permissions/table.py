"""The table: what every call needs."""

from snakemake_executor_plugin_batchx.permissions.batch_calls import ACCOUNT_CALLS, BATCH_CALLS
from snakemake_executor_plugin_batchx.permissions.ecs_calls import EXECUTION_CALLS, INSTANCE_CALLS
from snakemake_executor_plugin_batchx.permissions.image_calls import IMAGE_CALLS
from snakemake_executor_plugin_batchx.permissions.row import Permission
from snakemake_executor_plugin_batchx.permissions.s3_calls import HEAD_S3_CALLS, JOB_S3_CALLS

PERMISSIONS: tuple[Permission, ...] = (
    *BATCH_CALLS,
    *HEAD_S3_CALLS,
    *IMAGE_CALLS,
    *ACCOUNT_CALLS,
    *JOB_S3_CALLS,
    *EXECUTION_CALLS,
    *INSTANCE_CALLS,
)
