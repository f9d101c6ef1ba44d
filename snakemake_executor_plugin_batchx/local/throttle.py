"""How fast the Batch API may be called: what AWS grants an account and region."""

from __future__ import annotations

import threading
from collections.abc import Callable

from snakemake_executor_plugin_batchx.local.errors import ThrottledError
from snakemake_executor_plugin_batchx.local.limits import CALLS_BURST, CALLS_PER_SECOND


class Throttle:
    """A bucket of calls that fills steadily; a call that finds it empty is refused.

    Args:
        read_now: seconds, from any start.
    """

    def __init__(self, read_now: Callable[[], float]):
        self._read_now = read_now
        self._lock = threading.Lock()
        self._calls = float(CALLS_BURST)
        self._filled_at = read_now()

    def take(self) -> None:
        """Lets one call pass.

        Raises:
            ThrottledError: there were too many just now.
        """
        with self._lock:
            now = self._read_now()
            gained = (now - self._filled_at) * CALLS_PER_SECOND
            self._calls = min(CALLS_BURST, self._calls + gained)
            self._filled_at = now
            if self._calls < 1:
                raise ThrottledError
            self._calls -= 1
