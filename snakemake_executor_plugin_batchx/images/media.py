"""Media types of images: Docker's and OCI's names for the same things."""

import json
from collections.abc import Mapping
from typing import Any

_DOCKER, _OCI = "application/vnd.docker.", "application/vnd.oci.image."

DOCKER_MANIFEST = _DOCKER + "distribution.manifest.v2+json"
DOCKER_LAYER = _DOCKER + "image.rootfs.diff.tar.gzip"
OCI_MANIFEST = _OCI + "manifest.v1+json"
OCI_CONFIG = _OCI + "config.v1+json"
OCI_LAYER = _OCI + "layer.v1.tar+gzip"

INDEXES = (_OCI + "index.v1+json", _DOCKER + "distribution.manifest.list.v2+json")
MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST)
ACCEPTED = ", ".join((*INDEXES, *MANIFESTS))
"""https://github.com/opencontainers/image-spec/blob/main/media-types.md and
https://distribution.github.io/distribution/spec/manifest-v2-2/"""

LAYER_OF_MANIFEST = {OCI_MANIFEST: OCI_LAYER, DOCKER_MANIFEST: DOCKER_LAYER}
"""What a gzip layer is called, by the type of the manifest it stands in."""

GZIP_LAYERS = frozenset(LAYER_OF_MANIFEST.values())

UNCOPYABLE_WORDS = ("foreign", "nondistributable")
"""In the types of layers that stay where their vendor put them."""


def name_manifest_type(raw: bytes, content_type: str) -> str:
    """Return the media type of a manifest.

    What it says itself; else (OCI lets it say nothing) the answer's Content-Type; else what its
    fields are those of. Empty for what is no JSON object.
    """
    try:
        manifest = json.loads(raw)
    except ValueError:
        return ""
    if not isinstance(manifest, dict):
        return ""
    told = str(manifest.get("mediaType") or content_type.partition(";")[0].strip())
    if told in INDEXES or told in MANIFESTS:
        return told
    if "fsLayers" in manifest:
        return _DOCKER + "distribution.manifest.v1+json"
    if "manifests" in manifest:
        return INDEXES[0]
    return _guess_by_config(manifest) or told


def _guess_by_config(manifest: Mapping[str, Any]) -> str:
    config = manifest.get("config")
    kind = str(config.get("mediaType", "")) if isinstance(config, dict) else ""
    if not kind or "layers" not in manifest:
        return ""
    return DOCKER_MANIFEST if kind.startswith(_DOCKER) else OCI_MANIFEST
