"""How an image is derived: its base and the runtime's layers on top, without an entrypoint.

Pure: the same inputs give the same bytes on every machine, so two heads that derive the same image
at once write the same.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.media import (
    LAYER_OF_MANIFEST,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
    UNCOPYABLE_WORDS,
)
from snakemake_executor_plugin_batchx.images.registry import Manifest, hash_bytes

RECIPE = "1"
"""Part of the tag: to be raised whenever the same inputs give other bytes."""

TAG_PREFIX = "bx-"
TAG_HASH_CHARACTERS = 40

MAX_LAYERS = 125
"""maxLayerDepth of https://github.com/moby/moby/blob/20.10/layer/layer_store.go"""

EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Addition:
    """A gzip layer to put on top: digest and size of the archive, digest of its content."""

    digest: str
    diff_id: str
    size: int


@dataclass(frozen=True)
class DerivedImage:
    """A config and the manifest that names it, as bytes to push."""

    config: bytes
    manifest: Manifest


def make_tag(root_digest: str, architecture: str, layer_digests: Sequence[str]) -> str:
    """Return the tag of a derived image: a hash of all that makes it."""
    parts = (RECIPE, root_digest, f"linux/{architecture}", *layer_digests)
    return TAG_PREFIX + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:TAG_HASH_CHARACTERS]


DROPPED = frozenset({"entrypoint", "stopsignal"})
"""Of a base's config: what Batch could not override, and the signal with which ECS would stop the
job, whose first process is ours and waits for SIGTERM."""


def has_entrypoint(config: Mapping[str, Any]) -> bool:
    """Return True if an image's config names an entrypoint, which Batch cannot override."""
    return any(k.lower() == "entrypoint" and v for k, v in (config.get("config") or {}).items())


def holds_runtime(base: Manifest, config: Mapping[str, Any], added: Sequence[Addition]) -> bool:
    """Return True if an image ends with these very layers and starts as we need it."""
    digests = [str(layer.get("digest")) for layer in json.loads(base.raw).get("layers") or []]
    ours = [layer.digest for layer in added]
    return digests[len(digests) - len(ours) :] == ours and not has_entrypoint(config)


def derive_image(
    base: Manifest, config: Mapping[str, Any], added: Sequence[Addition], name: str
) -> DerivedImage:
    """Return the image of `base` (a manifest, not an index) with layers added to it.

    Whatever the config says besides its entrypoint stays, as do the media types. `name` is for
    errors. Raises BatchxError for images that Docker could not run or that must not be copied.
    """
    manifest = json.loads(base.raw)
    layers = list(manifest.get("layers") or [])
    _check_layers(layers, config, len(added), name)
    raw_config = _encode(_derive_config(config, len(layers), added))
    described = [
        {"mediaType": LAYER_OF_MANIFEST[base.media_type], "digest": a.digest, "size": a.size}
        for a in added
    ]
    derived = {
        **manifest,
        "schemaVersion": 2,
        # OCI lets it out; older registries and tools want it.
        "mediaType": base.media_type,
        "config": {
            **{k: v for k, v in manifest["config"].items() if k != "data"},
            "digest": hash_bytes(raw_config),
            "size": len(raw_config),
        },
        "layers": layers + described,
    }
    raw = _encode(derived)
    return DerivedImage(raw_config, Manifest(base.media_type, raw, hash_bytes(raw)))


def make_runtime_image(added: Sequence[Addition], architecture: str) -> DerivedImage:
    """Return an image of nothing but the runtime's layers."""
    config = _encode(
        {
            "created": EPOCH,
            "architecture": architecture,
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in added]},
            "history": [_describe_step(layer, EPOCH) for layer in added],
        }
    )
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": hash_bytes(config), "size": len(config)},
        "layers": [
            {"mediaType": OCI_LAYER, "digest": layer.digest, "size": layer.size} for layer in added
        ],
    }
    raw = _encode(manifest)
    return DerivedImage(config, Manifest(OCI_MANIFEST, raw, hash_bytes(raw)))


def _derive_config(
    config: Mapping[str, Any], base_layers: int, added: Sequence[Addition]
) -> dict[str, Any]:
    inner = {k: v for k, v in (config.get("config") or {}).items() if k.lower() not in DROPPED}
    rootfs = config["rootfs"]
    history = list(config.get("history") or [])
    # A history that tells of other layers than there are is refused by tools: leave it alone.
    if sum(not step.get("empty_layer") for step in history) == base_layers:
        history += [_describe_step(layer, config.get("created") or EPOCH) for layer in added]
    derived = {
        **config,
        "config": inner,
        "rootfs": {**rootfs, "diff_ids": [*rootfs["diff_ids"], *(a.diff_id for a in added)]},
    }
    return {**derived, "history": history} if history else derived


def _describe_step(layer: Addition, created: str) -> dict[str, str]:
    return {"created": created, "created_by": f"batchx runtime {layer.digest}"}


def _check_layers(
    layers: Sequence[Mapping[str, Any]], config: Mapping[str, Any], added: int, name: str
) -> None:
    if len(layers) + added > MAX_LAYERS:
        raise BatchxError(
            f"{name} has {len(layers)} layers, and Docker runs at most {MAX_LAYERS} with the "
            f"{added} of batchx: build it with fewer (docker build --squash, say)."
        )
    for layer in layers:
        kind = str(layer.get("mediaType", ""))
        if layer.get("urls") or any(word in kind for word in UNCOPYABLE_WORDS):
            raise BatchxError(
                f"{name} has layers that stay at their vendor's ({kind}), so it cannot be "
                "prepared: name another image."
            )
    if len((config.get("rootfs") or {}).get("diff_ids") or []) != len(layers):
        raise BatchxError(
            f"{name} is damaged, its config tells of other layers than its manifest: push it again."
        )


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
