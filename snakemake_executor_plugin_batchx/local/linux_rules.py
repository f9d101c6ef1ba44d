"""What ``linuxParameters`` and ``ulimits`` of a container may hold.

Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_LinuxParameters.html, API_Tmpfs,
API_Device and API_Ulimit
"""

from __future__ import annotations

from collections.abc import Iterable

from snakemake_executor_plugin_batchx.local.checks import check_bound, check_choice, check_pattern
from snakemake_executor_plugin_batchx.local.choices import TMPFS_VALUED
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.shapes import JsonObject

NUMBERS = {
    "sharedMemorySize": "shared_memory_mib",
    "maxSwap": "max_swap_mib",
    "swappiness": "swappiness",
}
"""Members of linuxParameters and the rows of their bounds."""
UNLIMITED = -1


def check_linux_parameters(linux: JsonObject) -> None:
    """Checks ``linuxParameters``.

    Raises:
        ClientError: for the first rule that is broken.
    """
    for member, row in NUMBERS.items():
        if member in linux:
            check_bound(row, linux[member])
    for tmpfs in linux.get("tmpfs", []):
        check_pattern("absolute_path", tmpfs["containerPath"])
        check_bound("tmpfs_mib", tmpfs["size"])
        for option in tmpfs.get("mountOptions", []):
            name, equals, _ = option.partition("=")
            is_valued = bool(equals) and name in TMPFS_VALUED
            check_choice("tmpfs_option", name if is_valued else option)
    for device in linux.get("devices", []):
        check_pattern("absolute_path", device["hostPath"])
        if "containerPath" in device:
            check_pattern("absolute_path", device["containerPath"])


def check_ulimits(ulimits: Iterable[JsonObject]) -> None:
    """Checks ``ulimits``: names of Linux, each once, and no soft limit above its hard one.

    Raises:
        ClientError: for the first rule that is broken.
    """
    seen = set()
    for each in ulimits:
        name, soft, hard = each["name"], each["softLimit"], each["hardLimit"]
        check_choice("ulimit_name", name)
        check_bound("ulimit", soft)
        check_bound("ulimit", hard)
        if hard != UNLIMITED and (soft == UNLIMITED or soft > hard):
            raise ClientError(f"The soft limit of {name} ({soft}) is above its hard limit ({hard})")
        if name in seen:
            raise ClientError(f"ulimits holds {name} more than once")
        seen.add(name)
