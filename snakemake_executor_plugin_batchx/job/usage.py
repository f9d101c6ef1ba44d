"""What a job used, read from its control group where it has one of its own."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.storage.budget import choose_memory_bytes

CGROUP = Path("/sys/fs/cgroup")
MIB = 1024 * 1024
NANOSECONDS = 1e9
MICROSECONDS = 1e6
NO_LIMIT_BYTES = 2**60
BLOCK_BYTES = 512  # of st_blocks, whatever the file system's own are

PEAK_FILES = ("memory.peak", "memory/memory.max_usage_in_bytes")
EVENT_FILES = ("memory.events", "memory/memory.oom_control")
LIMIT_FILES = ("memory.max", "memory/memory.limit_in_bytes")
"""Version 2 first, then version 1 (https://docs.kernel.org/admin-guide/cgroup-v2.html, memory)."""


CPU_FILES = ("cpuacct/cpuacct.usage", "cpu,cpuacct/cpuacct.usage")
"""Nanoseconds, of version 1; version 2 has microseconds in `cpu.stat`
(https://docs.kernel.org/admin-guide/cgroup-v1/cpuacct.html)."""

MOST_FILES = 100_000
"""So many files of a job are measured in a second or two; where there are more, nobody waits."""
PROCESS_FILES = ("cgroup.procs", "memory/cgroup.procs")


@dataclass(frozen=True)
class MemoryReading:
    """Highest memory so far (MiB, None where nobody counts) and kills for want of memory."""

    peak_mib: float | None
    oom_kills: int


def has_own_group(process_ids: set[int], cgroup: Path = CGROUP) -> bool:
    """Tell, at a job's start, whether the group is this container's alone.

    `process_ids` are ours: this process and an init above it. On a host without containers the
    group holds others as well, and its counters say nothing about the job.
    """
    members = (_read_first(cgroup, PROCESS_FILES) or "").split()
    return bool(members) and {int(member) for member in members} <= process_ids


def read_memory(cgroup: Path = CGROUP) -> MemoryReading:
    """Read the counters of the container's control group; it stands at the root inside one."""
    peak = _read_first(cgroup, PEAK_FILES)
    events = _read_first(cgroup, EVENT_FILES) or ""
    kills = [line.split()[1] for line in events.splitlines() if line.startswith("oom_kill ")]
    return MemoryReading(
        peak_mib=int(peak) / MIB if peak and peak.strip().isdigit() else None,
        oom_kills=int(kills[0]) if kills else 0,
    )


def read_cpu_seconds(cgroup: Path = CGROUP) -> float | None:
    """Return the CPU time of all that ever ran in the container, None where nobody counts it."""
    for line in (_read_first(cgroup, ("cpu.stat",)) or "").splitlines():
        name, _, value = line.partition(" ")
        if name == "usage_usec":
            return int(value) / MICROSECONDS
    used = (_read_first(cgroup, CPU_FILES) or "").strip()
    return int(used) / NANOSECONDS if used.isdigit() else None


def measure_folder(folder: Path, most_files: int = MOST_FILES) -> float | None:
    """Return what a folder takes of its disk (MiB), None of one with too many files to look."""
    blocks = count = 0
    for parent, folders, files in os.walk(folder):
        count += len(folders) + len(files)
        if count > most_files:
            return None
        for name in files:
            with contextlib.suppress(OSError):  # it has gone meanwhile
                blocks += os.lstat(os.path.join(parent, name)).st_blocks
    return blocks * BLOCK_BYTES / MIB


def read_memory_limit(cgroup: Path = CGROUP) -> int | None:
    """Return how many bytes of memory the container may take, None where there is no limit."""
    text = (_read_first(cgroup, LIMIT_FILES) or "").strip()
    # Version 1 says "no limit" with the largest number of pages.
    return int(text) if text.isdigit() and int(text) < NO_LIMIT_BYTES else None


def choose_transfer_memory() -> int:
    """Return how many bytes this container's transfers may hold."""
    return choose_memory_bytes(read_memory_limit())


def _read_first(cgroup: Path, names: tuple[str, ...]) -> str | None:
    for name in names:
        try:
            return (cgroup / name).read_text()
        except OSError:
            continue
    return None
