"""How the runtime reaches the containers of a run: which images its jobs get, and by which way."""

import os
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, cast

from snakemake_executor_plugin_batchx.aws.preflight import QueueReport
from snakemake_executor_plugin_batchx.aws.session import AwsSession
from snakemake_executor_plugin_batchx.batch.sibling_images import (
    DefinitionReader,
    Images,
    SiblingImages,
)
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.access import RegistryAccess
from snakemake_executor_plugin_batchx.images.credentials import read_docker_config
from snakemake_executor_plugin_batchx.images.deliver import Deliverer
from snakemake_executor_plugin_batchx.images.deliver import Delivery as Way
from snakemake_executor_plugin_batchx.images.destination import DEFAULT_REPOSITORY, Destination
from snakemake_executor_plugin_batchx.images.docker_engine import open_docker_engine
from snakemake_executor_plugin_batchx.images.ecr import EcrGateway
from snakemake_executor_plugin_batchx.images.engine import EngineImages
from snakemake_executor_plugin_batchx.images.prepare import ImagePreparer
from snakemake_executor_plugin_batchx.images.reference import make_batch_image, read_container
from snakemake_executor_plugin_batchx.images.runtime_layers import (
    RuntimeLayer,
    use_layer_files,
    use_runtime_image,
)
from snakemake_executor_plugin_batchx.images.transport import Retry
from snakemake_executor_plugin_batchx.plan.definition import RuntimeVolume
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.runtime.build import Runtime, provide_runtime
from snakemake_executor_plugin_batchx.runtime.cache import find_cache_dir
from snakemake_executor_plugin_batchx.runtime.interpreter import Machine, inspect_machine
from snakemake_executor_plugin_batchx.runtime.layer import LayerFile
from snakemake_executor_plugin_batchx.settings import ExecutorSettings
from snakemake_executor_plugin_batchx.spec import RUNTIME_PREFIX, RUNTIME_PYTHON

IMAGE_PYTHON = "python3"
"""The interpreter of an image that holds batchx itself."""

LayerBuilder = Callable[[str], tuple[LayerFile, ...]]
"""Brings the runtime's layers for an architecture as files; raises BatchxError if it cannot."""

IMAGES_AT_ONCE = 4
"""Each may move several layers at once itself."""

EFS = re.compile(r"efs://(fs-[0-9a-f]+)(/.*)?")


@dataclass(frozen=True)
class Delivery:
    """What a run has to know: where images come from, the jobs' interpreter, a volume to mount.

    Once `stopped` is set, copies that are under way end.
    """

    images: Images
    stopped: threading.Event
    python: str = RUNTIME_PYTHON
    volume: RuntimeVolume | None = None


class NamedImages:
    """Images as they are called, for jobs that run without containers."""

    def provide(self, container: str, label: str) -> JobImage:
        """Return the image for a `container:`; raises BatchxError for what is none."""
        image = make_batch_image(container, label)
        return JobImage(image, image)


def parse_volume(runtime: str) -> RuntimeVolume | None:
    """Return the volume that `--batchx-runtime mount[:place]` names; None for the other ways."""
    way, _, place = runtime.partition(":")
    if way != "mount":
        return None
    efs = EFS.fullmatch(place)
    if efs:
        return RuntimeVolume(efs[2] or "/", efs[1])
    return RuntimeVolume(place or RUNTIME_PREFIX)


def provide_all(delivery: Delivery, containers: Mapping[str, str]) -> None:
    """Provide the images that a run needs, several at once, before its first job is submitted.

    `containers` maps each to who asks for it. Raises BatchxError with all that is wrong. Whatever
    interrupts it, a Ctrl-C above all, stops the copies, too.
    """

    def find_problem(container: str) -> str | None:
        try:
            delivery.images.provide(container, containers[container])
        except BatchxError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(IMAGES_AT_ONCE, thread_name_prefix="batchx-image") as pool:
        try:
            problems = list(filter(None, pool.map(find_problem, containers)))
        except BaseException:
            delivery.stopped.set()
            raise
    if problems:
        raise BatchxError("\n".join(problems))


def choose_runtime(
    settings: ExecutorSettings, say: Callable[[str], None]
) -> Callable[[], Runtime] | None:
    """Return what builds or finds the runtime that an embedded Batch mounts into containers.

    None where `--batchx-runtime` brings it another way.
    """
    if settings.runtime is not None:
        return None
    return lambda: provide_runtime(find_cache_dir(os.environ), say)


