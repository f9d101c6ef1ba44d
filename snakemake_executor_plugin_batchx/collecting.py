"""What a Batch job that has ended left: its result, its files, and why it failed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from snakemake_executor_plugin_batchx.batch.state import JobState
from snakemake_executor_plugin_batchx.batch.verdict import Verdict, judge_failure
from snakemake_executor_plugin_batchx.concluding import SUCCESS, Ending
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.failing import FailureTeller, find_own_log
from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.ports import Ports, RunContext
from snakemake_executor_plugin_batchx.spec import Result
from snakemake_executor_plugin_batchx.storage.fetch import FetchedResult, list_missing
from snakemake_executor_plugin_batchx.storage.refusals import NOT_THERE, StorageError

NOT_LEFT = frozenset({"NoSuchKey", "404"})

UNREADABLE = (StorageError, ValueError, TypeError, LookupError)
"""What reading a result raises where it cannot be had, or is damaged."""

LOG_KINDS = ("log", "benchmark")


@dataclass(frozen=True)
class Failure:
    """Why a job failed, and the result that it left, if any.

    `remark` tells what of it could not be fetched or put in place.
    """

    verdict: Verdict
    result: Result | None
    remark: str = ""


class ResultGoneError(BatchxError):
    """A job succeeded, but what it left is not there."""


class Collector:
    """Fetches results and puts their files in place. Safe to use from many threads."""

    def __init__(self, context: RunContext, ports: Ports) -> None:
        self._context = context
        self._ports = ports
        self._teller = FailureTeller(ports.open_logs, ports.log_keeper, context.console_region)

    def read_ahead(self, ended: Sequence[tuple[TrackedJob, JobState]]) -> dict[str, FetchedResult]:
        """Return those results of many jobs that can be read quickly, by their keys."""
        needed = [job.result_key for job, state in ended if self.is_result_needed(job, state)]
        return self._ports.fetcher.fetch_results(needed)

    def is_result_needed(self, job: TrackedJob, state: JobState) -> bool:
        """Tell whether a job's end says too little without its result."""
        is_silent = not job.description.products and not self._context.shared.keeps_output
        return state.status != "SUCCEEDED" or not is_silent

    def collect_success(
        self, job: TrackedJob, state: JobState, ahead: FetchedResult | None
    ) -> Ending:
        """Put a successful job's products in place, if it owes this machine any.

        `ahead` is the job's result if it has been read.

        With its data in S3 a job that ends with 0 has verified what it stored there itself. Raises
        BatchxError where a product is missing.
        """
        products = job.description.products
        if not self.is_result_needed(job, state):
            return Ending(SUCCESS)
        fetched = self._fetch(job, state, ahead, is_owed=bool(products))
        if fetched is None:
            if not products:
                return Ending(SUCCESS)
            raise ResultGoneError(
                f"Batch job {state.job_id} succeeded but its result is not at "
                f"{self._context.root.make_url(job.result_key)}: was it deleted?"
            )
        missing = list_missing(fetched.result, products)
        if missing:
            sentence = f"it succeeded but did not make {', '.join(missing)}"
            text = f"Batch job {state.job_id} failed: {sentence}."
            return self._tell(job, state, Ending("output", text, sentence, fetched.result))
        self._place(job, fetched, is_success=True)
        if not self._context.shared.keeps_output:
            return Ending(SUCCESS, result=fetched.result)
        saved = self._teller.save_output(job, state, fetched.result).saved
        return Ending(SUCCESS, result=fetched.result, log=saved.path if saved else None)

    def collect_failure(
        self, job: TrackedJob, state: JobState, ahead: FetchedResult | None
    ) -> Failure:
        """Put what a failed job left in place; return why it failed.

        What cannot be had or placed never hides that.
        """
        fetched, remark = None, ""
        try:
            fetched = self._fetch(job, state, ahead, is_owed=False)
        except UNREADABLE as error:
            remark = f"Its result could not be read: {error}"
        result = fetched.result if fetched else None
        verdict = judge_failure(state, result, image=job.image, memory_mib=job.memory_mib)
        if fetched:
            try:
                self._place(job, fetched, is_success=False)
            except (BatchxError, OSError) as error:
                remark = f"Its log files could not be put in place: {error}"
        return Failure(verdict, result, remark)

    def tell_failure(self, job: TrackedJob, state: JobState, failure: Failure) -> Ending:
        """Save what a failed job wrote; return what the user is told of it."""
        verdict = failure.verdict
        text = "\n".join(filter(None, [verdict.message, failure.remark]))
        return self._tell(job, state, Ending(verdict.kind, text, verdict.sentence, failure.result))

    def _tell(self, job: TrackedJob, state: JobState, ending: Ending) -> Ending:
        """Return an ending with what the job wrote."""
        output = self._teller.save_output(job, state, ending.result)
        saved, own_log = output.saved, None
        if ending.result and not ending.result.tail.strip():
            logs = (p.path for p in job.description.products if p.kind == "log")
            own_log = find_own_log(self._context.work_dir, logs)
        return replace(
            ending,
            message=self._teller.make_message(ending.message or "", state, output, own_log),
            log=saved.path if saved else None,
            shown=(saved.shown,) if saved else (),
        )

    def _fetch(
        self, job: TrackedJob, state: JobState, ahead: FetchedResult | None, *, is_owed: bool
    ) -> FetchedResult | None:
        """Return a job's result, None where the container died before it could leave one."""
        try:
            fetched = ahead or self._ports.fetcher.fetch_result(job.result_key)
        except StorageError as error:
            # Who may not list the bucket is told 403, not 404, of what is not there.
            if error.code in (NOT_LEFT if is_owed else NOT_THERE):
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
