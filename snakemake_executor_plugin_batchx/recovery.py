"""Jobs that an earlier head left in AWS Batch, read from its journal, for this run to take up.

A head that was killed could not say `end` in its journal, and one that was interrupted does not
where Snakemake was not told of some job: what stands there as submitted, or as intended, may be
queued, running or finished.
"""

import fcntl
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.batch.watcher import make_child_id
from snakemake_executor_plugin_batchx.journal import SCHEMA_VERSION, Journal


@dataclass(frozen=True)
class Site:
    """Where a run's jobs and objects are: job queue, S3 root (URL) and Batch's endpoint (URL)."""

    queue: str
    root: str
    endpoint: str


@dataclass(frozen=True)
class LeftJob:
    """A job of an earlier run.

    `batch_job_id` is None where the answer to its submission never came. `prefix` is that of its
    lease and result, `spec_key` its spec's, `name` that of the Batch job or array, `queue` its own.
    """

    fingerprint: str
    work: str
    name: str
    prefix: str
    spec_key: str
    batch_job_id: str | None = None
    queue: str = ""


def is_locked(path: Path) -> bool:
    """Tell whether a living head on this machine, or one that shares its locks, has a journal."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # a file system without locks
            return False
    return False


def iter_events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events of a journal; a line that was torn as its head was killed is left out."""
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from parse_events(file)


def parse_events(lines: Iterable[str | bytes]) -> Iterator[dict[str, Any]]:
    """Yield the events in lines of a journal, likewise."""
    for line in lines:
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("v") == SCHEMA_VERSION:
            yield event


def find_open_journals(folder: Path, site: Site) -> list[Path]:
    """Return the journals of runs at a site whose head is gone without an end, in order."""
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        if not has_ended(path) and not is_locked(path):
            first = next(iter_events(path), {})
            if asdict(site).items() <= first.items():
                found.append(path)
    return found


def has_ended(path: Path) -> bool:
    """Tell whether the last line of a journal is its end."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 4096))
        lines = file.read().rstrip(b"\n").rsplit(b"\n", 1)
    return b'"event": "end"' in lines[-1]


class _Reader:
    """Follows journals, one run after the other: what was left of each work at the end."""

    def __init__(self) -> None:
        self.left: dict[str, LeftJob] = {}
        self._works: dict[str, str] = {}
        self._submissions: dict[str, list[str]] = {}

    def read(self, event: Mapping[str, Any]) -> None:
        """Take note of an event; `run` is the first of each journal."""
        kind = event["event"]
        if kind == "run":
            self._works, self._submissions = {}, {}
        elif kind in {"intent", "adopted"}:
            self._note_jobs(event)
        elif kind == "submitted":
            # None where a full disk kept the intent out: then nothing was submitted.
            submissions = self._submissions.get(event["spec_key"], [])
            self._note_ids(submissions, event["batch_job_id"])
        elif kind == "follows":
            self._note_ids([event["submission"]], event["batch_job_id"])
        elif kind == "reported" or (kind == "verdict" and event["kind"] != "success"):
            work = self._works.get(event["submission"])
            self.left.pop(work or "", None)

    def _note_jobs(self, event: Mapping[str, Any]) -> None:
        for each in event["jobs"]:
            self._works[each["submission"]] = each["work"]
            self.left[each["work"]] = LeftJob(
                fingerprint=each["fingerprint"],
                work=each["work"],
                name=event["name"],
                prefix=each["prefix"],
                spec_key=event["spec_key"],
                batch_job_id=event.get("batch_job_id"),
                queue=event.get("queue", ""),
            )
        self._submissions[event["spec_key"]] = [each["submission"] for each in event["jobs"]]

    def _note_ids(self, submissions: Sequence[str], batch_job_id: str) -> None:
        is_array = len(submissions) > 1
        for index, submission in enumerate(submissions):
            work = self._works.get(submission, "")
            if work in self.left:
                job_id = make_child_id(batch_job_id, index) if is_array else batch_job_id
                self.left[work] = replace(self.left[work], batch_job_id=job_id)


def read_left_jobs(paths: Iterable[Path]) -> list[LeftJob]:
    """Return the jobs of these runs, in their order, that have not been reported to Snakemake."""
    reader = _Reader()
    for path in paths:
        for event in iter_events(path):
            reader.read(event)
    return list(reader.left.values())


class LeftJobs:
    """Jobs that earlier runs left, each given out once. Safe to use from many threads."""

    def __init__(self, jobs: Iterable[LeftJob]) -> None:
        self._lock = threading.Lock()
        self._jobs = {job.work: job for job in jobs}

    def __len__(self) -> int:
        with self._lock:
            return len(self._jobs)

    def take(self, work: str) -> LeftJob | None:
        """Return what was left of this work, and let it go; None where nothing was."""
        with self._lock:
            return self._jobs.pop(work, None)

    def put_back(self, job: LeftJob) -> None:
        """Keep a job after all: what becomes of it could not be decided."""
        with self._lock:
            self._jobs[job.work] = job

    def list_spec_keys(self) -> set[str]:
        """Return the keys of the specs that these jobs have."""
        with self._lock:
            return {job.spec_key for job in self._jobs.values()}


@dataclass(frozen=True)
class EarlierRuns:
    """What heads that are gone left at a site: their journals, and jobs that may be there still."""

    site: Site
    journals: tuple[Path, ...]
    left: LeftJobs

    def close(self, run_id: str, clock: Callable[[], float]) -> None:
        """Note in their journals that a run has taken up all that was left of them."""
        for path in self.journals:
            with Journal(path, clock) as journal:
                journal.write("end", taken_up_by=run_id)


def find_earlier_runs(folder: Path, site: Site) -> EarlierRuns:
    """Return what stands in the journals of a folder, of this site's runs that have no end."""
    journals = tuple(find_open_journals(folder, site))
    return EarlierRuns(site, journals, LeftJobs(read_left_jobs(journals)))
