"""Which way the runtime goes, and what a run is told of its images."""

import threading
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.aws.preflight import QueueReport
from snakemake_executor_plugin_batchx.delivery import (
    Delivery,
    NamedImages,
    open_delivery,
    parse_volume,
    provide_all,
)
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.definition import RuntimeVolume
from snakemake_executor_plugin_batchx.plan.image import JobImage
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
    containers = {"debian:12": "Rule a", "x.sif": "Rule b", "shub://x": "Rule c"}
    with pytest.raises(BatchxError) as caught:
        provide_all(delivery, containers)
    first, second = str(caught.value).splitlines()
    assert first.startswith("Rule b: container 'x.sif' is not in a registry")
    assert second.startswith("Rule c: container 'shub://x' cannot run on AWS Batch")
    assert not delivery.stopped.is_set()


def test_an_interruption_stops_the_copies() -> None:
    class Interrupted:
        def provide(self, container: str, label: str) -> JobImage:
            raise KeyboardInterrupt

    delivery = Delivery(Interrupted(), threading.Event())
    with pytest.raises(KeyboardInterrupt):
        provide_all(delivery, {"debian:12": "Rule a"})
    assert delivery.stopped.is_set()


@pytest.mark.parametrize("runtime", [None, "layer", "image", "mount:/opt/batchx"])
def test_jobs_that_are_processes_have_the_runtime_of_their_runner(runtime: str | None) -> None:
    settings = ExecutorSettings(job_queue="standing", runtime=runtime)
    parse_audit.stop_recording()
    queue = QueueReport((), local_runner="process")
    unused: Any = None
    delivery = open_delivery(settings, queue, unused, unused, unused, print)
    assert (delivery.python, delivery.volume) == ("/batchx/bin/python", None)
    assert delivery.images.provide("docker://debian:12", "Rule a").image == "debian:12"
