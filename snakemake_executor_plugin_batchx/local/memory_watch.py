"""One thread that ends the processes that use more memory than their container may."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from snakemake_executor_plugin_batchx.local.container_process import ContainerProcess
from snakemake_executor_plugin_batchx.local.process_table import (
    is_measurable,
    measure_session_share_kib,
    measure_sessions_kib,
)

PERIOD_SECONDS = 0.5


class MemoryWatch:
    """Looks at all processes every ``period_seconds``; where nothing can be measured, never.

    A process that exceeds its limit for less than the period goes unseen, other than in AWS.
    """

    def __init__(
        self,
        list_processes: Callable[[], Iterable[ContainerProcess]],
        period_seconds: float = PERIOD_SECONDS,
    ):
        self._list_processes = list_processes
        self._period_seconds = period_seconds
        self._is_closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="batchx-memory", daemon=True)
        if is_measurable():
            self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._is_closing.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._is_closing.wait(self._period_seconds):
            limited = {
                each.session: each
                for each in self._list_processes()
                if each.is_running and each.order.memory_mib
            }
            if not limited:
                continue
            sizes_kib = measure_sessions_kib(frozenset(limited))
            for session, process in limited.items():
                limit_kib = process.order.memory_mib * 1024
                # The cheap sum counts shared pages more than once: a suspect is measured again.
                is_suspect = sizes_kib.get(session, 0) > limit_kib
                if is_suspect and measure_session_share_kib(session) > limit_kib:
                    process.kill_for_memory()
