"""The images of a run as registries have them, made ready for its jobs."""

import os
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from snakemake_executor_plugin_batchx.aws.session import AwsSession
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.access import RegistryAccess
from snakemake_executor_plugin_batchx.images.credentials import LoginReader, read_docker_config
from snakemake_executor_plugin_batchx.images.deliver import Deliverer, Way
from snakemake_executor_plugin_batchx.images.destination import DEFAULT_REPOSITORY, Destination
from snakemake_executor_plugin_batchx.images.ecr import EcrGateway
from snakemake_executor_plugin_batchx.images.prepare import ImagePreparer
from snakemake_executor_plugin_batchx.images.reference import parse_ecr_host, read_container
from snakemake_executor_plugin_batchx.images.runtime_layers import (
    RuntimeLayer,
    use_layer_files,
    use_runtime_image,
)
from snakemake_executor_plugin_batchx.images.transport import Retry
from snakemake_executor_plugin_batchx.plan.architecture import Architecture
from snakemake_executor_plugin_batchx.plan.image import ImageNeed, JobImage
from snakemake_executor_plugin_batchx.runtime.build import provide_runtime
from snakemake_executor_plugin_batchx.runtime.cache import find_cache_dir
from snakemake_executor_plugin_batchx.runtime.interpreter import Machine, inspect_machine
from snakemake_executor_plugin_batchx.runtime.layer import LayerFile
from snakemake_executor_plugin_batchx.settings import ExecutorSettings

LayerBuilder = Callable[[str], tuple[LayerFile, ...]]
"""Brings the runtime's layers for an architecture as files; raises BatchxError if it cannot."""


class RegistryImages:
    """Images of registries, made ready where they lie. Safe to use from many threads.

    `open_preparer` is called once for each processor, `read_login` reads a registry's login from
    the secret of an ARN.
    """

    def __init__(
        self,
        access: RegistryAccess,
        open_preparer: Callable[[Architecture], ImagePreparer],
        read_login: LoginReader,
    ) -> None:
        self._access = access
        self._open_preparer = open_preparer
        self._read_login = read_login
        self._lock = threading.Lock()
        self._preparers: dict[Architecture, Future[ImagePreparer]] = {}

    def _provide_preparer(self, architecture: Architecture) -> ImagePreparer:
        """Return the preparer for a processor; one that could not be opened is not tried again."""
        with self._lock:
            is_mine = architecture not in self._preparers
            future = self._preparers.setdefault(architecture, Future())
        if is_mine:
            try:
                future.set_result(self._open_preparer(architecture))
            except BaseException as error:
                future.set_exception(error)
                raise
        return future.result()

    def provide(self, need: ImageNeed, label: str) -> JobImage:
        """Return the image that a job needs; raises BatchxError, which starts with `label`."""
        reference = read_container(need.container, label)
        is_ecr = parse_ecr_host(reference.host) is not None
        secret = None if is_ecr else need.find_secret(reference.host)
        if secret:
            try:
                self._access.use_login(reference.host, secret, self._read_login)
            except BatchxError as error:
                raise BatchxError(f"{label}: {error}") from error
        found = self._provide_preparer(need.architecture).prepare(need.container, label)
        # What was derived lies in ECR, where a task logs in with its role.
        is_there_still = found.image.startswith(f"{reference.host}/")
        credentials = secret if is_there_still else None
        return JobImage(found.image, found.base, found.environment, credentials=credentials)


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
    way: Way,
    settings: ExecutorSettings,
    session: AwsSession,
    build_elsewhere: LayerBuilder,
    say: Callable[[str], None],
    stopped: threading.Event,
) -> RegistryImages:
    """Return images that are made ready in registries.

    The runtime's layers are looked for only where they are needed, for each processor that jobs
    run on; `build_elsewhere` brings those that this machine cannot build. Once `stopped` is set,
    copies under way end.
    """
    access = open_access(session.make_ecr_client, session.region)
    destination = Destination(settings.repository or DEFAULT_REPOSITORY)

    def provide(architecture: str) -> tuple[LayerFile, ...]:
        return provide_layers(architecture, inspect_machine(), build_elsewhere, say)

    def open_preparer(architecture: Architecture) -> ImagePreparer:
        layers: tuple[RuntimeLayer, ...] = ()
        if way == "layer":
            layers = find_layers(access, settings.runtime_image, architecture, provide)
        deliverer = Deliverer(access, destination, way, layers, architecture, say, stopped.is_set)
        return ImagePreparer(deliverer)

    return RegistryImages(access, open_preparer, session.read_login)


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
