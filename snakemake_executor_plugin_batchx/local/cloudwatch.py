"""CloudWatch Logs for a runner: moto's, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from moto.logs.exceptions import ResourceNotFoundException
from moto.logs.models import logs_backends

from snakemake_executor_plugin_batchx.local.identity import Identity


class MotoLogSink:
    """moto's CloudWatch Logs in this process.

    A call costs microseconds, where HTTP would cost milliseconds per job.
    """

    def __init__(self, identity: Identity, read_now: Callable[[], float] = time.time) -> None:
        self._identity = identity
        self._backend = logs_backends[identity.account_id][identity.region]
        self._read_now = read_now

    def has_group(self, group: str) -> bool:
        """See LogSink."""
        return group in self._backend.groups

    def create_group(self, group: str) -> None:
        """See LogSink."""
        self._backend.create_log_group(group, tags={})

    def create_stream(self, group: str, stream: str) -> None:
        """See LogSink."""
        with suppress(ResourceNotFoundException):
            self._backend.create_log_stream(group, stream)

    def put(self, group: str, stream: str, messages: Sequence[str]) -> None:
        """See LogSink."""
        now_ms = int(self._read_now() * 1000)
        events = [{"timestamp": now_ms, "message": message} for message in messages]
        # As with Docker's driver, what is written after somebody deleted the group is lost.
        with suppress(ResourceNotFoundException):
            self._backend.put_log_events(group, stream, events)

    def make_stream_arn(self, group: str, stream: str) -> str:
        """See LogSink."""
        it = self._identity
        prefix = f"arn:{it.partition}:logs:{it.region}:{it.account_id}"
        return f"{prefix}:log-group:{group}:log-stream:{stream}"
