"""A job as a command looks at it: from time to time, its changes told."""

from collections.abc import Callable
from typing import Any

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.batch.state import JobState, interpret_job
from snakemake_executor_plugin_batchx.errors import BatchxError

LOOK_SECONDS = 5.0
LONGEST_LOOK_SECONDS = 15.0
LOOK_GROWTH = 1.5
"""Between looks: longer and longer while nothing changes."""

BLIND_SECONDS = 120.0
"""For so long looks may fail before the command gives up."""


class JobWatch:
    """Looks at a job, no more often than it is worth, and tells each state of it by `tell`.

    `describe` returns the job as DescribeJobs has it, `detail` and `state` are what the last look
    found. Clock: seconds.
    """

    def __init__(
        self,
        detail: dict[str, Any],
        describe: Callable[[], dict[str, Any]],
        tell: Callable[[JobState], object],
        clock: Callable[[], float],
    ) -> None:
        self._describe = describe
        self._tell = tell
        self._clock = clock
        self._pause = LOOK_SECONDS
        self._seen_at = clock()
        self._next_look = self._seen_at + self._pause
        self.detail = detail
        self.state = interpret_job(self.detail)
        tell(self.state)

    def look_if_due(self) -> None:
        """Look once more if the time has come.

        Raises BatchxError where Batch does not answer, or does not know the job, for BLIND_SECONDS,
        and at once where it refuses.
        """
        now = self._clock()
        if now < self._next_look or self.state.is_terminal:
            return
        earlier = self.state
        self._look(now)
        has_changed = _list_told(self.state) != _list_told(earlier)
        if has_changed:
            self._tell(self.state)
        grown = min(LONGEST_LOOK_SECONDS, self._pause * LOOK_GROWTH)
        self._pause = LOOK_SECONDS if has_changed else grown
        self._next_look = now + self._pause

    def _look(self, now: float) -> None:
        try:
            self.detail = self._describe()
        except BatchxError as error:
            has_refused = isinstance(error, AwsError) and not error.is_transient
            if has_refused or now - self._seen_at > BLIND_SECONDS:
                raise
        else:
            self._seen_at = now
            self.state = interpret_job(self.detail)


def _list_told(state: JobState) -> tuple[str, str, int]:
    """What of a state is worth a line when it changes."""
    return state.status, state.status_reason, len(state.attempts)
