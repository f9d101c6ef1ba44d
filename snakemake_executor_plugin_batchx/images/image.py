"""An image of one platform, read from its registry."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.media import INDEXES, MANIFESTS
from snakemake_executor_plugin_batchx.images.platforms import check_platform, choose_manifest
from snakemake_executor_plugin_batchx.images.reference import ImageReference, is_digest
from snakemake_executor_plugin_batchx.images.registry import Manifest, Registry
from snakemake_executor_plugin_batchx.plan.image import PRELOAD, shield_preload

MAX_INDEX_DEPTH = 3

NO_IMAGE = "{name} is no container image but something else in a registry: check its name."


@dataclass(frozen=True)
class Layer:
    """A layer as a manifest describes it; `size` in bytes."""

    digest: str
    size: int
    media_type: str


@dataclass(frozen=True)
class Image:
    """A manifest and what it names; `reference` names it by digest."""

    registry: Registry
    reference: ImageReference
    manifest: Manifest
    config: Mapping[str, Any]
    layers: tuple[Layer, ...]


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
    layers = _read_layers(manifest, name)
    return Image(registry, reference.at(manifest.digest), manifest, config, layers)


def read_config(
    registry: Registry, repository: str, manifest: Manifest, name: str
) -> Mapping[str, Any]:
    """Return the config that a manifest names. Raises BatchxError for what is no config."""
    try:
        descriptor = _read_descriptor(json.loads(manifest.raw)["config"])
        data = registry.read_small_blob(repository, descriptor.digest, descriptor.size)
        config = json.loads(data)
    except (ValueError, LookupError, TypeError):
        config = None
    if not isinstance(config, dict) or not isinstance(config.get("rootfs"), dict):
        raise BatchxError(NO_IMAGE.format(name=name))
    return config


def _read_layers(manifest: Manifest, name: str) -> tuple[Layer, ...]:
    try:
        return tuple(_read_descriptor(layer) for layer in json.loads(manifest.raw)["layers"])
    except (ValueError, LookupError, TypeError) as error:
        raise BatchxError(NO_IMAGE.format(name=name)) from error


def _read_descriptor(value: Mapping[str, Any]) -> Layer:
    """Read what names a blob; digests go into URLs of other registries. Raises ValueError."""
    digest, size = str(value["digest"]), int(value["size"])
    if not is_digest(digest) or size < 0:
        raise ValueError(digest)
    return Layer(digest, size, str(value.get("mediaType") or ""))


def plan_environment(config: Mapping[str, Any]) -> dict[str, str]:
    """Return what a job definition must set for the runtime to start in an image."""
    settings = (config.get("config") or {}).get("Env") or []
    environment = dict(str(setting).partition("=")[::2] for setting in settings)
    return shield_preload(environment.get(PRELOAD, ""))
