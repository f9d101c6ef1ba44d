"""Which way the runtime goes, and what a run is told of its images."""

import threading
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.delivery import (
    Delivery,
    NamedImages,
    list_mount_problems,
    open_delivery,
    parse_volume,
    provide_all,
)
from snakemake_executor_plugin_batchx.plan.definition import RuntimeVolume
from snakemake_executor_plugin_batchx.plan.image import ImageNeed, JobImage
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.settings import ExecutorSettings
from snakemake_executor_plugin_batchx.workflow import parse_audit


@pytest.mark.parametrize(
    ("runtime", "volume"),
    [
        ("", None),
        ("layer", None),
        ("image", None),
        ("mount", RuntimeVolume("/batchx")),
        ("mount:/opt/batchx", RuntimeVolume("/opt/batchx")),
        ("mount:efs://fs-0123abcd", RuntimeVolume("/", "fs-0123abcd")),
        ("mount:efs://fs-0123abcd/run/time", RuntimeVolume("/run/time", "fs-0123abcd")),
    ],
)
def test_where_a_mounted_runtime_is(runtime: str, volume: RuntimeVolume | None) -> None:
    assert parse_volume(runtime) == volume


def test_all_that_is_wrong_with_images_is_told_together() -> None:
    delivery = Delivery(NamedImages(), threading.Event())
    debian = ImageNeed("debian:12")
    needs = {debian: "Rule a", ImageNeed("x.sif"): "Rule b", ImageNeed("shub://x"): "Rule c"}
    images, problems = provide_all(delivery, needs)
    assert images == {debian: JobImage("debian:12", "debian:12")}
    first, second = problems
    assert first.startswith("Rule b: container 'x.sif' is not in a registry")
    assert second.startswith("Rule c: container 'shub://x' cannot run on AWS Batch")
    assert not delivery.stopped.is_set()


def test_an_interruption_stops_the_copies() -> None:
    class Interrupted:
        def provide(self, need: ImageNeed, label: str) -> JobImage:
            raise KeyboardInterrupt

    delivery = Delivery(Interrupted(), threading.Event())
    with pytest.raises(KeyboardInterrupt):
        provide_all(delivery, {ImageNeed("debian:12"): "Rule a"})
    assert delivery.stopped.is_set()


@pytest.mark.parametrize("runtime", [None, "layer", "image", "mount:/opt/batchx"])
def test_jobs_that_are_processes_have_the_runtime_of_their_runner(runtime: str | None) -> None:
    settings = ExecutorSettings(job_queue="standing", runtime=runtime)
    parse_audit.stop_recording()
    unused: Any = None
    delivery = open_delivery(settings, "process", unused, unused, unused, print)
    assert (delivery.python, delivery.volume) == ("/batchx/bin/python", None)
    found = delivery.images.provide(ImageNeed("docker://debian:12"), "Rule a")
    assert found.image == "debian:12"


ON_EC2, ON_FARGATE = Platform("ec2"), Platform("fargate", is_fargate=True, architecture=None)


@pytest.mark.parametrize(
    ("runtime", "platforms", "queues"),
    [
        (None, [ON_FARGATE], []),
        ("layer", [ON_EC2, ON_FARGATE], []),
        ("image", [ON_FARGATE], []),
        ("mount", [ON_EC2], []),
        ("mount", [ON_EC2, ON_FARGATE], ["fargate"]),
        ("mount:/opt/batchx", [ON_FARGATE], ["fargate"]),
        ("mount:efs://fs-0123abcd/x", [ON_FARGATE], []),
    ],
)
def test_fargate_has_no_folder_of_a_host_with_the_runtime(
    runtime: str | None, platforms: list[Platform], queues: list[str]
) -> None:
    assert list_mount_problems(runtime, platforms) == [
        f"--batchx-runtime {runtime} takes the runtime from a folder of the host, and queue "
        f"{queue} is on Fargate, which has none: use layer, or mount:efs://fs-id/path."
        for queue in queues
    ]
