"""An image of one platform, read from its registry."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.media import INDEXES, MANIFESTS
from snakemake_executor_plugin_batchx.images.platforms import check_platform, choose_manifest
from snakemake_executor_plugin_batchx.images.reference import ImageReference
from snakemake_executor_plugin_batchx.images.registry import Manifest, Registry

MAX_INDEX_DEPTH = 3

PRELOAD = "LD_PRELOAD"
SAVED_PRELOAD = "BATCHX_IMAGE_LD_PRELOAD"
"""Where a job finds the image's LD_PRELOAD, which the runtime's loader must not see."""


@dataclass(frozen=True)
class Image:
    """A manifest and the config that it names; `reference` names it by digest."""

    registry: Registry
    reference: ImageReference
    manifest: Manifest
    config: Mapping[str, Any]

    def list_layers(self) -> list[tuple[str, int, str]]:
        """Return digest, size in bytes and media type of each layer."""
        layers = json.loads(self.manifest.raw)["layers"]
        return [(x["digest"], int(x["size"]), str(x.get("mediaType", ""))) for x in layers]


def read_image(
    registry: Registry, reference: ImageReference, architecture: str, name: str
) -> Image:
    """Return the image for an architecture that a reference stands for.

    `name` is how errors call it. Raises BatchxError for what is no image, or of other platforms.
    """
    repository = reference.repository
    manifest = registry.read_manifest(repository, reference.locator)
    for _ in range(MAX_INDEX_DEPTH):
        if manifest.media_type not in INDEXES:
            break
        digest = choose_manifest(manifest.raw, architecture, name)
        manifest = registry.read_manifest(repository, digest)
    if manifest.media_type not in MANIFESTS:
        kind = manifest.media_type or "of no type"
        raise BatchxError(
            f"{name} is nothing that container engines run ({kind}): push it again with a current "
            "docker or podman."
        )
    config = read_config(registry, repository, manifest, name)
    check_platform(config, architecture, name)
    return Image(registry, reference.at(manifest.digest), manifest, config)


def read_config(
    registry: Registry, repository: str, manifest: Manifest, name: str
) -> Mapping[str, Any]:
    """Return the config that a manifest names. Raises BatchxError for what is no config."""
    try:
        descriptor = json.loads(manifest.raw)["config"]
        digest, size = str(descriptor["digest"]), int(descriptor["size"])
        config = json.loads(registry.read_small_blob(repository, digest, size))
    except (ValueError, LookupError, TypeError):
        config = None
    if not isinstance(config, dict) or not isinstance(config.get("rootfs"), dict):
        raise BatchxError(f"{name} is no container image but something else in a registry.")
    return config


def plan_environment(config: Mapping[str, Any]) -> dict[str, str]:
    """Return what a job definition must set for the runtime to start in an image."""
    settings = (config.get("config") or {}).get("Env") or []
    environment = dict(str(setting).partition("=")[::2] for setting in settings)
    preload = environment.get(PRELOAD, "")
    return {PRELOAD: "", SAVED_PRELOAD: preload} if preload else {}
