"""What control groups of both versions tell."""

import os
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.job.usage import (
    MemoryReading,
    has_own_group,
    measure_folder,
    read_cpu_seconds,
    read_memory,
    read_memory_limit,
)

MIB = 1024 * 1024
V2 = {
    "memory.peak": f"{300 * MIB}\n",
    "memory.events": "low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 5\n",
}
V1 = {
    "memory/memory.max_usage_in_bytes": f"{200 * MIB}\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
}


def write_group(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "reading"),
    [
        (V2, MemoryReading(300.0, 1)),
        (V1, MemoryReading(200.0, 3)),
        ({**V1, **V2}, MemoryReading(300.0, 1)),
        ({}, MemoryReading(None, 0)),
        ({"memory.events": V2["memory.events"]}, MemoryReading(None, 1)),
        ({"memory.peak": "max\n"}, MemoryReading(None, 0)),
        (
            {"memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\n"},
            MemoryReading(None, 0),
        ),
    ],
    ids=["v2", "v1", "both", "none", "v2 without peak", "no number", "v1 without kills"],
)
def test_memory_is_read(tmp_path: Path, files: dict[str, str], reading: MemoryReading) -> None:
    assert read_memory(write_group(tmp_path, files)) == reading


@pytest.mark.parametrize(
    ("files", "is_own"),
    [
        ({"cgroup.procs": "1\n"}, True),
        ({"cgroup.procs": "1\n7\n"}, True),
        ({"cgroup.procs": "1\n7\n9\n"}, False),
        ({"memory/cgroup.procs": "7\n"}, True),
        ({"cgroup.procs": ""}, False),
        ({}, False),
    ],
)
def test_a_group_is_ours_when_nobody_else_is_in_it(
    tmp_path: Path, files: dict[str, str], is_own: bool
) -> None:
    assert has_own_group({1, 7}, write_group(tmp_path, files)) is is_own


NO_LIMIT_V1 = 2**63 - 4096
"""Of version 1, in whole pages."""


@pytest.mark.parametrize(
    ("files", "limit_bytes"),
    [
        ({"memory.max": f"{512 * MIB}\n"}, 512 * MIB),
        ({"memory.max": "max\n"}, None),
        ({"memory/memory.limit_in_bytes": f"{256 * MIB}\n"}, 256 * MIB),
        ({"memory/memory.limit_in_bytes": f"{NO_LIMIT_V1}\n"}, None),
        ({"memory.max": f"{MIB}\n", "memory/memory.limit_in_bytes": f"{2 * MIB}\n"}, MIB),
        ({"memory.max": ""}, None),
        ({}, None),
    ],
    ids=["v2", "v2 without", "v1", "v1 without", "both", "empty", "none"],
)
def test_a_memory_limit_is_read(
    tmp_path: Path, files: dict[str, str], limit_bytes: int | None
) -> None:
    assert read_memory_limit(write_group(tmp_path, files)) == limit_bytes


@pytest.mark.parametrize(
    ("files", "seconds"),
    [
        ({"cpu.stat": "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n"}, 2.5),
        ({"cpuacct/cpuacct.usage": "1500000000\n"}, 1.5),
        ({"cpu.stat": "nr_periods 0\n", "cpuacct/cpuacct.usage": "1500000000\n"}, 1.5),
        ({}, None),
    ],
)
def test_cpu_of_a_container(tmp_path: Path, files: dict[str, str], seconds: float | None) -> None:
    assert read_cpu_seconds(write_group(tmp_path, files)) == seconds


def test_what_a_folder_holds(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"x" * 3 * MIB)
    (tmp_path / "sparse").touch()
    os.truncate(tmp_path / "sparse", 1000 * MIB)
    (tmp_path / "link").symlink_to("/usr")
    assert measure_folder(tmp_path) == pytest.approx(3, abs=0.1)
    assert measure_folder(tmp_path, most_files=3) is None
    assert measure_folder(tmp_path / "gone") == 0