def open_delivery(
    settings: ExecutorSettings,
    queue: QueueReport,
    session: AwsSession,
    definitions: DefinitionReader,
    build_elsewhere: LayerBuilder,
    say: Callable[[str], None],
) -> Delivery:
    """Return how the runtime reaches the jobs of a run.

    Without `--batchx-runtime`, AWS's queues get images with the runtime in a layer, built by
    `build_elsewhere` where this machine cannot; an embedded Batch does without, for its runner
    brings the runtime.
    Raises BatchxError where a runtime can neither be found nor built.
    """

    def tell(text: str) -> None:
        say(f"batchx: {text}")

    images: Images
    stopped = threading.Event()
    way = (settings.runtime or "").partition(":")[0]
    if not way and queue.local_runner == "process":
        images = NamedImages()
    elif not way and queue.local_runner == "docker":
        images = EngineImages(open_docker_engine(), tell)
    else:
        access = open_access(session.make_ecr_client, session.region)

        def provide(architecture: str) -> tuple[LayerFile, ...]:
            return provide_layers(architecture, inspect_machine(), build_elsewhere, tell)

        images = open_registry_images(
            access,
            settings,
            cast(Way, way or "layer"),
            queue.architecture,
            provide,
            tell,
            stopped.is_set,
        )
    return Delivery(
        images=SiblingImages(images, definitions),
        stopped=stopped,
        python=IMAGE_PYTHON if way == "image" else RUNTIME_PYTHON,
        volume=parse_volume(settings.runtime or ""),
    )


class RegistryImages:
    """Images of registries, made ready where they lie."""

    def __init__(self, preparer: ImagePreparer) -> None:
        self._preparer = preparer

    def provide(self, container: str, label: str) -> JobImage:
        """Return the image for a `container:`; raises BatchxError, which starts with `label`."""
        found = self._preparer.prepare(container, label)
        return JobImage(found.image, found.base, found.environment)


def open_access(make_client: Callable[[str], Any], region: str) -> RegistryAccess:
    """Return access to ECR and to what this machine's docker has logged in to.

    `make_client` returns boto3's ECR client for a region.
    """

    def open_ecr(region: str) -> EcrGateway:
        return EcrGateway(make_client(region), region, time.time)

    retry = Retry(time.time, time.sleep, random.random)
    docker_config = read_docker_config(os.environ)
    return RegistryAccess(open_ecr(region), open_ecr, docker_config, os.environ, retry)


def open_registry_images(
    access: RegistryAccess,
    settings: ExecutorSettings,
    way: Way,
    architecture: str,
    provide: LayerBuilder,
    say: Callable[[str], None],
    is_stopped: Callable[[], bool],
) -> RegistryImages:
    """Return images that are made ready in registries, for jobs of an architecture.

    `provide` brings the runtime's layers where they are needed and no image holds them.
    """
    layers: tuple[RuntimeLayer, ...] = ()
    if way == "layer":
        layers = find_layers(access, settings.runtime_image, architecture, provide)
    destination = Destination(settings.repository or DEFAULT_REPOSITORY)
    deliverer = Deliverer(access, destination, way, layers, architecture, say, is_stopped)
    return RegistryImages(ImagePreparer(deliverer))


def find_layers(
    access: RegistryAccess, runtime_image: str | None, architecture: str, provide: LayerBuilder
) -> tuple[RuntimeLayer, ...]:
    """Return the runtime's layers for an architecture: those of an image, else what `provide` has.

    Raises BatchxError where neither is possible.
    """
    if runtime_image:
        reference = read_container(runtime_image, "--batchx-runtime-image")
        registry = access.open(reference.host)
        return use_runtime_image(registry, reference, architecture, access.own_host)
    return use_layer_files(provide(architecture))


def provide_layers(
    architecture: str, machine: Machine, build_elsewhere: LayerBuilder, say: Callable[[str], None]
) -> tuple[LayerFile, ...]:
    """Return the layers of the runtime for an architecture, built here if `machine` (this) can.

    Raises BatchxError where they cannot be had.
    """
    if machine.architecture == architecture:
        return provide_runtime(find_cache_dir(os.environ), say).layers
    return build_elsewhere(architecture)
