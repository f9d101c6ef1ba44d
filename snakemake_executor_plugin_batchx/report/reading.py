"""A journal, read to the rows of a run's jobs."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.journal import SCHEMA_VERSION
from snakemake_executor_plugin_batchx.recovery import is_locked
from snakemake_executor_plugin_batchx.report.rows import (
    ENDED,
    GOING_ON,
    KILLED,
    STOPPED,
    BatchJob,
    Demand,
    JobRow,
    JobUsage,
    Machine,
    RunRecord,
    Start,
)
from snakemake_executor_plugin_batchx.report.words import MIB_PER_GIB

TERMINAL = frozenset({"SUCCEEDED", "FAILED"})

Event = Mapping[str, Any]


def read_run(path: Path) -> RunRecord:
    """Return what a journal tells of its run. Raises OSError where it cannot be read."""
    is_alive = is_locked(path)
    torn = foreign = 0

    def iter_events(lines: Iterable[bytes]) -> Iterator[Event]:
        nonlocal torn, foreign
        for line in lines:
            try:
                event = json.loads(line)
            except ValueError:
                is_being_written = is_alive and not line.endswith(b"\n")
                torn += bool(line.strip()) and not is_being_written
                continue
            if isinstance(event, dict) and event.get("v") == SCHEMA_VERSION:
                yield event
            else:
                foreign += 1

    with path.open("rb") as file:
        run = read_events(path.stem, iter_events(file), is_alive=is_alive)
    return replace(run, torn_lines=run.torn_lines + torn, foreign_lines=foreign)


def read_events(run_id: str, events: Iterable[Event], *, is_alive: bool = False) -> RunRecord:
    """Return what the events of a run tell of it; `is_alive` whether its head still writes.

    Those that lack what they should have count as torn.
    """
    reader = _Reader(RunRecord(run_id, ending=GOING_ON if is_alive else KILLED))
    torn = 0
    for event in events:
        try:
            reader.read(event)
        except (LookupError, TypeError, AttributeError):
            torn += 1
    return replace(reader.finish(), torn_lines=torn)


@dataclass
class _Pending:
    """A job while it is read: its row so far, and the machines of its attempts by host."""

    row: JobRow
    environments: tuple[str, ...] = ()
    states: list[tuple[str, float]] = field(default_factory=list)
    ends: list[Event] = field(default_factory=list)
    ended_environments: list[tuple[str, ...]] = field(default_factory=list)
    batch_job_id: str = ""


class _Reader:
    def __init__(self, run: RunRecord) -> None:
        self._run = run
        self._begun: float | None = None
        self._ended = 0.0
        self._jobs: dict[str, _Pending] = {}
        self._machines: dict[str, Machine] = {}
        self._told: dict[str, list[Event]] = {}
        self._handlers = {
            "run": self._read_run,
            "intent": self._read_jobs,
            "adopted": self._read_jobs,
            "state": self._read_state,
            "verdict": self._read_verdict,
            "told": self._read_told,
            "host": self._read_host,
            "stopped": self._read_end,
            "end": self._read_end,
        }

    def read(self, event: Event) -> None:
        handler = self._handlers.get(event.get("event", ""))
        if handler is not None:
            handler(event)
        # What a later run notes in this journal is none of this one's time.
        if event.get("event") != "end" or "jobs" in event:
            self._begun = event["t"] if self._begun is None else self._begun
            self._ended = max(self._ended, event["t"])

    def finish(self) -> RunRecord:
        return replace(
            self._run,
            begun=self._begun or 0.0,
            ended=self._ended,
            jobs=tuple(map(self._make_row, self._jobs.values())),
        )

    def _read_run(self, event: Event) -> None:
        self._run = replace(
            self._run,
            queue=event["queue"],
            root=event["root"],
            endpoint=event["endpoint"],
            version=event["batchx"],
        )

    def _read_jobs(self, event: Event) -> None:
        demand = _read_demand(event)
        for item in event["jobs"]:
            job = self._provide(item["submission"])
            job.environments = tuple(event.get("environments", ()))
            job.row = replace(
                job.row,
                label=item["label"],
                rules=tuple(item["rules"]),
                attempt=item["attempt"],
                demand=demand or job.row.demand,
                result_key=f"{item['prefix']}/result",
                is_adopted=event["event"] == "adopted",
            )

    def _read_state(self, event: Event) -> None:
        job = self._provide(event["submission"])
        job.states.append((event["status"], event["t"]))
        if event["status"] in TERMINAL:
            job.ends.append(event)
            job.ended_environments.append(job.environments)

    def _read_verdict(self, event: Event) -> None:
        job = self._provide(event["submission"])
        job.batch_job_id = event["batch_job_id"] or ""
        job.row = replace(
            job.row,
            kind=event["kind"],
            sentence=event["sentence"],
            exit_code=event["exit_code"],
            usage=read_usage(event["usage"]) if event["usage"] else None,
            verdict_time=event["t"],
        )

    def _read_host(self, event: Event) -> None:
        self._machines[event["host"]] = Machine(
            event["instance_type"], event["zone"], event["market"]
        )

    def _read_told(self, event: Event) -> None:
        self._told[event["batch_job_id"]] = event["starts"]

    def _read_end(self, event: Event) -> None:
        ending = ENDED if event["event"] == "end" else STOPPED
        if taken_up_by := event.get("taken_up_by", ""):
            ending = STOPPED if self._run.ending == STOPPED else KILLED
        self._run = replace(self._run, ending=ending, taken_up_by=taken_up_by)

    def _provide(self, submission: str) -> _Pending:
        if submission not in self._jobs:
            row = JobRow(submission, label=f"job {submission}")
            self._jobs[submission] = _Pending(row)
        return self._jobs[submission]

    def _make_row(self, job: _Pending) -> JobRow:
        pairs = zip(job.ends, job.ended_environments, strict=True)
        ended = [self._make_batch_job(event, environments) for event, environments in pairs]
        told = self._told.get(job.batch_job_id)
        if told and ended and not ended[-1].starts:
            ended[-1] = replace(ended[-1], starts=self._make_starts(told))
        return replace(job.row, states=tuple(job.states), batch_jobs=tuple(ended))

    def _make_starts(self, starts: Iterable[Event]) -> tuple[Start, ...]:
        return tuple(
            Start(each["started"], each["stopped"], self._machines.get(each["host"] or ""))
            for each in starts
        )

    def _make_batch_job(self, event: Event, environments: tuple[str, ...]) -> BatchJob:
        return BatchJob(
            created=event.get("created"),
            started=event.get("started"),
            stopped=event.get("stopped"),
            starts=self._make_starts(event.get("starts", ())),
            environments=environments,
        )


def _read_demand(event: Event) -> Demand | None:
    asked = event.get("resources")
    if asked is None:
        return None
    return Demand(
        vcpus=asked["vcpus"],
        memory_mib=asked["memory_mib"],
        overhead_mib=asked.get("overhead_mib", 0),
        gpus=asked.get("gpus", 0),
        disk_mib=_find_disk(asked),
        image=asked.get("image", ""),
        architecture=event.get("architecture", "amd64"),
    )


def _find_disk(asked: Event) -> float | None:
    """Return the disk asked for (MiB): Fargate's storage, or what EC2 jobs want to be free."""
    if asked.get("storage_gib"):
        return float(asked["storage_gib"]) * MIB_PER_GIB
    return asked.get("disk_mib")


USAGE_NAMES = frozenset(each.name for each in fields(JobUsage))


def read_usage(usage: Event) -> JobUsage | None:
    """Return a usage of the journal or of a result; None of one that is of another form."""
    try:
        return JobUsage(**{name: usage[name] for name in USAGE_NAMES & usage.keys()})
    except TypeError:
        return None


def add_usage(run: RunRecord, found: Mapping[str, Event]) -> RunRecord:
    """Return a run whose jobs have the usage of their results, by the results' keys."""
    jobs = tuple(
        replace(job, usage=read_usage(found[job.result_key]))
        if job.usage is None and job.result_key in found
        else job
        for job in run.jobs
    )
    return replace(run, jobs=jobs)


def list_missing_results(run: RunRecord) -> list[str]:
    """Return the keys of the results that have the usage of jobs which the journal lacks."""
    wanted = (job for job in run.jobs if job.kind is not None and job.usage is None and job.states)
    return list(dict.fromkeys(job.result_key for job in wanted if job.result_key))
