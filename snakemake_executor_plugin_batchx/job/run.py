"""One job from its spec to its result."""

import contextlib
import functools
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.child import (
    ChildOutcome,
    OnReady,
    Place,
    TerminatedError,
    run_in_child,
)
from snakemake_executor_plugin_batchx.job.environments import choose_prefix, open_environments
from snakemake_executor_plugin_batchx.job.files import (
    CachedInputs,
    Collected,
    collect_products,
    place_inputs,
)
from snakemake_executor_plugin_batchx.job.host_cache import HostCache, open_host_cache
from snakemake_executor_plugin_batchx.job.image import (
    ImageError,
    add_stand_in,
    contain_rules,
    deploy_in_image,
    is_in_image,
    require_shell,
)
from snakemake_executor_plugin_batchx.job.lease import take_lease
from snakemake_executor_plugin_batchx.job.places import make_job_places
from snakemake_executor_plugin_batchx.job.scratch import (
    ScratchError,
    make_scratch_name,
    open_scratch,
)
from snakemake_executor_plugin_batchx.job.sources import (
    Sources,
    open_sources,
    prepare_parsing,
    provide_packages,
)
from snakemake_executor_plugin_batchx.job.usage import (
    choose_transfer_memory,
    has_own_group,
    measure_folder,
    read_cpu_seconds,
    read_memory,
)
from snakemake_executor_plugin_batchx.packets import open_packet
from snakemake_executor_plugin_batchx.spec import (
    EXIT_TERMINATED,
    SPEC_VERSION,
    TAIL_BYTES,
    JobSpec,
    Result,
    SharedSpec,
    Usage,
    decode,
)
from snakemake_executor_plugin_batchx.storage.fetch import make_result_packet
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.native import require_single_thread
from snakemake_executor_plugin_batchx.storage.options import PLAIN_OPTIONS, S3Options
from snakemake_executor_plugin_batchx.storage.room import check_room
from snakemake_executor_plugin_batchx.storage.transfer import Transfer
from snakemake_executor_plugin_batchx.version import __version__

MIB = 1024 * 1024

OUTPUT_NAME = "output.log"


@dataclass
class Clock:
    """Seconds (monotonic) at the turning points of a job."""

    begun: float
    staged: float = 0.0
    worked: float = 0.0


