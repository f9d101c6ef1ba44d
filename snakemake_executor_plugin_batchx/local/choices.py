"""Which words may stand somewhere, as one table. Rows are read as in limits.py."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from snakemake_executor_plugin_batchx.local.limits import API


@dataclass(frozen=True)
class Choice:
    """Words of which one must stand somewhere.

    ``message`` may use ``{value}`` and ``{values}``, the words in order.
    """

    values: tuple[str, ...]
    message: str
    source: str
    is_quoted: bool = False

    def is_kept(self, value: str) -> bool:
        """True if ``value`` is one of the words."""
        return value in self.values

    def describe_breach(self, value: str) -> str:
        """The refusal's text for ``value``."""
        return self.message.format(value=value, values=", ".join(self.values))


ULIMITS = (
    *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile"),
    *("nproc", "rss", "rtprio", "rttime", "sigpending", "stack"),
)
TMPFS_FLAGS = (
    *("defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec"),
    *("sync", "async", "dirsync", "remount", "mand", "nomand", "atime", "noatime"),
    *("diratime", "nodiratime", "bind", "rbind", "unbindable", "runbindable"),
    *("private", "rprivate", "shared", "rshared", "slave", "rslave"),
    *("relatime", "norelatime", "strictatime", "nostrictatime"),
)
TMPFS_VALUED = ("mode", "uid", "gid", "nr_inodes", "nr_blocks", "mpol")
"""Options of a tmpfs that may carry ``=value``."""

CHOICES = MappingProxyType(
    {
        "ulimit_name": Choice(
            ULIMITS,
            "{value} is no ulimit: it should be one of {values}",
            f"{API}/API_Ulimit.html",
        ),
        "tmpfs_option": Choice(
            (*TMPFS_FLAGS, *TMPFS_VALUED),
            "{value} is no mount option of a tmpfs volume: it should be one of {values}",
            f"{API}/API_Tmpfs.html",
        ),
        "cpu_architecture": Choice(
            ("X86_64", "ARM64"),
            "{value} is no cpuArchitecture: it should be one of {values}",
            f"{API}/API_RuntimePlatform.html",
        ),
        # Windows is in the documentation's list, and not in the embedded Batch.
        "operating_system": Choice(
            ("LINUX",),
            "The embedded Batch runs operatingSystemFamily {values} only, got {value}",
            f"{API}/API_RuntimePlatform.html",
        ),
        # Older ones can be used no more.
        "fargate_version": Choice(
            ("LATEST", "1.4.0"),
            "{value} is no platform version of Fargate: it should be one of {values}",
            "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/"
            "platform-versions-retired.html",
        ),
        "consumable_type": Choice(
            ("REPLENISHABLE", "NON_REPLENISHABLE"),
            "{value} is no type of consumable resource: it should be one of {values}",
            f"{API}/API_CreateConsumableResource.html",
        ),
        "consumable_operation": Choice(
            ("SET", "ADD", "REMOVE"),
            "{value} is no operation on a consumable resource: it should be one of {values}",
            f"{API}/API_UpdateConsumableResource.html",
        ),
    }
)
