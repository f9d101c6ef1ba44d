"""batchx: run Snakemake workflows on AWS Batch, every rule in its own container image.

Snakemake imports this package on the head and inside every job, so nothing heavy is imported here.
"""

from snakemake_executor_plugin_batchx.executor import Executor, common_settings
from snakemake_executor_plugin_batchx.settings import ExecutorSettings

__all__ = ["Executor", "ExecutorSettings", "common_settings"]
