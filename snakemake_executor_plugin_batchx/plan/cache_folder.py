"""The folder in which hosts keep large inputs, and the patterns that name these inputs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError

CACHE_RESOURCE = "batchx_host_cache"
"""The resource by which a rule names the inputs that are kept on hosts."""

DEFAULT_FOLDER = "/var/lib/batchx-cache"

READ_FOLDER = "/batchx-host-cache"
"""Where containers have the folder a second time, read-only: their tools, which may be root, get
their files by this one, and batchx fills the other."""

CACHE_REGEX = r"(/[^\0:]*?)(?::([1-9]\d*)(MiB|GiB|TiB|MB|GB|TB))?"

UNIT_BYTES = {
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
}

NEEDED_FOLDERS = frozenset(
    f"/{name}"
    for name in (
        *("", "bin", "boot", "dev", "etc", "home", "lib", "lib64", "opt", "proc", "root", "run"),
        *("sbin", "sys", "tmp", "usr", "usr/bin", "usr/lib", "var", "var/lib", "var/tmp"),
        *("batchx", READ_FOLDER.lstrip("/")),
    )
)
"""Folders that a container has of its own: the host's may not be mounted over them."""


@dataclass(frozen=True)
class CacheFolder:
    """A folder of the host, mounted under the same path, and the most that it may hold.

    None as `max_bytes`: half of the file system that it lies on, which only the job can see.
    """

    path: str = DEFAULT_FOLDER
    max_bytes: int | None = None


DEFAULT_CACHE = CacheFolder()


def parse_cache_folder(text: str | None) -> CacheFolder:
    """Turn PATH[:SIZE] into a folder and a bound. Raises BatchxError, saying what is wrong."""
    if not text:
        return DEFAULT_CACHE
    found = re.fullmatch(CACHE_REGEX, text, re.ASCII)
    if found is None:
        raise BatchxError(
            f"--batchx-host-cache {text!r} is not valid: it must be a folder of the hosts, with "
            "the most it may hold if you like, such as /mnt/batchx-cache:200GiB."
        )
    path = found[1].rstrip("/") or "/"
    if path in NEEDED_FOLDERS or {".", "..", ""} & set(path.split("/")[1:]):
        raise BatchxError(
            f"--batchx-host-cache {text!r} is not valid: {path} cannot be mounted into containers, "
            "so name a folder of its own, such as /mnt/batchx-cache."
        )
    return CacheFolder(path, int(found[2]) * UNIT_BYTES[found[3]] if found[2] else None)


def split_patterns(given: Sequence[str] | str) -> list[str]:
    """Return the patterns in a text or in several, separated by blanks or commas."""
    parts = [given] if isinstance(given, str) else given
    return [item for part in parts for item in re.split(r"[\s,]+", part) if item]


def read_cache_patterns(resources: Mapping[str, Any], label: str) -> tuple[str, ...]:
    """Return the patterns that a rule names. Raises BatchxError for a value that holds none."""
    value = resources.get(CACHE_RESOURCE)
    if value is None:
        return ()
    patterns = split_patterns(value) if isinstance(value, str) else []
    if not patterns:
        raise BatchxError(
            f"{label}: resource {CACHE_RESOURCE}={value!r} must be a text with patterns of input "
            "names, such as 'ref/*' or '*'."
        )
    return tuple(patterns)


def is_marked(names: Iterable[str], patterns: Sequence[str]) -> bool:
    """Tell whether a file, by one of its names, fits a pattern; `*` fits slashes, too."""
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
