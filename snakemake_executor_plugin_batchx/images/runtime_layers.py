"""The runtime's layers: from files here, or from an image that holds nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.blobs import Blob, make_file_blob, make_remote_blob
from snakemake_executor_plugin_batchx.images.image import read_image
from snakemake_executor_plugin_batchx.images.media import GZIP_LAYERS
from snakemake_executor_plugin_batchx.images.recipe import Addition
from snakemake_executor_plugin_batchx.images.reference import ImageReference
from snakemake_executor_plugin_batchx.images.registry import Registry


class LayerFile(Protocol):
    """A gzip tar on disk: `digest` is the file's, `diff_id` its content's, `size` in bytes."""

    @property
    def path(self) -> Path: ...  # noqa: D102

    @property
    def digest(self) -> str: ...  # noqa: D102

    @property
    def diff_id(self) -> str: ...  # noqa: D102

    @property
    def size(self) -> int: ...  # noqa: D102


@dataclass(frozen=True)
class RuntimeLayer:
    """A layer to add to images, and where its bytes are."""

    addition: Addition
    blob: Blob


def use_layer_files(files: Sequence[LayerFile]) -> tuple[RuntimeLayer, ...]:
    """Return layers that are files here."""
    return tuple(
        RuntimeLayer(
            Addition(file.digest, file.diff_id, file.size),
            make_file_blob(file.path, file.digest, file.size),
        )
        for file in files
    )


def use_runtime_image(
    registry: Registry, reference: ImageReference, architecture: str, target_host: str
) -> tuple[RuntimeLayer, ...]:
    """Return the layers of a runtime image, which `target_host` may mount if it holds them.

    Raises BatchxError if the image is not there, or of another platform, or not made of gzip
    layers, which all of Batch's Docker engines read.
    """
    name = str(reference)
    image = read_image(registry, reference, architecture, name)
    layers, diff_ids = image.layers, image.config["rootfs"].get("diff_ids") or []
    is_gzip = all(layer.media_type in GZIP_LAYERS for layer in layers)
    if not layers or len(layers) != len(diff_ids) or not is_gzip:
        raise BatchxError(
            f"{name} is no runtime image of batchx: make one with `batchx runtime push`."
        )
    return tuple(
        RuntimeLayer(
            Addition(layer.digest, str(diff_id), layer.size),
            make_remote_blob(
                registry, reference.repository, layer.digest, layer.size, target_host=target_host
            ),
        )
        for layer, diff_id in zip(layers, diff_ids, strict=True)
    )
