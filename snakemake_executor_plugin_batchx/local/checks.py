"""The limits' tables applied to single values: each function refuses with the row's own words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from snakemake_executor_plugin_batchx.local.choices import CHOICES
from snakemake_executor_plugin_batchx.local.container_limits import CONTAINER_BOUNDS
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.limits import BOUNDS
from snakemake_executor_plugin_batchx.local.patterns import PATTERNS

ALL_BOUNDS = MappingProxyType({**BOUNDS, **CONTAINER_BOUNDS})


def check_bound(row: str, value: int) -> None:
    """Refuses a number, count or length outside the row's bounds.

    Raises:
        ClientError: with the row's words.
    """
    if not ALL_BOUNDS[row].is_kept(value):
        raise ClientError(ALL_BOUNDS[row].describe_breach(value))


def check_kib(row: str, size_bytes: int) -> None:
    """Like check_bound for sizes in bytes that the words tell in KiB (rounded up).

    Raises:
        ClientError: with the row's words.
    """
    if not ALL_BOUNDS[row].is_kept(size_bytes):
        raise ClientError(ALL_BOUNDS[row].describe_breach(-(-size_bytes // 1024)))


def check_pattern(row: str, value: str) -> None:
    """Refuses a text that does not match the row's pattern.

    Raises:
        ClientError: with the row's words.
    """
    if not PATTERNS[row].is_kept(value):
        raise ClientError(PATTERNS[row].describe_breach(value))


def check_choice(row: str, value: str) -> None:
    """Refuses a word that is not one of the row's.

    Raises:
        ClientError: with the row's words.
    """
    if not CHOICES[row].is_kept(value):
        raise ClientError(CHOICES[row].describe_breach(value))


def check_tags(tags: Mapping[str, str]) -> None:
    """Refuses too many tags, and keys or values that are too long or reserved.

    Raises:
        ClientError: with the row's words.
    """
    check_bound("tags", len(tags))
    for key, value in tags.items():
        check_bound("tag_key_length", len(key))
        check_bound("tag_value_length", len(value))
        check_pattern("tag_key", key)
        check_pattern("tag_value", value)
