"""Waiting for one Batch job, with a line now and then about what it waits for."""

from collections.abc import Callable
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.batch.pace import AWS_PACE
from snakemake_executor_plugin_batchx.batch.state import JobState
from snakemake_executor_plugin_batchx.batch.watcher import JobTeller, Poll, Watcher
from snakemake_executor_plugin_batchx.errors import BatchxError

WAIT_SECONDS = 3600.0
"""A queue may have to start an instance first; a full one may keep the job for longer."""

LONGEST_INTERVAL_SECONDS = 10.0
STEP_SECONDS = 0.5
TELL_SECONDS = 60.0


@dataclass
class JobWait:
    """Waits for a job's end; `clock` (seconds, monotonic) and `sleep` are passed in.

    `say` is told every minute how it stands, and once of each trouble on the way to Batch.
    """

    teller: JobTeller
    job_id: str
    say: Callable[[str], None]
    clock: Callable[[], float]
    sleep: Callable[[float], object]
    _status: str = "SUBMITTED"
    _reason: str = ""
    _trouble: str = ""

    def wait(self) -> JobState:
        """Return the state in which the job ended. Raises BatchxError where it does not end."""
        watcher = Watcher(self.teller, self.clock, LONGEST_INTERVAL_SECONDS, AWS_PACE)
        watcher.watch([self.job_id])
        started = told = self.clock()
        while (now := self.clock()) - started < WAIT_SECONDS:
            poll = self._poll(watcher)
            for state in poll.states:
                if state.is_terminal:
                    return state
                self._status, self._reason = state.status, state.status_reason
            if poll.lost:
                raise BatchxError(f"AWS Batch does not know job {self.job_id} any more.")
            if now - told >= TELL_SECONDS:
                told = now
                self.say(f"waiting for job {self.job_id}: {self._status} ({now - started:.0f} s)")
            self.sleep(STEP_SECONDS)
        because = f" ({self._reason})" if self._reason else ""
        raise BatchxError(
            f"Batch job {self.job_id} is {self._status} after {WAIT_SECONDS / 60:.0f} minutes"
            f"{because}: see whether its queue starts instances. It was ended."
        )

    def _poll(self, watcher: Watcher) -> Poll:
        try:
            return watcher.poll_if_due()
        except BatchxError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self.say(f"{error} Trying again.")
            return Poll()
