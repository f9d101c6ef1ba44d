"""Which of an index's images the queue's instances can run."""

import json
from collections.abc import Mapping
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.reference import is_digest

ARCHITECTURES = ("amd64", "arm64")
"""What AWS Batch has instances for, as images name it."""


def choose_manifest(raw: bytes, architecture: str, name: str) -> str:
    """Return the digest of the Linux image for an architecture, from an index.

    The first that fits, as Docker does it. Raises BatchxError, which lists what there is.
    """
    found: dict[str, str] = {}
    for entry in json.loads(raw).get("manifests") or []:
        if is_digest(str(entry.get("digest"))):
            found.setdefault(name_platform(entry.get("platform") or {}), entry["digest"])
    digest = found.get(f"linux/{architecture}")
    if digest is None:
        # BuildKit's attestations are listed as unknown/unknown.
        there = ", ".join(sorted(name for name in found if "unknown" not in name))
        raise BatchxError(tell_missing(name, architecture, there))
    return digest


def check_platform(config: Mapping[str, Any], architecture: str, name: str) -> None:
    """Raise BatchxError if an image's config says that it is for another platform."""
    if config.get("architecture") and name_platform(config) != f"linux/{architecture}":
        raise BatchxError(tell_missing(name, architecture, name_platform(config)))


def name_platform(platform: Mapping[str, Any]) -> str:
    """Return os/architecture; both are the same in configs and in indexes."""
    return f"{platform.get('os') or 'linux'}/{platform.get('architecture') or 'unknown'}"


def tell_missing(name: str, architecture: str, there: str) -> str:
    """Return the sentence for an image that the queue's instances cannot run."""
    return (
        f"{name} has no image for linux/{architecture}, which the queue's instances run, but for "
        f"{there or 'no platform at all'}: name an image that has one, or another queue."
    )
