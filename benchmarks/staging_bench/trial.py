"""One transfer: a way, a file set, a direction; timed in an empty place, and verified after."""

import contextlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from child_process import Figures, time_command
from rclone_server import LOOPBACK, serve_folder

from staging_bench.file_sets import (
    CHUNK_BYTES,
    FileSet,
    check_arrived,
    link_files,
    make_files,
    name_files,
)
from staging_bench.ways import Way, find_s5cmd

BENCHMARKS = Path(__file__).parents[1]
BUCKET = "bench"
KEY_ID, SECRET = "AKIDBENCH", "secret"
DIRECTIONS = ("down", "up")
LATENCY_SECONDS = 0.02

SERVER_OPTIONS = (
    *("--auth-key", f"{KEY_ID},{SECRET}"),
    # What rclone knows of a file includes its MD5, the ETag; to find that anew takes seconds.
    *("--dir-cache-time", "24h", "--poll-interval", "0"),
    # S3 reads what is asked for; rclone would read 16 MiB ahead of each range.
    *("--buffer-size", "0"),
)


@dataclass(frozen=True)
class Transfer:
    """What is to be timed; `is_late` is past the proxy that adds latency."""

    way: Way
    files: FileSet
    direction: str
    is_late: bool

    @property
    def scenario(self) -> str:
        """The name of what it is compared within."""
        late = f"latency {round(LATENCY_SECONDS * 1000)} ms, " if self.is_late else ""
        return f"{late}{self.files}, {self.direction}"


@dataclass(frozen=True)
class Timed:
    """What a transfer took: its whole process, and the transfer alone (seconds)."""

    process: Figures
    seconds: float


@dataclass
class World:
    """A folder with `sources/`, the files of each set, and `s3/`, the server's, and its URLs."""

    folder: Path
    url: str
    late_url: str
    numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def variables(self) -> dict[str, str]:
        """The environment of all transfers: nothing of who runs the benchmark but the path."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(BENCHMARKS),
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextlib.contextmanager
def open_world(folder: Path, sets: list[FileSet], few: FileSet) -> Iterator[World]:
    """Make all files, those that are to be downloaded as objects too, and run both servers.

    `few` are the first files of the first set.
    """
    sources, bucket = folder / "sources", folder / "s3" / BUCKET
    for files in sets:
        make_files(files, sources / files.name)
    link_files(few, sources / sets[0].name, sources / few.name)
    for files in (*sets, few):
        note_sums(files, sources / files.name)
    for files in (*sets, few):
        link_files(files, sources / files.name, bucket / files.name)
    with serve_folder(folder / "s3", SERVER_OPTIONS) as port, hold_back(port) as late_port:
        world = World(folder, f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{late_port}")
        # The server finds the ETags now rather than for whoever comes first.
        time_command(
            [find_s5cmd(), "--endpoint-url", world.url, "ls", f"s3://{BUCKET}/*"],
            folder,
            world.variables,
            folder / "log",
        )
        yield world


def warm_memory(folder: Path, size: int) -> None:
    """Let nobody pay for memory that a virtual machine's host has taken back meanwhile."""
    chunk = bytes(CHUNK_BYTES)
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(size // CHUNK_BYTES):
            file.write(chunk)


def note_sums(files: FileSet, folder: Path) -> None:
    """Write the checksums of a folder's files beside it."""
    words = [sys.executable, "-m", "staging_bench.sums", str(folder), str(files.size)]
    subprocess.run(
        [*words, *name_files(files.count)],
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS)},
        check=True,
    )


@contextlib.contextmanager
def hold_back(port: int) -> Iterator[int]:
    """Run the proxy that adds latency; yield its port."""
    command = [sys.executable, "-m", "staging_bench.late_proxy", str(port), str(LATENCY_SECONDS)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(BENCHMARKS)},
        text=True,
    ) as proxy:
        yield int(proxy.stdout.readline()) if proxy.stdout else 0


def time_transfer(transfer: Transfer, world: World) -> Timed:
    """Move the files to an empty place; return what that took, once they are verified.

    Raises RuntimeError where the command fails, or what arrived is not what was sent.
    """
    files, is_down = transfer.files, transfer.direction == "down"
    sources, bucket = world.folder / "sources" / files.name, world.folder / "s3" / BUCKET
    # Another prefix each time: the server remembers what it has seen, not what became of it.
    name = files.name if is_down else f"up-{next(world.numbers)}"
    target = world.folder / "target" if is_down else bucket / name
    folder = target if is_down else sources
    prefix = f"s3://{BUCKET}/{name}"
    command = transfer.way.make_command(
        is_down=is_down,
        source=prefix if is_down else str(sources),
        target=str(target) if is_down else prefix,
        folder=str(folder),
        sums=f"{sources}.sums",
        prefix=prefix,
        url=world.late_url if transfer.is_late else world.url,
        count=str(files.count),
        size=str(files.size),
    )
    folder.mkdir(exist_ok=True)
    warm_memory(world.folder, files.total_bytes)
    log = world.folder / "log"
    try:
        process = time_command(command, world.folder, world.variables, log)
        check_arrived(files, sources, target)
    finally:
        shutil.rmtree(target, ignore_errors=True)
    if not transfer.way.tells_seconds:
        return Timed(process, process.wall_seconds)
    return Timed(process, float(log.read_text().splitlines()[-1]))
