"""How the runtime meets an image: as a layer of a derived one, by a mount, or being in it."""

from collections.abc import Callable, Sequence
from typing import Literal

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.access import RegistryAccess
from snakemake_executor_plugin_batchx.images.derive import Deriver, PreparedImage
from snakemake_executor_plugin_batchx.images.destination import Destination
from snakemake_executor_plugin_batchx.images.image import Image, plan_environment
from snakemake_executor_plugin_batchx.images.places import Places
from snakemake_executor_plugin_batchx.images.recipe import has_entrypoint, holds_runtime
from snakemake_executor_plugin_batchx.images.reference import MAX_IMAGE_CHARACTERS, ImageReference
from snakemake_executor_plugin_batchx.images.runtime_layers import RuntimeLayer

Way = Literal["layer", "mount", "image"]


class Deliverer:
    """Makes images ready for jobs, as `delivery` says. Safe to use from many threads.

    `layers` are the runtime's, for which only `layer` has a use. Raises BatchxError where ECR
    cannot take images, which `image` needs none for.
    """

    def __init__(
        self,
        access: RegistryAccess,
        destination: Destination,
        delivery: Way,
        layers: Sequence[RuntimeLayer],
        architecture: str,
        say: Callable[[str], object],
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._delivery = delivery
        self._additions = [layer.addition for layer in layers]
        self._architecture = architecture
        self._places = Places(access, say)
        self._deriver = None
        if delivery != "image":
            added = layers if delivery == "layer" else ()
            self._deriver = Deriver(access, destination, added, architecture, say, is_stopped)

    def deliver(self, reference: ImageReference) -> PreparedImage:
        """Return the image to run for one that a rule names. Raises BatchxError, one sentence."""
        root = self._places.resolve(reference)
        found = self._deriver.find(reference, root) if self._deriver else None
        if found:
            return found
        image = self._places.read(reference, root, self._architecture)
        if self._is_ready(image):
            return _use(image, reference, root)
        if self._deriver is None:
            raise BatchxError(
                f"{reference} has an ENTRYPOINT, which AWS Batch cannot override: build it with "
                "ENTRYPOINT [], or use --batchx-runtime layer."
            )
        return self._deriver.derive(image, reference, root)

    def _is_ready(self, image: Image) -> bool:
        if self._delivery == "layer":
            return holds_runtime(image.manifest, image.config, self._additions)
        return not has_entrypoint(image.config)


def _use(image: Image, reference: ImageReference, root: str) -> PreparedImage:
    """Return an image as it is; `root` is the digest that `reference` stands for."""
    name = str(image.reference)
    if len(name) > MAX_IMAGE_CHARACTERS:
        raise BatchxError(
            f"{reference} is, by digest, longer than the {MAX_IMAGE_CHARACTERS} characters "
            "that AWS Batch allows: give its repository a shorter name."
        )
    return PreparedImage(name, str(reference.at(root)), plan_environment(image.config))
