"""A runner for the embedded Batch whose jobs end at once, with all their outputs made.

It starts no process. What a batchx job's spec asks for it leaves in S3 as the job would; jobs of
the official plugin it knows by their command, and makes the output of benchmarks/head.py's rule.
"""

import base64
import hashlib
import json
import re
import time
from collections.abc import Callable

from head_bench.objects import BUCKET, CONNECTIONS, Objects
from snakemake_executor_plugin_batchx.local.jobs import ContainerResult
from snakemake_executor_plugin_batchx.local.orders import ContainerOrder, StartOrder
from snakemake_executor_plugin_batchx.local.runners import RunnerEvents
from snakemake_executor_plugin_batchx.local.workers import Workers
from snakemake_executor_plugin_batchx.packets import open_packet
from snakemake_executor_plugin_batchx.spec import (
    JOB_MODULE,
    SPEC_VERSION,
    Blob,
    Entry,
    JobSpec,
    Result,
    Usage,
    decode,
)
from snakemake_executor_plugin_batchx.storage.fetch import HERE, make_result_packet

CONTENT = b"made\n"
CLOSE_SECONDS = 5.0
FAILED = 1

USAGE = Usage(
    wall_seconds=0.0,
    cpu_seconds=0.0,
    stage_in_seconds=0.0,
    stage_out_seconds=0.0,
    bytes_in=0,
    bytes_out=0,
    peak_memory_mib=None,
    oom_kills=0,
)

PREFIX_OPTION = re.compile(r"--default-storage-prefix '?(base64//)?([^\s']+)")
TARGET_JOB = re.compile(r"--target-jobs '?(base64//)?([^\s']+)")


class InstantRunner:
    """Does a job's work itself, in a few threads. Implements Runner."""

    def __init__(self, events: RunnerEvents, objects: Objects) -> None:
        self._events = events
        self._objects = objects
        self._workers = Workers(CONNECTIONS, "instant")

    def start(self, order: StartOrder) -> None:
        """See Runner."""
        self._workers.submit(self._run, order)

    def stop(self, attempt_id: str) -> None:
        """See Runner: no job lasts long enough."""

    def kill(self, attempt_id: str) -> None:
        """See Runner: no job lasts long enough."""

    def close(self) -> None:
        """See Runner."""
        self._workers.close(CLOSE_SECONDS)

    def _run(self, order: StartOrder) -> None:
        self._events.report_started(order.attempt_id)
        (container,) = order.containers
        work: Callable[[ContainerOrder], None] = self._do_official_job
        if JOB_MODULE in container.command:
            work = self._do_batchx_job
        exit_code, reason = 0, None
        try:
            work(container)
        except Exception as error:  # noqa: BLE001 - a job's failure, told as such
            exit_code, reason = FAILED, repr(error)
        result = ContainerResult(container.name, exit_code, reason)
        self._events.report_exited(order.attempt_id, [result])

    def _do_batchx_job(self, container: ContainerOrder) -> None:
        """Make all outputs of a spec, small files in the result packet, and the result."""
        spec_key = container.command[-1].removeprefix(f"s3://{BUCKET}/")
        index = int(container.environment.get("AWS_BATCH_JOB_ARRAY_INDEX", "0"))
        packet = open_packet(lambda offset, size: self._objects.read(spec_key, offset, size))
        spec: JobSpec = decode(JobSpec, json.loads(packet.read_part(index)))
        for file in spec.storage_files:
            if file.is_output:
                self._objects.write(file.query.removeprefix(f"s3://{BUCKET}/"), CONTENT)
        paths = [product.path for product in spec.products if product.kind == "output"]
        result = Result(
            version=SPEC_VERSION,
            attempt=int(container.environment["AWS_BATCH_JOB_ATTEMPT"]),
            exit_code=0,
            problem=None,
            tail="",
            files=tuple(make_entry(path, number) for number, path in enumerate(paths)),
            usage=USAGE,
        )
        self._objects.write(spec.result_key, make_result_packet(result, [CONTENT] * len(paths)))

    def _do_official_job(self, container: ContainerOrder) -> None:
        """Make `<default storage prefix>/out/<i>.txt` of the target job `one:i=<i>`."""
        command = container.command[-1]
        prefix = find_option(PREFIX_OPTION, command).removeprefix(f"s3://{BUCKET}/")
        number = find_option(TARGET_JOB, command).rpartition("i=")[2]
        self._objects.write(f"{prefix}/out/{number}.txt", CONTENT)


def make_entry(path: str, number: int) -> Entry:
    """Return the entry of the packet's file of this number, all with the same content."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    blob = Blob(HERE, number * len(CONTENT), len(CONTENT), digest)
    return Entry(path, "file", 0o644, time.time_ns(), blob)


def find_option(pattern: re.Pattern[str], command: str) -> str:
    """Return an option's value in a shell command, which Snakemake may have encoded."""
    found = pattern.search(command)
    if found is None:
        raise ValueError(f"no {pattern.pattern} in {command}")
    return base64.b64decode(found[2]).decode() if found[1] else found[2]
