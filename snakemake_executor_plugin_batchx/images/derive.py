"""Deriving images: into the account's ECR, with the runtime's layers and without an entrypoint."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.access import RegistryAccess
from snakemake_executor_plugin_batchx.images.blobs import (
    Blob,
    BlobCopier,
    CopyResult,
    make_bytes_blob,
    make_remote_blob,
)
from snakemake_executor_plugin_batchx.images.destination import Destination
from snakemake_executor_plugin_batchx.images.ecr import EcrError
from snakemake_executor_plugin_batchx.images.errors import RegistryError
from snakemake_executor_plugin_batchx.images.image import Image, plan_environment, read_config
from snakemake_executor_plugin_batchx.images.narrate import (
    LONG_COPY_BYTES,
    CopyProgress,
    format_bytes,
)
from snakemake_executor_plugin_batchx.images.recipe import (
    derive_image,
    make_tag,
)
from snakemake_executor_plugin_batchx.images.reference import ImageReference
from snakemake_executor_plugin_batchx.images.runtime_layers import RuntimeLayer
from snakemake_executor_plugin_batchx.images.source import is_cache


@dataclass(frozen=True)
class PreparedImage:
    """An image that a job can run in.

    `image` and `base` (what the user named) are by digest; `environment` is what the definition
    must set for it; `is_new` tells that it was made just now.
    """

    image: str
    base: str
    environment: Mapping[str, str] = field(default_factory=dict)
    is_new: bool = False


class Deriver:
    """Derives images, and finds those that are. Safe to use from many threads.

    Raises BatchxError where the destination cannot take images.
    """

    def __init__(
        self,
        access: RegistryAccess,
        destination: Destination,
        layers: Sequence[RuntimeLayer],
        architecture: str,
        say: Callable[[str], object],
        is_stopped: Callable[[], bool],
    ) -> None:
        self._access = access
        self._destination = destination
        self._layers = tuple(layers)
        self._architecture = architecture
        self._say = say
        self._is_stopped = is_stopped
        self._target = access.open(access.own_host)
        self._copier = BlobCopier(self._target, access.retry)
        self._has_told_of_mounting = False
        self._refuse_cache()

    def _locate(self, reference: ImageReference, root: str) -> tuple[str, str]:
        """Return repository and tag of what is derived from an image."""
        digests = [layer.addition.digest for layer in self._layers]
        repository = self._destination.choose_repository(reference, self._target.host)
        return repository, make_tag(root, self._architecture, digests)

    def find(self, reference: ImageReference, root: str) -> PreparedImage | None:
        """Return what is derived already from an image whose digest is `root`."""
        repository, tag = self._locate(reference, root)
        manifest = self._target.find_manifest(repository, tag)
        if manifest is None:
            return None
        config = read_config(self._target, repository, manifest, str(reference))
        return PreparedImage(
            f"{self._target.host}/{repository}@{manifest.digest}",
            str(reference.at(root)),
            plan_environment(config),
        )

    def derive(self, image: Image, reference: ImageReference, root: str) -> PreparedImage:
        """Derive from `image`, which `reference` names and `root` (maybe an index) stands for.

        Raises BatchxError; who may not push is told the command that somebody else may run.
        """
        repository, tag = self._locate(reference, root)
        started = self._access.retry.clock()
        try:
            self._provide_repository(repository)
            digest, result = self._push(image, repository, tag, reference)
        except (EcrError, RegistryError) as error:
            is_denied = error.is_denied if isinstance(error, EcrError) else error.is_denied_push
            if not is_denied:
                raise
            raise BatchxError(
                f"{reference} is not prepared in {self._target.host}/{repository} and these "
                f"credentials may not do it: have an administrator run `{self._make_command()} "
                f"{reference.at(root)}` with the same runtime ({error})"
            ) from error
        seconds = self._access.retry.clock() - started
        self._say(
            f"prepared {reference} in {seconds:.1f} s: {format_bytes(result.copied)} copied, "
            f"{format_bytes(result.mounted)} mounted, {format_bytes(result.present)} there already"
        )
        self._tell_of_mounting(image, result)
        return PreparedImage(
            f"{self._target.host}/{repository}@{digest}",
            str(reference.at(root)),
            plan_environment(image.config),
            is_new=True,
        )

    def _make_command(self) -> str:
        """Return the command that prepares what this would, but for the image."""
        options = f"--repository {self._destination.setting} --architecture {self._architecture}"
        mount = "" if self._layers else " --mount"
        return f"batchx image prepare --region {self._access.ecr.region} {options}{mount}"

    def _push(
        self, image: Image, repository: str, tag: str, reference: ImageReference
    ) -> tuple[str, CopyResult]:
        """Push what is derived from an image; return its digest and how its bytes went."""
        additions = [layer.addition for layer in self._layers]
        derived = derive_image(image.manifest, image.config, additions, str(reference))
        blobs = [*self._list_blobs(image), make_bytes_blob(derived.config)]
        size = sum(blob.size for blob in blobs)
        progress = CopyProgress(str(reference), size, self._say, self._is_stopped)
        result = self._copier.copy(repository, blobs, progress.add)
        manifest = derived.manifest
        return self._target.write_manifest(
            repository, tag, manifest.media_type, manifest.raw
        ), result

    def _list_blobs(self, image: Image) -> list[Blob]:
        repository, host = image.reference.repository, self._target.host
        of_base = [
            make_remote_blob(image.registry, repository, layer.digest, layer.size, target_host=host)
            for layer in image.layers
        ]
        return [*of_base, *(layer.blob for layer in self._layers)]

    def _provide_repository(self, repository: str) -> None:
        """Make the repository if it is missing and ours to make."""
        if not self._destination.is_prefix:
            return
        try:
            is_there = self._access.ecr.has_repository(repository)
        except EcrError as error:
            # Who may not look may still push.
            is_there = error.is_denied
            if not is_there:
                raise
        remark = "" if is_there else self._access.ecr.create_repository(repository)
        if remark:
            self._say(remark)

    def _refuse_cache(self) -> None:
        setting = self._destination.setting
        if is_cache(setting + "x" if setting.endswith("/") else setting, self._access.list_rules()):
            raise BatchxError(
                f"--batchx-repository {setting} lies in a pull-through cache of ECR, which takes "
                "only what it caches: name another repository or prefix."
            )

    def _tell_of_mounting(self, image: Image, result: CopyResult) -> None:
        """Say once how copies within ECR could be spared."""
        is_within = image.registry.host == self._target.host
        if result.copied < LONG_COPY_BYTES or not is_within or self._has_told_of_mounting:
            return
        self._has_told_of_mounting = True
        if not self._access.ecr.is_mounting():
            self._say(
                "layers were copied from one ECR repository to another; the account can share "
                "them instead: aws ecr put-account-setting --name BLOB_MOUNTING --value ENABLED"
            )