class JobRun:
    """What one Batch job does. `environment` is the container's.

    `open_store` is called once for each process: connections do not survive a fork.
    """

    def __init__(
        self,
        open_store: Callable[[], S3Gateway],
        spec_key: str,
        index: int,
        environment: Mapping[str, str],
        s3_options: S3Options = PLAIN_OPTIONS,
    ) -> None:
        self._loader = _import_snakemake_meanwhile()
        self._open_store = open_store
        self._store = store = open_store()
        self._environment = environment
        self._s3_options = s3_options
        self._clock = Clock(time.monotonic())
        self._bytes_in = 0
        self._is_counted = has_own_group({os.getpid(), os.getppid()})
        self._memory_before = read_memory()
        self._memory_bytes = choose_transfer_memory()
        packet = open_packet(lambda offset, size: store.read_range(spec_key, offset, size))
        version = packet.header["version"]
        if version != SPEC_VERSION:
            raise BatchxError(
                f"This job's spec has version {version}, its runtime reads {SPEC_VERSION}: head "
                "and runtime must hold the same batchx."
            )
        header = {name: value for name, value in packet.header.items() if name != "parts"}
        try:
            self._shared = decode(SharedSpec, header)
            self._job = decode(JobSpec, json.loads(packet.read_part(index)))
        except (TypeError, ValueError, LookupError) as error:
            raise BatchxError(
                f"This job's spec cannot be read by its runtime, batchx {__version__}: head and "
                "runtime must hold the same batchx."
            ) from error
        self._root = S3Root(store.bucket, self._shared.root_prefix)

    def run(self) -> int:
        """Do the work, leave a result, return the exit code. Raises BatchxError without a lease."""
        job_id = self._environment.get("AWS_BATCH_JOB_ID", "none")
        take_lease(self._store, self._job.lease_key, job_id)
        name = make_scratch_name(self._environment)
        try:
            with (
                open_scratch(self._shared.scratch, name) as scratch,
                open_host_cache(self._job.host_cache) as cache,
            ):
                outcome, work_dir = self._work(scratch, cache)
                return self._report(outcome, work_dir, scratch)
        except ScratchError as error:
            nowhere = Path(os.devnull)  # nothing was made, so nothing is looked for
            return self._report(ChildOutcome(1, str(error)), nowhere, None)

    def _work(self, scratch: Path, cache: HostCache | None) -> tuple[ChildOutcome, Path]:
        top = scratch
        try:
            # The import and all transfers end before the fork, which threads would not survive.
            with contextlib.ExitStack() as stack:
                with Transfer(self._store, self._memory_bytes) as transfer:
                    sources = self._stage_in(scratch, transfer, stack, cache)
                    top = sources.top
                    job, keep_made = self._restore_environments(transfer, stack)
                    self._bytes_in = transfer.bytes_in
                self._loader.join()
                self._clock.staged = time.monotonic()
                self._set_environment(scratch)
                place = self._make_place(scratch, top, cache)
                provide_packages(self._store, self._shared, scratch)
                job, end_parsing = prepare_parsing(job, sources, os.environ)
                job, contain = self._enter_image(job)

                def on_ready(jobs: list[Any]) -> None:
                    end_parsing()
                    contain(jobs)
                    keep_made(jobs)

                require_single_thread()
                outcome = run_in_child(job, place, on_ready)
        except TerminatedError:
            outcome = ChildOutcome(EXIT_TERMINATED, "Batch ended this job (SIGTERM).")
        except ImageError as error:
            outcome = ChildOutcome(1, str(error))
        except (BatchxError, OSError) as error:
            problem = f"The job's files could not be put in place: {error}"
            outcome = ChildOutcome(1, problem)
        self._clock.staged = self._clock.staged or time.monotonic()
        self._clock.worked = time.monotonic()
        return outcome, top / self._shared.work_dir

    def _make_place(self, scratch: Path, top: Path, cache: HostCache | None) -> Place:
        return Place(
            start_dir=top / self._shared.start_dir,
            output_path=scratch / OUTPUT_NAME,
            places=make_job_places(self._shared.places, self._shared.project, str(top)),
            kept=cache,
            s3_options=self._s3_options,
        )

    def _stage_in(
        self,
        scratch: Path,
        transfer: Transfer,
        stack: contextlib.ExitStack,
        cache: HostCache | None,
    ) -> Sources:
        """Put sources and inputs in place; what has to go at the end goes on `stack`."""
        if self._job.disk_mib is not None:
            check_room(scratch, self._job.disk_mib * MIB, f"disk_mb ({self._job.disk_mib} MiB)")
        sources = stack.enter_context(open_sources(transfer, self._shared, scratch))
        inputs = self._job.inputs
        host_cache, cached = self._job.host_cache, None
        if cache is not None and host_cache is not None:
            cached = CachedInputs(cache, host_cache.inputs)
        place_inputs(transfer, sources.work_dir, inputs, now_ns=time.time_ns(), cached=cached)
        sources.note_inputs(inputs)
        return sources

    def _restore_environments(
        self, transfer: Transfer, stack: contextlib.ExitStack
    ) -> tuple[JobSpec, OnReady]:
        """Put conda environments in place; return the job that uses them, and how it keeps more.

        What the cache has to let go of at the end goes on `stack`.
        """
        job = self._job
        cache = None
        if job.environments:
            prefix = choose_prefix(self._environment, self._shared.scratch, job.image)
            cache = stack.enter_context(open_environments(prefix, self._root, job.environments))
        if cache is None:
            return job, lambda jobs: None
        cache.restore(transfer, self._store)
        job = replace(job, argv=(*job.argv, "--conda-prefix", str(cache.prefix)))
        # The child's; opened here, where the workflow's `envvars:` are not set yet.
        return job, functools.partial(cache.keep_made, self._open_store())

    def _enter_image(self, job: JobSpec) -> tuple[JobSpec, OnReady]:
        """Return the job that runs its tools in the image it is in, and what readies its rules."""
        if not is_in_image():
            return job, lambda jobs: None
        require_shell(job.image)
        add_stand_in(os.environ)
        job = replace(job, argv=deploy_in_image(job.argv))
        return job, functools.partial(contain_rules, image=f"docker://{job.image}")

    def _set_environment(self, scratch: Path) -> None:
        """Give the tools a temporary folder of the job's own, and what bare images lack."""
        temporary = scratch / "tmp"
        temporary.mkdir()
        os.environ["TMPDIR"] = str(temporary)
        tempfile.tempdir = None  # it remembers the folder above, where the scratch was made
        # Docker's for a user whom the image does not know is /, and a root may be read-only.
        if not os.access(os.environ.get("HOME", ""), os.W_OK):
            os.environ["HOME"] = str(scratch)
        os.environ.setdefault("USER", "batchx")
        os.environ.update(self._shared.envvars)
        os.environ.update(self._job.passed)

    def _report(self, outcome: ChildOutcome, work_dir: Path, scratch: Path | None) -> int:
        """Send products and result; a job that cannot do that has failed."""
        is_whole = not outcome.exit_code or "--keep-incomplete" in self._job.argv
        kinds = {"output", "log", "benchmark"} if is_whole else {"log", "benchmark"}
        products = [product for product in self._job.products if product.kind in kinds]
        collected, problem = Collected((), ()), outcome.problem
        exit_code, bytes_out = outcome.exit_code, 0
        try:
            with Transfer(self._store, self._memory_bytes) as transfer:
                collected = collect_products(transfer, work_dir, products, self._root)
                bytes_out = transfer.bytes_out
        except (BatchxError, OSError) as error:
            exit_code = exit_code or 1
            problem = problem or f"The job's files could not be sent to S3: {error}"
        if problem:
            print(f"batchx: {problem}", file=sys.stderr, flush=True)  # noqa: T201
        result = Result(
            version=SPEC_VERSION,
            attempt=int(self._environment.get("AWS_BATCH_JOB_ATTEMPT", "1")),
            exit_code=exit_code,
            problem=problem,
            tail=outcome.tail,
            files=collected.entries,
            usage=self._measure(outcome, bytes_out + sum(map(len, collected.parts)), scratch),
            output_bytes=outcome.output_bytes,
            rule=outcome.rule if len(self._job.steps) > 1 else "",
        )
        self._write_result(result, collected)
        is_wanted = exit_code or self._shared.keeps_output
        if scratch and is_wanted and outcome.output_bytes > TAIL_BYTES:
            self._add_output(result, collected, scratch / OUTPUT_NAME)
        return exit_code

    def _write_result(self, result: Result, collected: Collected) -> None:
        packet = make_result_packet(result, collected.parts)
        self._store.write_bytes(self._job.result_key, packet)

    def _add_output(self, result: Result, collected: Collected, path: Path) -> None:
        """Send the beginning of the output, and the result again with it.

        The result is there before, for SIGKILL may be near; and no job fails for its log.
        """
        try:
            with Transfer(self._store, self._memory_bytes) as transfer:
                output = transfer.send_file(path, self._root.get_data_key, may_exist=True)
            self._write_result(replace(result, output=output), collected)
        except (BatchxError, OSError) as error:
            print(f"batchx: only the end of the output is kept: {error}", file=sys.stderr)  # noqa: T201

    def _measure(self, outcome: ChildOutcome, bytes_out: int, scratch: Path | None) -> Usage:
        """Return what was used; a job that got no scratch folder has nothing on its disk."""
        memory, cpu_seconds = read_memory(), read_cpu_seconds() if self._is_counted else None
        peak_mib = (memory.peak_mib if self._is_counted else None) or outcome.peak_memory_mib
        disk_mib = measure_folder(scratch) if scratch else None
        ended = time.monotonic()
        return Usage(
            wall_seconds=round(ended - self._clock.begun, 3),
            cpu_seconds=round(cpu_seconds or outcome.cpu_seconds, 3),
            stage_in_seconds=round((self._clock.staged or ended) - self._clock.begun, 3),
            stage_out_seconds=round(ended - (self._clock.worked or ended), 3),
            bytes_in=self._bytes_in,
            bytes_out=bytes_out,
            peak_memory_mib=round(peak_mib, 1) or None,
            oom_kills=memory.oom_kills - self._memory_before.oom_kills if self._is_counted else 0,
            disk_mib=None if disk_mib is None else round(disk_mib, 1),
        )


def _import_snakemake_meanwhile() -> threading.Thread:
    """Load Snakemake while spec and inputs arrive; it is there when the thread has ended."""

    def load() -> None:
        import snakemake.cli  # noqa: F401, PLC0415

    loader = threading.Thread(target=load, name="batchx-import", daemon=True)
    loader.start()
    return loader
