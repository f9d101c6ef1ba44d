"""How the runtime reaches the containers of a run: which images its jobs get, and by which way."""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

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
from snakemake_executor_plugin_batchx.plan.image import ImageNeed, JobImage
from snakemake_executor_plugin_batchx.plan.platform import Platform
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

    def provide(self, need: ImageNeed, label: str) -> JobImage:
        """Return the image that a job names; raises BatchxError for what is none."""
        image = make_batch_image(need.container, label)
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


def list_mount_problems(runtime: str | None, platforms: Iterable[Platform]) -> list[str]:
    """Return a sentence for each queue whose hosts cannot have the runtime in a folder."""
    volume = parse_volume(runtime or "")
    if volume is None or volume.file_system:
        return []
    return [
        f"--batchx-runtime {runtime} takes the runtime from a folder of the host, and queue "
        f"{each.queue} is on Fargate, which has none: use layer, or mount:efs://fs-id/path."
        for each in platforms
        if each.is_fargate
    ]


def provide_all(
    delivery: Delivery, needs: Mapping[ImageNeed, str]
) -> tuple[dict[ImageNeed, JobImage], list[str]]:
    """Provide the images that a run needs, several at once, before its first job is submitted.

    `needs` maps each to who asks for it. Returns the images, and a sentence for each that cannot
    be had. Whatever interrupts it, a Ctrl-C above all, stops the copies, too.
    """
    provided: dict[ImageNeed, JobImage] = {}

    def find_problem(need: ImageNeed) -> str | None:
        try:
            provided[need] = delivery.images.provide(need, needs[need])
        except BatchxError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(IMAGES_AT_ONCE, thread_name_prefix="batchx-image") as pool:
        try:
            problems = list(filter(None, pool.map(find_problem, needs)))
        except BaseException:
            delivery.stopped.set()
            raise
    return provided, problems


def choose_runtime(say: Callable[[str], None]) -> Callable[[], Runtime]:
    """Return what builds or finds the runtime that an embedded Batch mounts into containers."""
    return lambda: provide_runtime(find_cache_dir(os.environ), say)


def _open_engine_images(session: AwsSession, tell: Callable[[str], None]) -> Images:
    """Return the Docker engine's images; a detached head, in a container, only has their names."""
    if sys.base_prefix == RUNTIME_PREFIX:
        return NamedImages()
    return EngineImages(open_docker_engine(), tell, session.read_login)


def open_delivery(
    settings: ExecutorSettings,
    local_runner: str | None,
    session: AwsSession,
    definitions: DefinitionReader,
    build_elsewhere: LayerBuilder,
    say: Callable[[str], None],
) -> Delivery:
    """Return how the runtime reaches the jobs of a run.

    `local_runner` says how an embedded Batch runs jobs, None of AWS's own queues.
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
    is_brought = settings.job_queue == LOCAL_QUEUE or local_runner == "process"
    runtime = "" if is_brought else settings.runtime or ""
    way = runtime.partition(":")[0]
    if local_runner == "process":
        images = NamedImages()
    elif not way and local_runner == "docker":
        images = _open_engine_images(session, tell)
    else:
        images = open_registry_images(
            cast(Way, way or "layer"), settings, session, build_elsewhere, tell, stopped
        )
    return Delivery(
        images=SiblingImages(images, definitions),
        stopped=stopped,
        python=IMAGE_PYTHON if way == "image" else RUNTIME_PYTHON,
        volume=parse_volume(runtime),
    )
