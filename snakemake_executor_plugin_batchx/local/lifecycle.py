"""How jobs go from state to state: dependencies, arrays, ends, cancelling and terminating.

Sources: https://docs.aws.amazon.com/batch/latest/userguide/job_states.html,
job_dependencies.html, array_jobs.html and
https://docs.aws.amazon.com/batch/latest/APIReference/API_CancelJob.html, API_TerminateJob.html
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from snakemake_executor_plugin_batchx.local.jobs import Job, JobState
from snakemake_executor_plugin_batchx.local.placement import Placement

# Seen in public reports of failed jobs.
DEPENDENT_FAILED = "Dependent Job failed"
CHILD_FAILED = "Array Child Job failed"


@dataclass
class Lifecycle:
    """Moves jobs. ``stop_attempt`` is called for a job that is terminated while it starts or runs.

    Jobs whose dependencies changed wait in ``unsettled`` until ``settle``, so that a chain of
    10,000 children needs no recursion.
    """

    read_now_ms: Callable[[], int]
    placement: Placement
    stop_attempt: Callable[[Job], None]
    unsettled: deque[Job] = field(default_factory=deque)

    def enter(self, job: Job) -> None:
        """A job was submitted."""
        for dependency in job.dependencies:
            dependency.dependents.append(job)
        self.unsettled.append(job)

    def settle(self) -> None:
        """Lets every job whose dependencies may have changed take its next step."""
        while self.unsettled:
            job = self.unsettled.popleft()
            if job.is_array_parent:
                self._settle_parent(job)
            elif job.state in (JobState.SUBMITTED, JobState.PENDING):
                self._settle_single(job)

    def make_runnable(self, job: Job) -> None:
        """A job whose dependencies are done, or that is tried again, waits for a place."""
        job.move_to(JobState.RUNNABLE)
        job.runnable_at = self.read_now_ms()
        self.placement.add(job)

    def end(self, job: Job, state: JobState, reason: str | None) -> None:
        """A job SUCCEEDED or FAILED: its dependents and its array's parent learn of it."""
        self.placement.finish(job)
        job.move_to(state)
        job.status_reason = reason
        job.stopped_at = self.read_now_ms()
        self.unsettled.extend(job.dependents)
        parent = job.parent
        if parent is not None and not parent.is_terminal:
            self.unsettled.append(parent)

    def cancel(self, job: Job, reason: str) -> None:
        """CancelJob: what has not begun ends FAILED; what starts or runs goes on.

        A PENDING job ends once its dependencies are done.
        """
        self._end_early(job, reason, is_terminating=False)

    def terminate(self, job: Job, reason: str) -> None:
        """TerminateJob: as cancel, and what starts or runs is stopped."""
        self._end_early(job, reason, is_terminating=True)

    def _end_early(self, job: Job, reason: str, *, is_terminating: bool) -> None:
        if job.is_terminal:
            return
        if job.is_array_parent:
            self._mark(job, reason, is_terminating=is_terminating)
            for child in job.children:
                self._end_early(child, reason, is_terminating=is_terminating)
            return
        if job.state in (JobState.STARTING, JobState.RUNNING):
            if is_terminating and not job.is_terminated:
                self._mark(job, reason, is_terminating=True)
                self.stop_attempt(job)
            return
        self._mark(job, reason, is_terminating=is_terminating)
        if job.state is JobState.RUNNABLE:
            self.end(job, JobState.FAILED, job.end_reason)
        else:
            self.unsettled.append(job)

    def _mark(self, job: Job, reason: str, *, is_terminating: bool) -> None:
        if is_terminating:
            job.is_terminated = True
        else:
            job.is_cancelled = True
        job.end_reason = job.end_reason or reason

    def _settle_single(self, job: Job) -> None:
        states = [dependency.state for dependency in job.dependencies]
        if JobState.FAILED in states:
            self.end(job, JobState.FAILED, job.end_reason or DEPENDENT_FAILED)
        elif all(state is JobState.SUCCEEDED for state in states):
            if job.is_ending:
                self.end(job, JobState.FAILED, job.end_reason)
            else:
                self.make_runnable(job)
        elif job.state is JobState.SUBMITTED:
            job.move_to(JobState.PENDING)

    def _settle_parent(self, parent: Job) -> None:
        """A parent is PENDING until all its children have ended; it FAILED if one of them did."""
        if parent.is_terminal:
            return
        if parent.state is JobState.SUBMITTED:
            parent.move_to(JobState.PENDING)
        failed = parent.child_counts[JobState.FAILED]
        if failed + parent.child_counts[JobState.SUCCEEDED] < len(parent.children):
            return
        if not failed:
            self.end(parent, JobState.SUCCEEDED, None)
            return
        is_dependent = any(each.state is JobState.FAILED for each in parent.dependencies)
        reason = DEPENDENT_FAILED if is_dependent else CHILD_FAILED
        self.end(parent, JobState.FAILED, parent.end_reason or reason)
