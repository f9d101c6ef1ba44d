"""`batchx jobs`: the jobs of batchx on a queue, their logs, and an end to those left behind."""

import argparse
import itertools
import json
import os
import time
from collections.abc import Sequence

from snakemake_executor_plugin_batchx.batch.gateway import BatchGateway
from snakemake_executor_plugin_batchx.batch.listing import FoundJob, find_jobs
from snakemake_executor_plugin_batchx.batch.reasons import SWEPT
from snakemake_executor_plugin_batchx.cli.aws_options import add_aws_options
from snakemake_executor_plugin_batchx.cli.batch_access import QUEUE_VARIABLE, open_batch, say
from snakemake_executor_plugin_batchx.cli.job_logs import add_logs_parser
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.journal import STATE_DIR
from snakemake_executor_plugin_batchx.settings import LOCAL_QUEUE
from snakemake_executor_plugin_batchx.sweeping import list_queues, list_runs, plan_sweep

AGES = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the `batchx` parser."""
    parser = subparsers.add_parser(
        "jobs",
        help="list the jobs of batchx on a queue, print their logs, end what a killed head left",
        description="A run ends its jobs when it ends. One whose head was killed cannot: its jobs "
        "go on until the next run in its folder takes them up, or until they are swept.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="list jobs that have not ended, by run")
    listing.add_argument(
        "--run", dest="runs", action="append", metavar="RUN", help="only this run's"
    )
    listing.add_argument("--all", action="store_true", help="jobs that have ended, too")
    listing.add_argument("--json", action="store_true", help="as JSON, a list of jobs")
    listing.set_defaults(run=run_list)
    sweep = actions.add_parser(
        "sweep",
        help="end the jobs of runs whose heads are gone",
        description="End every job of these runs that has not ended; without any, of the runs "
        "whose journals lie in this folder and whose heads were killed.",
    )
    sweep.add_argument("runs", nargs="*", metavar="RUN")
    sweep.add_argument("--dry-run", action="store_true", help="only say what would be ended")
    sweep.add_argument(
        "--force", action="store_true", help="even while a head of this folder is alive"
    )
    sweep.set_defaults(run=run_sweep)
    add_logs_parser(actions)
    for action in (listing, sweep):
        add_aws_options(action)
        action.add_argument(
            "--job-queue",
            dest="job_queues",
            action="append",
            metavar="QUEUE",
            help="name or ARN of a job queue; may be repeated (default: "
            f"{QUEUE_VARIABLE}; journals in this folder know those of runs named or swept)",
        )


def open_gateway(args: argparse.Namespace, runs: Sequence[str]) -> tuple[BatchGateway, list[str]]:
    """Open Batch as the options say; return it with the queues to look at, each once.

    Those are the ones named, and those to which `runs` of this folder sent jobs, as far as they
    are there. Raises BatchxError without queue, credentials or region.
    """
    named = list(filter(None, args.job_queues or ())) or list(
        filter(None, [os.environ.get(QUEUE_VARIABLE)])
    )
    queues = list(dict.fromkeys([*named, *list_queues(STATE_DIR, runs)]))
    if not queues:
        raise BatchxError(f"No job queue is named: give --job-queue, or set {QUEUE_VARIABLE}.")
    if LOCAL_QUEUE in named:
        raise BatchxError(
            "The queue local exists only inside a run, which ends its jobs itself: name another "
            "by --job-queue."
        )
    gateway = open_batch(args, queues[0])
    found = {each["jobQueueArn"]: each["jobQueueName"] for each in gateway.describe_queues(queues)}
    gone = [name for name in queues if name not in {*found, *found.values()}]
    # Of one that is named and not there, Batch says so.
    missing = [name for name in gone if name in named]
    for name in gone:
        if name not in named:
            say(f"queue {name}, to which a journal says jobs went, is not there: left out")
    return gateway, [*found.values(), *missing]


def run_list(args: argparse.Namespace) -> int:
    """List jobs by run."""
    gateway, queues = open_gateway(args, args.runs or ())
    jobs = find_jobs(gateway, queues, args.runs, is_all=args.all)
    now = time.time()
    if args.json:
        print(json.dumps([make_record(job, now) for job in jobs], indent=2))
        return 0
    print(*format_jobs(jobs, now), sep="\n", end="\n" if jobs else "")
    if not jobs:
        owner = name_runs(args.runs) if args.runs else "batchx"
        verb = "is known" if args.all else "waits or runs"
        say(f"no job of {owner} {verb}{_name_place(queues)}")
    return 0


def make_record(job: FoundJob, now: float) -> dict[str, object]:
    """Return a job as its entry of --json; `children` is null where it is no array."""
    return {
        "run": job.run_id,
        "job_id": job.job_id,
        "name": job.name,
        "status": job.status,
        "age_seconds": round(now - job.created_seconds),
        "children": dict(job.children) or None,
    }


def format_jobs(jobs: Sequence[FoundJob], now: float) -> list[str]:
    """Return a line for each run and, below it, one for each of its jobs and arrays."""
    lines = []
    for run_id, group in itertools.groupby(jobs, key=lambda job: job.run_id):
        lines.append(f"run {run_id}")
        for job in group:
            counts = ", ".join(f"{count} {status}" for status, count in job.children.items())
            line = (
                f"  {job.job_id}  {job.status:<9}  {format_age(now - job.created_seconds):>6}  "
                f"{job.name}"
            )
            lines.append(f"{line}  ({counts})" if counts else line)
    return lines


def format_age(seconds: float) -> str:
    """Return an age in the largest unit of which it has at least one."""
    for size, unit in AGES:
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return "0 s"


def run_sweep(args: argparse.Namespace) -> int:
    """End jobs of runs whose heads are gone; exit with 1 if any could not be, or was refused."""
    plan = plan_sweep(list_runs(STATE_DIR), args.runs, is_forced=args.force)
    for refusal in plan.refusals:
        say(refusal)
    refused = 1 if plan.refusals else 0
    if not plan.runs:
        if not refused:
            say("no run in this folder has lost its head: there is nothing to end")
        return refused
    gateway, queues = open_gateway(args, plan.runs)
    jobs = find_jobs(gateway, queues, plan.runs)
    if not jobs:
        say(f"nothing of {name_runs(plan.runs)} is left to end{_name_place(queues)}")
        return refused
    if args.dry_run:
        print(*format_jobs(jobs, time.time()), sep="\n")
        say(f"{_count(jobs)} would be ended")
        return refused
    problems = gateway.terminate_jobs([job.job_id for job in jobs], SWEPT)
    for problem in problems:
        say(problem)
    is_one = len(jobs) == 1
    if problems:
        ended = "was to be ended" if is_one else "were to be ended, not all could be"
    else:
        ended = "is being ended" if is_one else "are being ended"
    say(f"{_count(jobs)} of {name_runs(plan.runs)} {ended}")
    return 1 if problems else refused


def _count(jobs: Sequence[FoundJob]) -> str:
    arrays = sum(1 for job in jobs if job.children)
    if len(jobs) == 1:
        return "1 job (an array)" if arrays else "1 job"
    kinds = {0: "", 1: " (1 of them an array)"}.get(arrays, f" ({arrays} of them arrays)")
    return f"{len(jobs)} jobs{kinds}"


def name_runs(runs: Sequence[str]) -> str:
    """Return what sentences call these runs."""
    return f"run{'' if len(runs) == 1 else 's'} {', '.join(runs)}"


def _name_place(queues: Sequence[str]) -> str:
    return f" on {', '.join(queues)}" if queues else ""
