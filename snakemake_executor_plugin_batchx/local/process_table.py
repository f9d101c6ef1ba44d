"""The processes of sessions and their memory, read from Linux's /proc.

A container is played by a session: a job's process may make process groups in it, as ours does.

Without /proc (macOS) nothing is measured.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

PROC = Path("/proc")
PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


def is_measurable() -> bool:
    """True where /proc has what is needed."""
    return (PROC / "self" / "smaps_rollup").exists()


def measure_sessions_kib(sessions: frozenset[int]) -> dict[int, int]:
    """Maps each session to the sum of its processes' resident memory in KiB.

    Shared pages count once per process.
    """
    sizes: dict[int, int] = defaultdict(int)
    for _, session, resident_kib in _list_processes():
        if session in sessions:
            sizes[session] += resident_kib
    return dict(sizes)


def measure_session_share_kib(session: int) -> int:
    """The session's proportional memory (PSS) in KiB: shared pages count once in all.

    Slower than measure_sessions_kib.
    """
    return sum(_read_share_kib(pid) for pid, each, _ in _list_processes() if each == session)


def list_session_members(session: int) -> list[int]:
    """The numbers of a session's processes; none where there is no /proc."""
    if not is_measurable():
        return []
    return [pid for pid, each, _ in _list_processes() if each == session]


def _list_processes() -> list[tuple[int, int, int]]:
    """(pid, session, resident KiB) of every process that is alive when it is read."""
    found = []
    for entry in os.scandir(PROC):
        if not entry.name.isdecimal():
            continue
        try:
            text = Path(entry.path, "stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        # The name may hold blanks and parentheses: the fields after the last ")" are safe.
        fields = text.rpartition(")")[2].split()
        if fields[0] == "Z":
            continue
        found.append((int(entry.name), int(fields[3]), int(fields[21]) * PAGE_KIB))
    return found


def _read_share_kib(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
