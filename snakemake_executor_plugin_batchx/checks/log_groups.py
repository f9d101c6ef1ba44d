"""Whether the log groups of jobs are there."""

from collections.abc import Mapping, Sequence
from typing import Any

from snakemake_executor_plugin_batchx.checks.finding import Finding, make_failure, make_ok
from snakemake_executor_plugin_batchx.checks.table import LOG_GROUP
from snakemake_executor_plugin_batchx.plan.container_logs import DEFAULT_LOG_GROUP


def judge_log_group(name: str, who: str, groups: Sequence[Mapping[str, Any]]) -> Finding:
    """Return what DescribeLogGroups, asked for those that begin so, says of a log group."""
    if any(each["logGroupName"] == name for each in groups):
        return make_ok(LOG_GROUP, f"{name} exists")
    if name == DEFAULT_LOG_GROUP:
        return make_ok(LOG_GROUP, f"{name} is made by Batch with the first job")
    return make_failure(
        LOG_GROUP,
        f"Log group {name} ({who}) does not exist, so no job could start",
        f"make it (aws logs create-log-group --log-group-name {name}), or name another",
    )
