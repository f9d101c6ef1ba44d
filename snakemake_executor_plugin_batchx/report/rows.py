"""What is known of a run and of each of its jobs, as plain frozen values.

Times are seconds since 1970; what nobody told is None.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SUCCESS = "success"

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

OF_ENDPOINT = re.compile(r"batch(?:-fips)?\.([a-z0-9-]+)\.")

FARGATE_TYPES = frozenset({"FARGATE", "FARGATE_SPOT"})


@dataclass(frozen=True)
class Machine:
    """An EC2 instance; `market` is `on-demand` or `spot`."""

    instance_type: str | None = None
    zone: str | None = None
    market: str | None = None


@dataclass(frozen=True)
class Start:
    """One attempt of a Batch job; `machine` is None where nobody told, and on Fargate."""

    started: float | None
    stopped: float | None
    machine: Machine | None = None

    @property
    def seconds(self) -> float:
        """How long it ran."""
        if self.started is None or self.stopped is None:
            return 0.0
        return max(0.0, self.stopped - self.started)


@dataclass(frozen=True)
class BatchJob:
    """A Batch job that has ended: one more than the first where a job went to its other queue."""

    created: float | None
    started: float | None
    stopped: float | None
    starts: tuple[Start, ...]
    environments: tuple[str, ...] = ()

    @property
    def is_fargate(self) -> bool:
        """Whether its queue has Fargate only, which queues never mix with EC2."""
        return bool(self.environments) and FARGATE_TYPES.issuperset(self.environments)


@dataclass(frozen=True)
class Demand:
    """What a job asked for; `overhead_mib` of its memory is batchx's own."""

    vcpus: float = 0.0
    memory_mib: float = 0.0
    overhead_mib: float = 0.0
    gpus: int = 0
    disk_mib: float | None = None
    image: str = ""
    architecture: str = "amd64"


@dataclass(frozen=True)
class JobUsage:
    """What a job used, as it told itself (`usage` in the journal, which may be an older one)."""

    wall_seconds: float
    cpu_seconds: float
    stage_in_seconds: float
    stage_out_seconds: float
    bytes_in: int
    bytes_out: int
    peak_memory_mib: float | None
    oom_kills: int = 0
    disk_mib: float | None = None

    @property
    def tool_seconds(self) -> float:
        """How long its tools ran."""
        return max(0.0, self.wall_seconds - self.stage_in_seconds - self.stage_out_seconds)


@dataclass(frozen=True)
class JobRow:
    """A job of Snakemake's: one of several where Snakemake tried again (`attempt`).

    `kind` is that of its verdict (`success`, or of a failure), None of one that has none. `states`
    are Batch's, each with the time at which the head saw it.
    """

    submission: str
    label: str = ""
    rules: tuple[str, ...] = ()
    attempt: int = 1
    demand: Demand | None = None
    result_key: str = ""
    is_adopted: bool = False
    states: tuple[tuple[str, float], ...] = ()
    batch_jobs: tuple[BatchJob, ...] = ()
    kind: str | None = None
    sentence: str = ""
    exit_code: int | None = None
    usage: JobUsage | None = None
    verdict_time: float | None = None

    @property
    def rule(self) -> str:
        """What tables call its rule; of a group all of its rules."""
        return " + ".join(self.rules) if self.rules else "(not submitted)"

    @property
    def name(self) -> str:
        """What reports call it: its label, and which attempt it was."""
        name = self.label.removeprefix("Rule ")
        return f"{name}, attempt {self.attempt}" if self.attempt > 1 else name

    @property
    def has_failed(self) -> bool:
        """Whether it has a verdict, and not of success."""
        return self.kind not in {None, SUCCESS}

    @property
    def is_on_fargate(self) -> bool:
        """Whether one of its Batch jobs was on Fargate."""
        return any(each.is_fargate for each in self.batch_jobs)

    @property
    def starts(self) -> tuple[Start, ...]:
        """All attempts of its Batch jobs; where Batch told of a job alone, that as one."""
        return tuple(
            start
            for job in self.batch_jobs
            for start in (job.starts or _make_starts(job.started, job.stopped))
        )

    @property
    def wall_seconds(self) -> float | None:
        """How long its last attempt ran."""
        if self.usage is not None:
            return self.usage.wall_seconds
        return self.starts[-1].seconds if self.starts else None

    @property
    def wait_seconds(self) -> float | None:
        """How long it waited from its submission to its first start."""
        created = next((job.created for job in self.batch_jobs if job.created), None)
        started = next((start.started for start in self.starts if start.started), None)
        return max(0.0, started - created) if created and started else None

    @property
    def machine(self) -> Machine | None:
        """The machine of its last attempt."""
        return self.starts[-1].machine if self.starts else None


def _make_starts(started: float | None, stopped: float | None) -> tuple[Start, ...]:
    return () if started is None else (Start(started, stopped),)


ENDED, STOPPED, GOING_ON, KILLED = "ended", "stopped", "going on", "killed"

ENDINGS = {
    ENDED: "it has ended",
    STOPPED: "it was stopped before all its jobs were done",
    GOING_ON: "it is going on: this is how far it has come",
    KILLED: "its head was killed, so what it did not see is missing here",
}


@dataclass(frozen=True)
class RunRecord:
    """A run as its journal tells of it.

    `torn_lines` of that could not be read, `foreign_lines` are of another version of journals.
    """

    run_id: str
    queue: str = ""
    root: str = ""
    endpoint: str = ""
    version: str = ""
    begun: float = 0.0
    ended: float = 0.0
    ending: str = KILLED
    taken_up_by: str = ""
    torn_lines: int = 0
    foreign_lines: int = 0
    jobs: tuple[JobRow, ...] = field(default=())

    @property
    def is_embedded(self) -> bool:
        """Whether its AWS was an embedded one, which costs nothing."""
        return urlsplit(self.endpoint).hostname in LOOPBACK

    @property
    def region(self) -> str:
        """The region of its AWS Batch, empty where the endpoint does not say it."""
        found = OF_ENDPOINT.search(self.endpoint)
        return found[1] if found else ""
