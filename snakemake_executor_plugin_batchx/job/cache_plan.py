"""The files that a job wants of its host's cache, and what becomes of each."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from snakemake_executor_plugin_batchx.job.cache_slot import Lock, Slot


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


@dataclass(frozen=True)
class Claim:
    """A file that this job fetches for all: its slot is locked, and room for it taken."""

    wanted: Wanted
    slot: Slot
    lock: Lock
    part: Path


@dataclass
class Plan:
    """What becomes of the files of one call.

    `open` are to be looked for in the cache, `direct` to be fetched without it; `linked` stand in
    their places, `fetched` is all that this job asked for itself, `published` what of it others
    may find.
    """

    open: list[Wanted] = field(default_factory=list)
    direct: list[Wanted] = field(default_factory=list)
    linked: list[Wanted] = field(default_factory=list)
    fetched: set[Wanted] = field(default_factory=set)
    published: set[Wanted] = field(default_factory=set)
