"""One trial: a world with faults, heads that something happens to, and what came of it."""

from __future__ import annotations

import contextlib
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from faults.fault_head import Head, start_head
from faults.fault_workflow import list_expected, read_ledger, read_outputs, write_workflow
from faults.fault_world import Hardship, World, open_world
from faults.judgement import Findings, find_duplicated, find_lost, find_orphans, find_wrong
from faults.server_record import ServerJob
from faults.trial_plan import Blow, Kind, TrialPlan

RUN_SECONDS = 180.0
"""Within which a head that nothing happens to must end."""
EXIT_SECONDS = 90.0
"""Within which a head must end that was told to."""
IDLE_SECONDS = 45.0
"""Within which all jobs must have ended after their head."""


@dataclass(frozen=True)
class TrialReport:
    """What came of a trial: findings, durations and some counts.

    ``whole_seconds`` is that of the head that nothing happened to, ``exit_seconds`` of the one that
    was told to end, from the signal on; 0 where there was none. ``early_seconds`` is how long the
    first head took if it ended before it could be hit.
    """

    plan: TrialPlan
    folder: Path
    findings: Findings
    seconds: float
    whole_seconds: float
    exit_seconds: float
    early_seconds: float | None
    attempts: int
    interrupted: int


@dataclass
class Trial:
    """A trial on its way.

    Args:
        plan: what happens.
        folder: an empty folder for all of its files.
        world: what its heads run against.
        expected_seconds: the duration of an undisturbed run.
        whole_seconds: how long its last head took, if nothing happened to that.
        exit_seconds: how long its head took to end once it was told to.
        early_seconds: how long its first head took, if it ended before it could be hit.
    """

    plan: TrialPlan
    folder: Path
    world: World
    expected_seconds: float
    whole_seconds: float = 0.0
    exit_seconds: float = 0.0
    early_seconds: float | None = None

    @property
    def work_folder(self) -> Path:
        """Where heads run."""
        return self.folder / "work"

    @property
    def ledger(self) -> Path:
        """Where jobs note their work."""
        return self.folder / "ledger"

    def run(self) -> Findings:
        """Do all that the plan says; return what was found to be wrong."""
        write_workflow(self.work_folder, self.ledger)
        findings = Findings()
        for blow in self.plan.blows:
            findings += self._disturb_head(blow)
        if self.plan.is_finished:
            findings += self._finish()
        return findings + self._judge()

    def _disturb_head(self, blow: Blow) -> Findings:
        """Run a head until its moment comes and it has ended."""
        started = time.time()
        with self._start_head() as head:
            if head.wait(blow.moment * self.expected_seconds) is not None:
                if blow is self.plan.blows[0]:
                    self.early_seconds = time.time() - started
                return Findings()
            head.send(blow.ending)
            if blow.ending is signal.SIGKILL:
                head.wait(EXIT_SECONDS)
                return Findings()
            return self._wait_for_exit(head, blow, started)

    def _wait_for_exit(self, head: Head, blow: Blow, started: float) -> Findings:
        """Wait for a head that was told to end, and look at what it left."""
        told = time.monotonic()
        if blow.second_seconds is not None and head.wait(blow.second_seconds) is None:
            head.send(blow.ending)
        exit_code = head.wait(told + EXIT_SECONDS - time.monotonic())
        self.exit_seconds = time.monotonic() - told
        at_exit = self.world.record.read_jobs()
        if exit_code is None:
            return Findings(troubles=("the head did not end when it was told to",))
        at_end = self.world.record.wait_until_idle(IDLE_SECONDS)
        return find_orphans(at_exit, at_end, cancelled_since=started)

    def _finish(self) -> Findings:
        """Run a head to its end."""
        started = time.monotonic()
        with self._start_head() as head:
            exit_code = head.wait(RUN_SECONDS)
            self.whole_seconds = time.monotonic() - started
            at_exit = self.world.record.read_jobs()
        if exit_code != 0:
            how = "did not end" if exit_code is None else f"ended with {exit_code}"
            return Findings(troubles=(f"the last head {how}",))
        at_end = self.world.record.wait_until_idle(IDLE_SECONDS)
        return find_orphans(at_exit, at_end)

    def _judge(self) -> Findings:
        """Compare what was made and done with what must be."""
        expected, outputs = list_expected(), read_outputs(self.work_folder)
        works = read_ledger(self.ledger)
        is_cancelled = self.plan.kind is Kind.INTERRUPT
        found = find_duplicated(works, self.world.record.read_jobs(), is_cancelled=is_cancelled)
        if self.plan.is_finished:
            return found + find_lost(expected, outputs, works)
        return found + find_wrong(expected, outputs)

    def _start_head(self) -> contextlib.AbstractContextManager[Head]:
        return start_head(self.work_folder, self.world.environment, self.folder / "head.log")


def run_trial(
    plan: TrialPlan, folder: Path, hardship: Hardship, expected_seconds: float
) -> TrialReport:
    """Run a trial in a new folder, which is removed unless something was found to be wrong."""
    started = time.monotonic()
    folder.mkdir(parents=True)
    with open_world(folder, plan.seed, hardship) as world:
        trial = Trial(plan, folder, world, expected_seconds)
        findings = trial.run()
        jobs = world.record.read_jobs()
    if findings.is_clean:
        shutil.rmtree(folder)
    return TrialReport(
        plan,
        folder,
        findings,
        time.monotonic() - started,
        trial.whole_seconds,
        trial.exit_seconds,
        trial.early_seconds,
        *_count_attempts(list(jobs.values())),
    )


def _count_attempts(jobs: list[ServerJob]) -> tuple[int, int]:
    """Return how many attempts ended, and how many of them were interrupted."""
    numbers = [(job, number + 1) for job in jobs for number in range(len(job.reasons))]
    return len(numbers), sum(job.is_interrupted(number) for job, number in numbers)
