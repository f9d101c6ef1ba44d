"""The wire format between head and job: what a job shall do, and what came of it.

Both travel as one *packet* each (packets.py): a job spec packet has what all jobs of a submission
share in its header and one range a job; a result packet has the job's verdict and file list in its
header and the small output files as ranges.

Standard library only: this module runs on both sides.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

SPEC_VERSION = 5

SMALL_FILE_BYTES = 1024 * 1024  # up to this a result file travels inside the result packet

TAIL_BYTES = 64 * 1024  # so much of the end of a job's output travels in its result

EXIT_LEASE_LOST = 113
"""Exit code of a job that found another submission of itself at work (job/lease.py)."""

EXIT_TERMINATED = 143
"""Exit code of a job ended by SIGTERM, as a shell reports it (128 + 15)."""

JOB_MODULE = "snakemake_executor_plugin_batchx.job"
RUNTIME_PREFIX = "/batchx"
"""Where the runtime stands in every container, whatever brought it there."""
RUNTIME_PYTHON = f"{RUNTIME_PREFIX}/bin/python"
"""The interpreter that a job starts: the runtime's own, never the image's."""


@dataclass(frozen=True)
class Blob:
    """Where the bytes of a file are: a range of an object under the S3 root's bucket."""

    key: str
    offset: int
    size: int
    sha256: str
    crc64: str = ""
    """CRC64NVME (base64) of a large file: verified in a tenth of SHA-256's time."""


@dataclass(frozen=True)
class Entry:
    """A file, directory or symbolic link, as it is to stand in the job or on the head.

    `path` is relative to the working directory, or absolute. Files have a `blob`, links a
    `target`; `mode` holds the permission bits, `mtime_ns` nanoseconds since the epoch.
    """

    path: str
    kind: Literal["file", "dir", "link"]
    mode: int
    mtime_ns: int
    blob: Blob | None = None
    target: str | None = None


@dataclass(frozen=True)
class Product:
    """A path the job is to leave behind; an optional one may be missing (temp() in a group)."""

    path: str
    kind: Literal["output", "log", "benchmark"]
    is_optional: bool = False


@dataclass(frozen=True)
class ExpectedStep:
    """What the head saw of one rule instance: the guard in the job refuses anything else.

    With `is_open` its input depends on a checkpoint in the same group, so it was not known yet.
    `values` are shapes and hashes of params and command (job/values.py).
    """

    rule: str
    wildcards: dict[str, str]
    input: tuple[str, ...]
    output: tuple[str, ...]
    log: tuple[str, ...]
    benchmark: str | None
    is_open: bool = False
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StepEnvironment:
    """The conda environment of a rule instance: `content` is a hash of what it is made of."""

    rule: str
    wildcards: dict[str, str]
    content: str


@dataclass(frozen=True)
class PackagesSpec:
    """The packages that the workflow imports: the key of their archive, and top-level modules.

    A job whose interpreter has all the modules does not fetch it.
    """

    key: str
    modules: tuple[str, ...]


@dataclass(frozen=True)
class StorageFile:
    """An object that the job reads or makes through Snakemake's s3 storage plugin.

    `provider` and `is_default` tell which instance of the plugin it belongs to: its tag (the
    plugin's name where it has none), and whether it is the default storage provider. With
    `is_fetched` the object is brought to the job, with `is_output` the job makes it; update() has
    both. `was_dir`: the head saw a directory, objects below its key. What `is_awaited` has to be
    there before input functions are called; what `is_cached` may come from the host's cache.
    What one rule of a group makes for another is sent in an earlier `wave` than what is made of it:
    S3 dates objects by their arrival.
    """

    query: str
    provider: str
    is_default: bool
    is_fetched: bool
    is_output: bool
    was_dir: bool
    is_awaited: bool = False
    is_cached: bool = False
    wave: int = 0


