"""What becomes of the files that a job wants of its host's cache."""

from dataclasses import dataclass, field
from pathlib import Path

from snakemake_executor_plugin_batchx.job.cache_slot import Lock, Slot
from snakemake_executor_plugin_batchx.storage.kept_files import Wanted


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
