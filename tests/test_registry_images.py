"""What makes images ready is opened once for each processor, whoever asks and however it ends."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import cast

import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.access import RegistryAccess
from snakemake_executor_plugin_batchx.images.credentials import Credential
from snakemake_executor_plugin_batchx.images.derive import PreparedImage
from snakemake_executor_plugin_batchx.images.prepare import ImagePreparer
from snakemake_executor_plugin_batchx.plan.architecture import Architecture
from snakemake_executor_plugin_batchx.plan.image import ImageNeed
from snakemake_executor_plugin_batchx.registry_images import RegistryImages

THREADS = 8

SECOND_SECONDS = 0.3
"""How long an opening waits for another that should not be."""


class Opener:
    """Opens preparers, but for the processors that `refused` names; `opened` are all it tried."""

    def __init__(self, *refused: Architecture) -> None:
        self.opened: list[Architecture] = []
        self._refused = refused
        self._has_second = threading.Event()

    def open(self, architecture: Architecture) -> ImagePreparer:
        if self.opened:
            self._has_second.set()
        self.opened.append(architecture)
        # So that whoever else opens does it meanwhile.
        self._has_second.wait(SECOND_SECONDS)
        if architecture in self._refused:
            raise BatchxError(f"No runtime for {architecture}: {len(self.opened)}.")

        def prepare(container: str, _label: str) -> PreparedImage:
            return PreparedImage(f"{container}/{architecture}", container)

        return cast(ImagePreparer, SimpleNamespace(prepare=prepare))


def make_images(opener: Opener) -> RegistryImages:
    def read_login(arn: str) -> Credential:
        raise BatchxError(f"Nobody asks for {arn}.")

    return RegistryImages(cast(RegistryAccess, None), opener.open, read_login)


def provide_at_once(images: RegistryImages, need: ImageNeed) -> list[str]:
    """Ask from many threads at the same moment; return the images, or what went wrong."""
    start = threading.Barrier(THREADS)

    def provide(index: int) -> str:
        start.wait()
        try:
            return images.provide(need, f"Rule r{index}").image
        except BatchxError as error:
            return str(error)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(provide, range(THREADS)))


def test_many_threads_share_what_one_of_them_opens() -> None:
    opener = Opener()
    found = provide_at_once(make_images(opener), ImageNeed("debian"))
    assert found == ["debian/amd64"] * THREADS
    assert opener.opened == ["amd64"]


def test_each_processor_has_its_own() -> None:
    opener = Opener()
    images = make_images(opener)
    needs = [ImageNeed("debian"), ImageNeed("debian", "arm64"), ImageNeed("busybox")]
    found = [images.provide(need, "Rule a").image for need in needs * 2]
    assert found == ["debian/amd64", "debian/arm64", "busybox/amd64"] * 2
    assert opener.opened == ["amd64", "arm64"]


def test_what_could_not_be_opened_is_told_to_all_who_wait() -> None:
    opener = Opener("arm64")
    found = provide_at_once(make_images(opener), ImageNeed("debian", "arm64"))
    assert found == ["No runtime for arm64: 1."] * THREADS
    assert opener.opened == ["arm64"]


def test_what_could_not_be_opened_is_not_tried_again_and_is_in_no_others_way() -> None:
    opener = Opener("arm64")
    images = make_images(opener)
    for _ in range(3):
        with pytest.raises(BatchxError, match=r"^No runtime for arm64: 1\.$"):
            images.provide(ImageNeed("debian", "arm64"), "Rule a")
    assert images.provide(ImageNeed("debian"), "Rule a").image == "debian/amd64"
    assert opener.opened == ["arm64", "amd64"]
