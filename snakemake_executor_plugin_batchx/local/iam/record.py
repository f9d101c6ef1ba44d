"""What each principal was allowed and denied: it shows what its policy is used for."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict

from snakemake_executor_plugin_batchx.local.iam.principals import Principal

Page = dict[str, dict[str, dict[str, int]]]
"""``{"role/batchx-local-job": {"allowed": {"s3:GetObject": 3}, "denied": {…}}}``."""


class AccessRecord:
    """Counts actions by principal: all sessions of a role are one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))

    def add(self, principal: Principal, action: str, *, is_allowed: bool) -> None:
        """Counts one action."""
        verdict = "allowed" if is_allowed else "denied"
        with self._lock:
            self._counts[principal.label][verdict][action] += 1

    def copy(self) -> Page:
        """The counts so far."""
        with self._lock:
            return {
                label: {verdict: dict(counts) for verdict, counts in by_verdict.items()}
                for label, by_verdict in self._counts.items()
            }

    def clear(self) -> None:
        """Starts at zero."""
        with self._lock:
            self._counts.clear()
