"""What jobs used, read from their results in S3: where data stays there, no run reads them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.packets import open_packet
from snakemake_executor_plugin_batchx.storage.fetch import ReadBulk
from snakemake_executor_plugin_batchx.storage.refusals import NOT_THERE, StorageError

READ_AT_ONCE = 256

MOST_MISSING = 16
"""So many results in a row that are not there: the others have been deleted, too."""


@dataclass(frozen=True)
class FoundUsages:
    """Usages by the keys of their results; `problem` is why others could not be had."""

    usages: Mapping[str, Mapping[str, Any]]
    problem: str = ""


def read_usages(
    read_bulk: ReadBulk, read_one: Callable[[str], bytes], keys: Sequence[str]
) -> FoundUsages:
    """Return what these results tell of what their jobs used.

    What a bulk does not bring is asked for singly, until S3 refuses or has none of many.
    """
    found: dict[str, Mapping[str, Any]] = {}
    for start in range(0, len(keys), READ_AT_ONCE):
        packets = read_bulk(keys[start : start + READ_AT_ONCE])
        found |= {key: _read_usage(data) for key, data in packets.items()}
    missing = 0
    for key in keys:
        if key in found:
            continue
        try:
            found[key] = _read_usage(read_one(key))
            missing = 0
        except StorageError as error:
            if error.code not in NOT_THERE:
                return FoundUsages(_drop_empty(found), str(error))
            missing += 1
            if missing == MOST_MISSING:
                break
    usages = _drop_empty(found)
    gone = (
        "their results are not in S3 any more, or may not be read"
        if len(usages) < len(keys)
        else ""
    )
    return FoundUsages(usages, gone)


def _drop_empty(found: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {key: usage for key, usage in found.items() if usage}


def _read_usage(data: bytes) -> Mapping[str, Any]:
    """Return the usage in a result's packet, empty of one that makes no sense."""
    try:
        header = open_packet(lambda offset, size: data[offset : offset + size]).header
        usage: Mapping[str, Any] = header["usage"]
    except (BatchxError, ValueError, TypeError, LookupError):
        return {}
    return usage if isinstance(usage, dict) else {}
