"""What a job used, read from its control group where it has one of its own."""

from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.storage.budget import choose_memory_bytes

CGROUP = Path("/sys/fs/cgroup")
MIB = 1024 * 1024
NO_LIMIT_BYTES = 2**60

PEAK_FILES = ("memory.peak", "memory/memory.max_usage_in_bytes")
EVENT_FILES = ("memory.events", "memory/memory.oom_control")
LIMIT_FILES = ("memory.max", "memory/memory.limit_in_bytes")
"""Version 2 first, then version 1 (https://docs.kernel.org/admin-guide/cgroup-v2.html, memory)."""


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
