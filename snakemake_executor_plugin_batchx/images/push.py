"""Pushing the runtime itself, as an image that holds nothing else."""

from collections.abc import Callable, Sequence

from snakemake_executor_plugin_batchx.images.access import RegistryAccess
from snakemake_executor_plugin_batchx.images.blobs import BlobCopier, make_bytes_blob
from snakemake_executor_plugin_batchx.images.destination import Destination
from snakemake_executor_plugin_batchx.images.narrate import CopyProgress
from snakemake_executor_plugin_batchx.images.recipe import make_runtime_image
from snakemake_executor_plugin_batchx.images.registry import Registry
from snakemake_executor_plugin_batchx.images.runtime_layers import LayerFile, use_layer_files
from snakemake_executor_plugin_batchx.images.transport import Retry

TAG_PREFIX = "runtime-"
"""Not the prefix of derived images, which expire."""

TAG_HASH_CHARACTERS = 12


def push_runtime(
    registry: Registry,
    repository: str,
    layers: Sequence[LayerFile],
    architecture: str,
    retry: Retry,
    progress: Callable[[int], object] = lambda _count: None,
) -> str:
    """Push layers as an image and return its digest, by which --batchx-runtime-image names it.

    Its tag is `runtime-` and the first 12 digits of that digest. What the repository holds is not
    sent again. Raises RegistryError.
    """
    runtime = use_layer_files(layers)
    image = make_runtime_image([layer.addition for layer in runtime], architecture)
    manifest = image.manifest
    tag = TAG_PREFIX + manifest.digest.partition(":")[2][:TAG_HASH_CHARACTERS]
    if registry.find_manifest(repository, tag) == manifest:
        return manifest.digest
    blobs = [*(layer.blob for layer in runtime), make_bytes_blob(image.config)]
    BlobCopier(registry, retry).copy(repository, blobs, progress)
    return registry.write_manifest(repository, tag, manifest.media_type, manifest.raw)


def push_runtime_image(
    access: RegistryAccess,
    destination: Destination,
    layers: Sequence[LayerFile],
    architecture: str,
    say: Callable[[str], object],
) -> str:
    """Push the runtime to the account's ECR; return the image for --batchx-runtime-image.

    Its repository is made if it is missing and below a prefix of ours. Raises BatchxError.
    """
    host = access.own_host
    repository = destination.choose_runtime_repository(host)
    if destination.is_prefix and not access.ecr.has_repository(repository):
        remark = access.ecr.create_repository(repository)
        if remark:
            say(remark)
    size = sum(layer.size for layer in layers)
    progress = CopyProgress(f"{host}/{repository}", size, say, lambda: False)
    registry = access.open(host)
    digest = push_runtime(registry, repository, layers, architecture, access.retry, progress.add)
    return f"{host}/{repository}@{digest}"
