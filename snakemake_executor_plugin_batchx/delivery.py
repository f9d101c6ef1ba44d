"""How the runtime reaches the containers of a run: which images its jobs get, and by which way."""

import os
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

from snakemake_executor_plugin_batchx.aws.preflight import QueueReport
from snakemake_executor_plugin_batchx.aws.session import AwsSession
from snakemake_executor_plugin_batchx.batch.sibling_images import (
    DefinitionReader,
    Images,
    SiblingImages,
)
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.deliver import Way
from snakemake_executor_plugin_batchx.images.docker_engine import open_docker_engine
from snakemake_executor_plugin_batchx.images.engine import EngineImages
from snakemake_executor_plugin_batchx.images.reference import make_batch_image
from snakemake_executor_plugin_batchx.plan.definition import RuntimeVolume
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.registry_images import LayerBuilder, open_registry_images
from snakemake_executor_plugin_batchx.runtime.build import Runtime, provide_runtime
from snakemake_executor_plugin_batchx.runtime.cache import find_cache_dir
from snakemake_executor_plugin_batchx.settings import LOCAL_QUEUE, ExecutorSettings
from snakemake_executor_plugin_batchx.spec import RUNTIME_PREFIX, RUNTIME_PYTHON

IMAGE_PYTHON = "python3"
"""The interpreter of an image that holds batchx itself."""

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


def choose_runtime(say: Callable[[str], None]) -> Callable[[], Runtime]:
    """Return what builds or finds the runtime that an embedded Batch mounts into containers."""
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
    brings the runtime (the queue `local` always, a standing one unless a way is named).
    Raises BatchxError where a runtime can neither be found nor built.
    """

    def tell(text: str) -> None:
        say(f"batchx: {text}")

    images: Images
    stopped = threading.Event()
    # These have the runtime of their runner, whatever a profile says for AWS's queues.
    is_brought = settings.job_queue == LOCAL_QUEUE or queue.local_runner == "process"
    runtime = "" if is_brought else settings.runtime or ""
    way = runtime.partition(":")[0]
    if queue.local_runner == "process":
        images = NamedImages()
    elif not way and queue.local_runner == "docker":
        images = EngineImages(open_docker_engine(), tell)
    else:
        images = open_registry_images(
            cast(Way, way or "layer"), settings, queue, session, build_elsewhere, tell, stopped
        )
    return Delivery(
        images=SiblingImages(images, definitions),
        stopped=stopped,
        python=IMAGE_PYTHON if way == "image" else RUNTIME_PYTHON,
        volume=parse_volume(runtime),
    )
