"""The hosts that a run's jobs came to: asked about while they are there, once each."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.aws.hosts import HOSTS_AT_ONCE, FoundHosts
from snakemake_executor_plugin_batchx.batch.state import JobState
from snakemake_executor_plugin_batchx.batch.watcher import Poll
from snakemake_executor_plugin_batchx.journal import Journal
from snakemake_executor_plugin_batchx.noting import make_starts
from snakemake_executor_plugin_batchx.ports import Log

ASK_SECONDS = 15.0
"""Between questions: hosts come in bunches, and ECS remembers those that go for some minutes."""

MOST_TRIES = 4
"""In a row, of an ECS that cannot be reached: there may be no way to it."""

UNKNOWN = "Of machines that jobs run on, `batchx report` will not know all that costs depend on: "


class HostsSeen:
    """Notes in the journal what the hosts of jobs are. Safe to use from many threads.

    `find` asks ECS and EC2, `clock` is in seconds. Nobody but the report needs to know: what cannot
    be found out is told once, and not asked for again.
    """

    def __init__(
        self,
        find: Callable[[Sequence[str]], FoundHosts],
        journal: Journal,
        log: Log,
        clock: Callable[[], float],
    ) -> None:
        self._find = find
        self._journal = journal
        self._log = log
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._waiting: list[str] = []
        self._next_seconds = 0.0
        self._is_off = False
        self._has_told = False
        self._unreached = 0

    def note_poll(self, poll: Poll) -> None:
        """Note the hosts of jobs, and what Batch has told of such as have ended."""
        self.note(arn for state in poll.states for arn in state.hosts)
        self._note_told(poll.told)

    def _note_told(self, states: Iterable[JobState]) -> None:
        for state in states:
            self.note(state.hosts)
            self._journal.note("told", batch_job_id=state.job_id, starts=make_starts(state))

    def finish(self, describe_untold: Callable[[], Iterable[JobState]]) -> None:
        """Ask for all that is not known yet, as far as that goes."""
        with contextlib.suppress(AwsError):
            self._note_told(describe_untold())
        self.ask(self.take_due(is_last=True))

    def note(self, arns: Iterable[str]) -> None:
        """Note that jobs are on these container instances."""
        with self._lock:
            for arn in arns:
                if arn not in self._seen:
                    if not self._waiting:
                        soonest = self._clock() + ASK_SECONDS
                        self._next_seconds = max(self._next_seconds, soonest)
                    self._seen.add(arn)
                    self._waiting.append(arn)

    def take_due(self, *, is_last: bool = False) -> list[str]:
        """Return the hosts to ask about now: some, if it is time to, or all at the run's end."""
        with self._lock:
            if self._is_off or not (is_last or self._clock() >= self._next_seconds):
                return []
            self._next_seconds = self._clock() + ASK_SECONDS
            count = len(self._waiting) if is_last else HOSTS_AT_ONCE
            taken, self._waiting = self._waiting[:count], self._waiting[count:]
            return taken

    def ask(self, arns: Sequence[str]) -> None:
        """Ask what hosts are, and note it; again later where ECS could not be reached."""
        if not arns:
            return
        try:
            found = self._find(arns)
        except Exception as error:  # noqa: BLE001 - no run ends badly for its report's sake
            found = FoundHosts((), (f"{type(error).__name__}: {error}",))
        for host in found.hosts:
            fields = asdict(host)
            self._journal.note("host", host=fields.pop("arn"), **fields)
        with self._lock:
            self._unreached = self._unreached + 1 if found.is_transient else 0
            if not found.problems:
                return
            if 0 < self._unreached < MOST_TRIES:
                self._waiting += arns
                return
            # ECS refused: all other questions would be, too. Without EC2 it still tells the types.
            self._is_off = self._is_off or not found.hosts
            is_first, self._has_told = not self._has_told, True
        if is_first:
            self._log.info(f"batchx: {UNKNOWN}{found.problems[0]}")
