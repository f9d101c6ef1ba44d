"""The container's environment, without what the start of this Python put into it."""

from collections.abc import MutableMapping
from pathlib import Path

COERCED = "LC_CTYPE"
"""Python sets it where it meets the C locale (https://peps.python.org/pep-0538/)."""

AT_START = Path("/proc/self/environ")
"""The environment that a process was started with (proc_pid_environ(5))."""


def undo_coercion(environment: MutableMapping[str, str], at_start: bytes) -> None:
    """Take the variable out again that Python set for itself: the image's tools go without.

    `at_start` are entries NAME=value, each ended by a zero byte.
    """
    names = {entry.partition(b"=")[0] for entry in at_start.split(b"\0")}
    if COERCED.encode() not in names:
        environment.pop(COERCED, None)


def read_start() -> bytes:
    """Return what AT_START holds; where there is no such file, that nothing was put in."""
    try:
        return AT_START.read_bytes()
    except OSError:
        return COERCED.encode()
