"""How far this machine's clock is from AWS's, by the time that answers bear."""

import email.utils
from collections.abc import Callable
from typing import Any


class ClockWatch:
    """Notes the time of the last answer that it is shown; `clock` is seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.skew_seconds: float | None = None

    def observe(self, http_response: Any, **_: Any) -> None:
        """Take in an answer; botocore calls this after a call, refused or not.

        The header is in whole seconds (https://www.rfc-editor.org/rfc/rfc9110#name-date).
        """
        date = http_response.headers.get("Date", "")
        try:
            told = email.utils.parsedate_to_datetime(date)
        except ValueError:
            return
        self.skew_seconds = self._clock() - told.timestamp()
