"""What a job is told of the cache that its host keeps, and where there can be none."""

from dataclasses import replace
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.cache_folder import CacheFolder
from snakemake_executor_plugin_batchx.plan.docker_options import parse_container_options
from snakemake_executor_plugin_batchx.plan.host_cache import plan_host_cache
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.job import JobDescription
from snakemake_executor_plugin_batchx.plan.job_options import JobOptions
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import JobRequest, Wish
from snakemake_executor_plugin_batchx.plan.resources import BatchResources
from snakemake_executor_plugin_batchx.plan.volumes import parse_volumes
from snakemake_executor_plugin_batchx.spec import HostCacheSpec, StorageFile

GIB = 1024**3

PLAIN = JobDescription(("a",), 1, (), Wish("Rule a"), ("ref", "x"), (), ())
MARKED = replace(PLAIN, cached_inputs=("ref",))
FOLDER = CacheFolder("/mnt/cache", GIB)
IMAGE = JobImage("i", "i")
REQUEST = JobRequest(Platform("queue"), BatchResources(1, 512))
ON_FARGATE = replace(REQUEST, platform=Platform("q", is_fargate=True, architecture=None))


def test_a_job_is_told_of_its_hosts_cache_if_it_has_a_use_for_it() -> None:
    assert plan_host_cache(PLAIN, FOLDER, REQUEST, IMAGE) is None
    wanted = HostCacheSpec("/mnt/cache", "/batchx-host-cache", GIB, ("ref",))
    assert plan_host_cache(MARKED, FOLDER, REQUEST, IMAGE) == wanted
    item = StorageFile("s3://b/k", "s3", True, True, False, False)
    stored = replace(PLAIN, storage_files=(item,))
    assert plan_host_cache(stored, FOLDER, REQUEST, IMAGE) is None
    marked = replace(PLAIN, storage_files=(replace(item, is_cached=True),))
    assert plan_host_cache(marked, FOLDER, REQUEST, IMAGE) == replace(wanted, inputs=())


def mount(volumes: str) -> JobRequest:
    return replace(REQUEST, options=JobOptions(volumes=parse_volumes(volumes)))


def mount_tmpfs(path: str) -> JobRequest:
    container = parse_container_options(f"--tmpfs {path}:size=1m")
    return replace(REQUEST, options=JobOptions(options=container))


@pytest.mark.parametrize(
    ("request_", "mounted", "words"),
    [
        (ON_FARGATE, "", "Fargate has none"),
        (REQUEST, "/mnt/cache/", "mounts something at /mnt/cache already"),
        (REQUEST, "/batchx-host-cache", "mounts something at /batchx-host-cache already"),
        (mount("/mnt/cache"), "", "mounts something at /mnt/cache already"),
        (mount("/fast:/mnt/cache"), "", "mounts something at /mnt/cache already"),
        (mount_tmpfs("/mnt/cache"), "", "mounts something at /mnt/cache already"),
        (mount_tmpfs("/mnt/cache/"), "", "batchx_options .* at /mnt/cache already"),
        (mount_tmpfs("/elsewhere"), "/mnt/cache", "mounts something at /mnt/cache already"),
    ],
)
def test_what_leaves_no_place_for_it_is_refused(
    request_: JobRequest, mounted: str, words: str
) -> None:
    points: list[dict[str, Any]] = [{"containerPath": mounted}] if mounted else []
    image = replace(IMAGE, template={"containerProperties": {"mountPoints": points}})
    with pytest.raises(BatchxError, match=words) as caught:
        plan_host_cache(MARKED, FOLDER, request_, image)
    assert str(caught.value).startswith("Rule a: ")
    assert plan_host_cache(PLAIN, FOLDER, request_, image) is None


def test_volumes_elsewhere_are_not_in_its_way() -> None:
    for request in (mount("/mnt/cache:/data /scratch"), mount_tmpfs("/mnt/cache/in")):
        assert plan_host_cache(MARKED, FOLDER, request, IMAGE) is not None