@dataclass(frozen=True)
class HostCacheSpec:
    """Where a host keeps `inputs` (paths of top entries); None as `max_bytes`: half of its disk."""

    folder: str
    read_folder: str
    max_bytes: int | None
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class SharedSpec:
    """What all jobs of a submission share.

    `root_prefix` is the S3 root's, for what the job writes there. `sources` is a tar.gz,
    unpacked `source_depth` directories deep, so that paths above the working directory exist;
    `start_dir` (where Snakemake starts) and `work_dir` (what relative paths refer to) are
    relative to where it is unpacked. `envvars` may hold secrets: they travel here only. `packages`
    are those that parsing the workflow imports, `places` paths of the head and the tokens that
    stand for them, `project` the head's folder that holds all sources (job/places.py). With
    `keeps_output` jobs that succeed leave what they wrote to their output, too.
    """

    version: int
    root_prefix: str
    sources: Blob
    source_depth: int
    start_dir: str
    work_dir: str
    scratch: str | None = None
    envvars: dict[str, str] = field(default_factory=dict)
    packages: PackagesSpec | None = None
    places: dict[str, str] = field(default_factory=dict)
    project: str = ""
    keeps_output: bool = False

    def list_source_hashes(self) -> list[str]:
        """Return what tells one state of the workflow's sources and packages from another."""
        packages = [self.packages.key.rpartition("/")[2]] if self.packages else []
        return [self.sources.sha256, *packages]


@dataclass(frozen=True)
class JobSpec:
    """What one job is to do: `argv` are the arguments of its Snakemake.

    `checkpoints` are outputs of finished checkpoints that its input functions ask for,
    `environments` the conda environments it makes, and `image` what it makes them in.
    `storage_files` are its objects in S3 mode; their relative paths refer to `storage_dir`, which
    is relative to where its Snakemake starts. `passed` are variables with values of the head's,
    which may be secrets; `disk_mib` has to be free where the job works.
    """

    argv: tuple[str, ...]
    inputs: tuple[Entry, ...]
    products: tuple[Product, ...]
    steps: tuple[ExpectedStep, ...]
    lease_key: str
    result_key: str
    checkpoints: tuple[str, ...] = ()
    environments: tuple[StepEnvironment, ...] = ()
    image: str = ""
    storage_files: tuple[StorageFile, ...] = ()
    storage_dir: str = "."
    host_cache: HostCacheSpec | None = None
    passed: dict[str, str] = field(default_factory=dict)
    disk_mib: int | None = None


@dataclass(frozen=True)
class Usage:
    """What a job used.

    Memory and CPU are those of the whole container where a cgroup tells, else memory of the largest
    process and CPU of the job's Snakemake and its tools; None where nobody tells. `disk_mib` is
    what its folder held at its end.
    """

    wall_seconds: float
    cpu_seconds: float
    stage_in_seconds: float
    stage_out_seconds: float
    bytes_in: int
    bytes_out: int
    peak_memory_mib: float | None
    oom_kills: int
    disk_mib: float | None = None


@dataclass(frozen=True)
class Result:
    """What came of a job.

    `attempt` is Batch's count of starts; `exit_code` is the tool's own, `problem` a sentence where
    the job failed for another reason than its tool. Of the output, which had `output_bytes`, the
    end stands in `tail`; where that is not all, `output` is the beginning, as far as it was kept.
    `rule` is the one of a group whose tool failed.
    """

    version: int
    attempt: int
    exit_code: int
    problem: str | None
    tail: str
    files: tuple[Entry, ...]
    usage: Usage
    output_bytes: int = 0
    output: Blob | None = None
    rule: str = ""


T = TypeVar("T")


def encode(value: Any) -> Any:
    """Turn dataclasses, in tuples and mappings, too, into plain JSON values."""
    kind = type(value)
    if kind is str or value is None:
        return value
    if kind is tuple or kind is list:
        return [encode(item) for item in value]
    if kind is dict:
        return {name: encode(item) for name, item in value.items()}
    names = _list_field_names(typing.cast("Hashable", kind))
    if names is None:
        return value
    return {name: encode(getattr(value, name)) for name in names}


@functools.cache
def _list_field_names(kind: Any) -> tuple[str, ...] | None:
    """Return the names of a dataclass's fields, None for another class."""
    if not dataclasses.is_dataclass(kind):
        return None
    return tuple(each.name for each in dataclasses.fields(kind))


def decode(cls: type[T], value: Any) -> T:
    """Build a dataclass of this module from plain JSON values.

    Raises ValueError or TypeError where the values do not fit the class.
    """
    return typing.cast("T", _decode(cls, value))


_get_hints = functools.cache(typing.get_type_hints)


def _decode(kind: Any, value: Any) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise TypeError(f"{kind.__name__} cannot be made of {type(value).__name__}")
        hints = _get_hints(kind)
        # A name that the class lacks is refused by the class itself.
        return kind(**{name: _decode(hints.get(name), item) for name, item in value.items()})
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return tuple(_decode(args[0], item) for item in value)
    if origin is types.UnionType:
        if value is None:
            return None
        return _decode(next(arg for arg in args if arg is not types.NoneType), value)
    return value
