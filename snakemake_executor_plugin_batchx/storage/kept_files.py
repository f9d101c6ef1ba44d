"""Files that the host of a job may have already: what is asked of its cache (job/host_cache.py)."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Wanted:
    """A file of `size` bytes that a job wants at `target`, with a time and permission bits.

    `identity` tells its content from any other: a checksum, or bucket, key and etag. In the cache
    everyone may read it, and else it keeps its bits: whoever copies it copies them.
    """

    identity: str
    size: int
    mtime_ns: int
    target: Path
    mode: int = 0o644

    @property
    def key(self) -> str:
        """What is the same for files that can be one: their name, too, which tools may look at."""
        told = [self.identity, self.size, self.mtime_ns, self.mode, self.target.name]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:40]


FetchAll = Callable[[Sequence[tuple[Wanted, Path]]], object]
"""Fetches files, each whole and verified, to the path beside it. What it raises fails the job,
but for OSError on the way into the cache."""


class KeptFiles(Protocol):
    """What transfers need of the cache."""

    def provide_all(self, wanted: Sequence[Wanted], fetch_all: FetchAll) -> set[Path]:
        """Put files in their places; return the targets that are links into the cache.

        The others `fetch_all` has brought to their targets: mode and time are the caller's to set.
        """
