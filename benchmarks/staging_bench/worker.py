"""The process of a way that moves files as a job does, where Python is up already."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from staging_bench.file_sets import name_files


@dataclass(frozen=True)
class Order:
    """Which files to move, at which S3 server; `prefix` begins with s3://.

    All are of one size (bytes); the file `sums` has the checksums of each.
    """

    is_down: bool
    url: str
    prefix: str
    folder: Path
    count: int
    size: int
    sums: Path

    @property
    def names(self) -> list[str]:
        """The files' names below the folder and the prefix."""
        return name_files(self.count)

    @property
    def bucket(self) -> str:
        """The bucket of the prefix."""
        return urlsplit(self.prefix).netloc

    @property
    def key_prefix(self) -> str:
        """The prefix within the bucket."""
        return urlsplit(self.prefix).path.strip("/")


def run_worker(prepare: Callable[[Order], Callable[[], None]]) -> None:
    """Move files as the command line says, DIRECTION URL PREFIX FOLDER COUNT SIZE SUMS.

    Prints how many seconds the transfer took that `prepare` returned.
    """
    direction, url, prefix, folder, count, size, sums = sys.argv[1:]
    is_down = direction == "down"
    order = Order(is_down, url, prefix, Path(folder), int(count), int(size), Path(sums))
    move = prepare(order)
    started = time.perf_counter()
    move()
    print(time.perf_counter() - started)
