"""Whether a trial ended as it must: pure, from the ledger, the outputs and the server's record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from faults.fault_workflow import Work
from faults.server_record import ServerJob


@dataclass(frozen=True)
class Findings:
    """What went wrong, a sentence each.

    ``lost``: an output is missing or wrong at the end, or its work was never done. ``duplicated``:
    work was begun twice without an interruption. ``orphans``: something runs or waits after the
    end. ``troubles``: anything else, such as a head that does not end.
    """

    lost: tuple[str, ...] = ()
    duplicated: tuple[str, ...] = ()
    orphans: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()

    @property
    def is_clean(self) -> bool:
        """True where nothing was found."""
        return not (self.lost or self.duplicated or self.orphans or self.troubles)

    def __add__(self, other: Findings) -> Findings:
        return Findings(
            self.lost + other.lost,
            self.duplicated + other.duplicated,
            self.orphans + other.orphans,
            self.troubles + other.troubles,
        )

    def list_sentences(self) -> list[str]:
        """Return all sentences, each after its kind."""
        kinds = ("lost", "duplicated", "orphans", "troubles")
        return [f"{kind}: {each}" for kind in kinds for each in getattr(self, kind)]


def find_lost(
    expected: Mapping[str, str], outputs: Mapping[str, str], works: Sequence[Work]
) -> Findings:
    """Find outputs that are not byte for byte what they must be, at the end of a whole run."""
    done = {work.job for work in works}
    lost = [f"{job}: no output" for job in expected if job not in outputs]
    lost += [
        f"{job}: no work in the ledger" for job in expected.keys() & outputs if job not in done
    ]
    return Findings(lost=tuple(lost)) + find_wrong(expected, outputs)


def find_wrong(expected: Mapping[str, str], outputs: Mapping[str, str]) -> Findings:
    """Find outputs that are there and should not be as they are."""
    wrong = [job for job, text in outputs.items() if text != expected.get(job)]
    return Findings(lost=tuple(f"{job}: its output is wrong" for job in wrong))


def find_duplicated(
    works: Sequence[Work], jobs: Mapping[str, ServerJob], *, is_cancelled: bool
) -> Findings:
    """Find jobs whose work was begun more than once, but for interruptions.

    A host that is lost excuses the work of that attempt, and so does a user who ended the run
    (``is_cancelled``) where the job was told to end.
    """
    counted: dict[str, list[Work]] = {}
    troubles = []
    for work in works:
        job = jobs.get(work.batch_job_id)
        if job is None:
            troubles.append(f"{work.job} ran as {work.batch_job_id}, which Batch does not know")
        elif not (job.is_interrupted(work.attempt) or (is_cancelled and job.is_stopped)):
            counted.setdefault(work.job, []).append(work)
    duplicated = [
        f"{job}: its work was done by "
        + " and ".join(f"{each.batch_job_id} (attempt {each.attempt})" for each in found)
        for job, found in counted.items()
        if len(found) > 1
    ]
    return Findings(duplicated=tuple(duplicated), troubles=tuple(troubles))


def find_orphans(
    at_exit: Mapping[str, ServerJob],
    at_end: Mapping[str, ServerJob],
    *,
    cancelled_since: float | None = None,
) -> Findings:
    """Find what goes on after a head has exited.

    Args:
        at_exit: the jobs when the head exited.
        at_end: the jobs when all had ended, or when it was waited for that in vain.
        cancelled_since: when the head started, in seconds since 1970, if it was told to end: then
            every job since must have been told to end at its exit, and none may come later. Else
            a second submission that finds its work done may still end by itself.
    """
    orphans = [f"{job.job_id} is {job.status} long after" for job in _list_active(at_end)]
    if cancelled_since is not None:
        orphans += [
            f"{job.job_id} was {job.status}, and nobody had ended it (in the end: "
            f"{at_end[job.job_id].status}, {at_end[job.job_id].status_reason})"
            for job in _list_active(at_exit)
            if not job.is_ending and not job.is_array and job.created_at >= cancelled_since
        ]
        orphans += [f"{each} came after the head" for each in at_end.keys() - at_exit.keys()]
    return Findings(orphans=tuple(orphans))


def _list_active(jobs: Mapping[str, ServerJob]) -> list[ServerJob]:
    return [job for job in jobs.values() if job.is_active]
