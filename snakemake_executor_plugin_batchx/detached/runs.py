"""Detached runs as commands see them: what each is, how it stands, and what it left."""

import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace

from snakemake_executor_plugin_batchx.batch.listing import FoundJob, find_jobs
from snakemake_executor_plugin_batchx.batch.state import JobState, interpret_job
from snakemake_executor_plugin_batchx.detached.journals import recover_state
from snakemake_executor_plugin_batchx.detached.order import (
    HEAD_JOB_PREFIX,
    End,
    HeadJob,
    Order,
    OrderVersionError,
    Place,
    choose_run,
    read_order,
)
from snakemake_executor_plugin_batchx.detached.record import read_history
from snakemake_executor_plugin_batchx.detached.site import Say, Site
from snakemake_executor_plugin_batchx.detached.state import list_run_ids
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.recovery import parse_events
from snakemake_executor_plugin_batchx.spec import decode

NEW_SECONDS = 300.0
"""So long after its order a run may be on its way to Batch, or Batch not show its job yet."""


@dataclass(frozen=True)
class DetachedRun:
    """A detached run: its order, the head's job (None: not submitted), its end (None: none yet).

    `state` is what Batch tells of the head's job, None where it does not know it: yet, if the run
    `is_new`, or any more.
    """

    order: Order
    place: Place
    job: HeadJob | None
    end: End | None
    state: JobState | None = None
    is_new: bool = False

    @property
    def detached_id(self) -> str:
        """Its id."""
        return self.order.detached_id

    @property
    def is_over(self) -> bool:
        """Whether nothing goes on any more: it has ended, or its head has for good."""
        if self.end is not None:
            return True
        return not self.is_new if self.state is None else self.state.is_terminal

    @property
    def is_unseen(self) -> bool:
        """Whether it may be on its way to Batch."""
        return self.end is None and self.state is None and self.is_new

    def tell(self) -> str:
        """Return how it stands, in words."""
        if self.end is not None:
            if self.end.is_cancelled:
                return "cancelled"
            return f"ended, exit code {self.end.exit_code}"
        if self.is_unseen:
            return "new: AWS Batch does not show its head yet"
        if self.job is None:
            return "never submitted"
        if self.state is None:
            return "lost: AWS Batch does not know its head any more"
        if self.state.is_terminal:
            return "stopped: its head failed without an end"
        return self.state.status


def find_run(
    site: Site, wanted: str | None, mine: Container[str], *, is_mine_only: bool = False
) -> DetachedRun:
    """Return the run that is meant: by its id or the beginning of it, else the latest.

    The latest of those in `mine`, if there are any; else of all, unless `is_mine_only`. What never
    got an order is no run. Raises BatchxError where none or several fit.
    """
    ids = site.list_ids()
    if wanted:
        return read_run(site, choose_run(ids, wanted))
    known = [each for each in ids if each in mine]
    if not known and is_mine_only:
        raise BatchxError(
            "No detached run was started in this folder: name the one that is meant, as batchx run "
            "list shows it."
        )
    for each in reversed(known or ids):
        found = read_runs(site, [each])
        if found:
            return found[0]
    raise BatchxError("There is no detached run under this S3 root.")


def read_runs(
    site: Site,
    ids: Sequence[str],
    tell_unread: Say | None = None,
    clock: Callable[[], float] = time.time,
) -> list[DetachedRun]:
    """Return detached runs, in the order of their ids; `clock` is in seconds since 1970.

    With `tell_unread` one that cannot be read is told of, and left out. Raises BatchxError where
    AWS refuses.
    """
    found = []
    for each in ids:
        try:
            run = _read_run(site, each)
        except OrderVersionError as error:
            if tell_unread is None:
                raise
            tell_unread(str(error))
        else:
            found += [run] if run else []
    open_jobs = [run.job.job_id for run in found if run.job and run.end is None]
    details = site.batch.describe_jobs(open_jobs)
    states = {detail["jobId"]: interpret_job(detail) for detail in details}
    return [_add_state(run, states, clock()) for run in found]


def read_run(site: Site, detached_id: str) -> DetachedRun:
    """Return a detached run. Raises BatchxError where its order is not there."""
    found = read_runs(site, [detached_id])
    if not found:
        where = site.root.make_url(site.get_place(detached_id).prefix)
        raise BatchxError(f"Detached run {detached_id} has no order any more in {where}.")
    return found[0]


def _read_run(site: Site, detached_id: str) -> DetachedRun | None:
    place = site.get_place(detached_id)
    values = site.read_json(place.order_key)
    if values is None:
        return None
    order, end = read_order(values), site.read_json(place.end_key)
    job = site.read_json(place.job_key)
    return DetachedRun(
        order=order,
        place=place,
        job=decode(HeadJob, job) if job else None if end else _find_head_job(site, order),
        end=decode(End, end) if end else None,
    )


def _find_head_job(site: Site, order: Order) -> HeadJob | None:
    """Return a head's job by its name: the answer to its submission may have been lost."""
    found = site.batch.find_jobs_by_name(order.queue, HEAD_JOB_PREFIX + order.detached_id)
    return HeadJob(str(found[0]["jobId"]), order.queue) if found else None


def _add_state(run: DetachedRun, states: dict[str, JobState], now: float) -> DetachedRun:
    state = states.get(run.job.job_id) if run.job else None
    return replace(run, state=state, is_new=now - run.order.created < NEW_SECONDS)


@dataclass(frozen=True)
class Leavings:
    """The runs that a head has had, and the queues to which they sent jobs."""

    run_ids: tuple[str, ...]
    queues: tuple[str, ...]


def read_leavings(site: Site, place: Place) -> Leavings:
    """Return what the record of a detached run tells of its jobs."""
    journals = recover_state(read_history(site.store, place.record_prefix)).journals
    events = [each for journal in journals.values() for each in parse_events(journal.splitlines())]
    queues = dict.fromkeys(str(event["queue"]) for event in events if event.get("queue"))
    return Leavings(list_run_ids(sorted(journals)), tuple(queues))


def find_left_jobs(site: Site, left: Leavings) -> list[FoundJob]:
    """Return the jobs that wait or run of what a head has left."""
    return find_jobs(site.batch, left.queues, left.run_ids)
