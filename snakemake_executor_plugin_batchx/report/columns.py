"""A report's jobs as rows of CSV: the columns, each with what it means."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from snakemake_executor_plugin_batchx.report.cost import name_machine
from snakemake_executor_plugin_batchx.report.rows import Machine
from snakemake_executor_plugin_batchx.report.summaries import PricedJob, Report

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
"""Spreadsheets take cells that begin so for formulas: a label may."""


@dataclass(frozen=True)
class Column:
    """A column: what `find` finds of a job, None where it is not known."""

    name: str
    meaning: str
    find: Callable[[PricedJob], Any]


def _find_usage(name: str) -> Callable[[PricedJob], Any]:
    return lambda job: getattr(job.row.usage, name) if job.row.usage else None


def _find_demand(name: str) -> Callable[[PricedJob], Any]:
    return lambda job: getattr(job.row.demand, name) if job.row.demand else None


def _find_machine(name: str) -> Callable[[PricedJob], Any]:
    return lambda job: getattr(job.row.machine or Machine(), name)


def _write_time(seconds: float | None) -> str | None:
    if not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _find_created(job: PricedJob) -> float | None:
    return next((each.created for each in job.row.batch_jobs if each.created), None)


def _find_stopped(job: PricedJob) -> float | None:
    return next((each.stopped for each in reversed(job.row.starts) if each.stopped), None)


def _find_first_start(job: PricedJob) -> float | None:
    return next((each.started for each in job.row.starts if each.started), None)


def tell_machine(job: PricedJob) -> str:
    """Return what tables call the machine of a job's last attempt."""
    batch_jobs = job.row.batch_jobs
    return name_machine(job.row.machine, batch_jobs[-1] if batch_jobs else None)


COLUMNS = (
    Column("submission", "the job's name within the run", lambda job: job.row.submission),
    Column("rule", "its rule, of a group all of them with +", lambda job: job.row.rule),
    Column("label", "what messages call it, with its wildcards", lambda job: job.row.label),
    Column("attempt", "which of Snakemake's attempts it was", lambda job: job.row.attempt),
    Column(
        "verdict",
        "`success`, a kind of failure, or empty without an end",
        lambda job: job.row.kind,
    ),
    Column("exit_code", "the tool's, where it failed", lambda job: job.row.exit_code),
    Column("starts", "attempts on AWS Batch", lambda job: len(job.row.starts)),
    Column("created", "when AWS Batch took it (UTC)", lambda job: _write_time(_find_created(job))),
    Column("started", "when it first ran", lambda job: _write_time(_find_first_start(job))),
    Column("stopped", "when it ended", lambda job: _write_time(_find_stopped(job))),
    Column("wait_seconds", "from `created` to `started`", lambda job: job.row.wait_seconds),
    Column("wall_seconds", "how long its last attempt ran", lambda job: job.row.wall_seconds),
    Column("cpu_seconds", "CPU that it used", _find_usage("cpu_seconds")),
    Column("vcpus", "vCPUs asked for", _find_demand("vcpus")),
    Column("cpu_efficiency", "CPU used of that asked for", lambda job: job.cpu_efficiency),
    Column("memory_mib", "memory asked for, batchx's own included", _find_demand("memory_mib")),
    Column("peak_memory_mib", "peak of memory", _find_usage("peak_memory_mib")),
    Column("memory_efficiency", "peak of that asked for", lambda job: job.memory_efficiency),
    Column("gpus", "GPUs asked for", _find_demand("gpus")),
    Column("asked_disk_mib", "disk asked for", _find_demand("disk_mib")),
    Column("disk_mib", "disk that its folder held at its end", _find_usage("disk_mib")),
    Column("bytes_in", "bytes fetched", _find_usage("bytes_in")),
    Column("bytes_out", "bytes sent", _find_usage("bytes_out")),
    Column("stage_in_seconds", "until its files were there", _find_usage("stage_in_seconds")),
    Column("stage_out_seconds", "for sending what it made", _find_usage("stage_out_seconds")),
    Column("oom_kills", "processes ended for want of memory", _find_usage("oom_kills")),
    Column("machine", "instance type and market, or Fargate", tell_machine),
    Column("zone", "availability zone", _find_machine("zone")),
    Column("usd", "estimated cost of all attempts, empty if unknown", lambda job: job.cost.usd),
    Column(
        "usd_is_upper_bound",
        "1 where spot is reckoned at the price on demand",
        lambda job: int(job.cost.is_upper_bound),
    ),
    Column("usd_problem", "why the cost is unknown", lambda job: job.cost.problem),
    Column("image", "its image", _find_demand("image")),
    Column("error", "why it failed, in a sentence", lambda job: job.row.sentence),
)


def make_csv(report: Report) -> str:
    """Return the jobs of a report as CSV, one a line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in COLUMNS])
    for job in report.jobs:
        writer.writerow([_write_cell(column.find(job)) for column in COLUMNS])
    return out.getvalue()


def _write_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA_SIGNS) else text
