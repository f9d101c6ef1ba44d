"""What a Batch job that has ended left: its result, its files, and why it failed."""

from collections.abc import Sequence

from snakemake_executor_plugin_batchx.batch.state import JobState
from snakemake_executor_plugin_batchx.batch.verdict import Verdict, judge_failure
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.ports import Ports, RunContext
from snakemake_executor_plugin_batchx.storage.fetch import FetchedResult, list_missing
from snakemake_executor_plugin_batchx.storage.refusals import StorageError

LOG_KINDS = ("log", "benchmark")


class ResultGoneError(BatchxError):
    """A job succeeded, but what it left is not there."""


class Collector:
    """Fetches results and puts their files in place. Safe to use from many threads."""

    def __init__(self, context: RunContext, ports: Ports) -> None:
        self._context = context
        self._ports = ports

    def read_ahead(self, ended: Sequence[tuple[TrackedJob, JobState]]) -> dict[str, FetchedResult]:
        """Return those results of many jobs that can be read quickly, by their keys."""
        needed = [job.result_key for job, state in ended if is_result_needed(job, state)]
        return self._ports.fetcher.fetch_results(needed)

    def collect_success(
        self, job: TrackedJob, state: JobState, ahead: FetchedResult | None
    ) -> FetchedResult | None:
        """Put a successful job's products in place; None where it owes this machine none.

        `ahead` is the job's result if it has been read.

        With its data in S3 a job that ends with 0 has verified what it stored there itself. Raises
        BatchxError where a product is missing.
        """
        products = job.description.products
        if not products:
            return None
        fetched = self._fetch(job, state, ahead, is_owed=True)
        if fetched is None:
            raise ResultGoneError(
                f"Batch job {state.job_id} succeeded but its result is not at "
                f"{self._context.root.make_url(job.result_key)}: was it deleted?"
            )
        missing = list_missing(fetched.result, products)
        if missing:
            raise BatchxError(
                f"Batch job {state.job_id} succeeded but did not make {', '.join(missing)}."
            )
        self._place(job, fetched, is_success=True)
        return fetched

    def collect_failure(
        self, job: TrackedJob, state: JobState, ahead: FetchedResult | None
    ) -> tuple[Verdict, FetchedResult | None]:
        """Put what a failed job left in place; return why it failed, and its result if any."""
        fetched = self._fetch(job, state, ahead, is_owed=False)
        result = fetched.result if fetched else None
        verdict = judge_failure(state, result, image=job.image, memory_mib=job.memory_mib)
        if fetched:
            self._place(job, fetched, is_success=False)
        return verdict, fetched

    def _fetch(
        self, job: TrackedJob, state: JobState, ahead: FetchedResult | None, *, is_owed: bool
    ) -> FetchedResult | None:
        """Return a job's result, None where the container died before it could leave one."""
        try:
            fetched = ahead or self._ports.fetcher.fetch_result(job.result_key)
        except StorageError as error:
            # Who may not list the bucket is told 403, not 404, of what is not there.
            if error.code in {"NoSuchKey", "404"} or not is_owed:
                return None
            raise
        # Of an earlier attempt, whose host was lost, it tells nothing.
        return None if fetched.result.attempt < len(state.attempts) else fetched

    def _place(self, job: TrackedJob, fetched: FetchedResult, *, is_success: bool) -> None:
        description = job.description
        is_whole = is_success or description.is_keeping_incomplete
        products = [p for p in description.products if is_whole or p.kind in LOG_KINDS]
        self._ports.fetcher.place_files(
            fetched, products, now_ns=self._ports.clock_ns(), newest_ns=job.newest_input_ns
        )


def is_result_needed(job: TrackedJob, state: JobState) -> bool:
    """Tell whether a job's end says too little without its result."""
    return state.status != "SUCCEEDED" or bool(job.description.products)
