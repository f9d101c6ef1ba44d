"""The registries that an image can be read from, the first that answers counting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from snakemake_executor_plugin_batchx.images.access import RegistryAccess
from snakemake_executor_plugin_batchx.images.errors import RegistryError
from snakemake_executor_plugin_batchx.images.image import Image, read_image
from snakemake_executor_plugin_batchx.images.reference import ImageReference
from snakemake_executor_plugin_batchx.images.registry import Registry
from snakemake_executor_plugin_batchx.images.source import find_cached_repository

T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """A registry, and what an image is called there."""

    registry: Registry
    reference: ImageReference


class Places:
    """Reads images from the account's pull-through caches where it has them, else where they are.

    A cache that does not give the image (it takes permissions of its own) is no failure: `say`
    gets the reason.
    """

    def __init__(self, access: RegistryAccess, say: Callable[[str], object]) -> None:
        self._access = access
        self._say = say
        self._failed: set[str] = set()

    def resolve(self, reference: ImageReference) -> str:
        """Return the digest that a reference stands for; of an index if it names one.

        Raises RegistryError, among them that there is no such image.
        """
        return reference.digest or self._try_places(
            reference,
            lambda place: place.registry.read_digest(
                place.reference.repository, place.reference.tag
            ),
        )

    def read(self, reference: ImageReference, digest: str, architecture: str) -> Image:
        """Return the image of a digest. Raises BatchxError, which names it by `reference`."""
        name = str(reference)
        return self._try_places(
            reference.at(digest),
            lambda place: read_image(place.registry, place.reference, architecture, name),
        )

    def _try_places(self, reference: ImageReference, action: Callable[[Place], T]) -> T:
        cached = find_cached_repository(reference, self._access.list_rules())
        if cached is not None and cached not in self._failed:
            host = self._access.own_host
            inner = ImageReference(host, cached, reference.tag, reference.digest)
            try:
                return action(Place(self._access.open(host), inner))
            except RegistryError as error:
                self._failed.add(cached)
                self._say(f"{reference} is not read through ECR's cache: {error}")
        return action(Place(self._access.open(reference.host), reference))
