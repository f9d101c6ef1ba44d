"""What Snakemake drives: hands its jobs to the conductor, and reports how they ended."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

from snakemake_interface_common.exceptions import ApiError
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.settings import ExecutorSettings

if TYPE_CHECKING:
    from snakemake_executor_plugin_batchx.inflight import Outcome
    from snakemake_executor_plugin_batchx.open_run import OpenRun
    from snakemake_executor_plugin_batchx.plan.job_options import JobOptions
    from snakemake_executor_plugin_batchx.status.teller import StatusTeller
    from snakemake_executor_plugin_batchx.workflow.describe import JobDescriber
    from snakemake_executor_plugin_batchx.workflow.parse_audit import ParseRecord

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=True,
    # Asked to, Snakemake would upload them itself for --touch, when our word below does not count,
    # and fail without a default storage provider (snakemake/workflow.py, should_deploy_sources).
    job_deploy_sources=False,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    # Their values may be secrets: they travel in the job spec, not in a command.
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
    init_seconds_before_status_checks=0,
    # We deploy sources and move files ourselves, with a default storage provider or without.
    can_transfer_local_files=True,
)

BEAT_SECONDS = 0.2
"""How often outcomes are looked for; Batch is asked less often (batch/watcher.py), but never later
than the user's `--seconds-between-status-checks`."""

BEAT_SECONDS_PER_JOB = 1e-4
"""Each beat, Snakemake goes through all jobs that have not ended."""


class Executor(RemoteExecutor):  # type: ignore[misc]
    """Runs Snakemake's jobs on AWS Batch.

    Snakemake calls `run_jobs`, `cancel` and `shutdown` from its main thread and
    `check_active_jobs` from a thread that starts before `__post_init__` has run
    (snakemake_interface_executor_plugins/executors/remote.py).
    """

    _open_run: "OpenRun | None" = None
    _describer: "JobDescriber | None" = None
    _status: "StatusTeller"
    _parsed: "ParseRecord"
    executor_settings: ExecutorSettings | None
    job_options: "JobOptions"

    def __post_init__(self) -> None:
        # Not at the top: Snakemake imports this module inside every job, too.
        from snakemake_executor_plugin_batchx.interrupts import InterruptGuard  # noqa: PLC0415
        from snakemake_executor_plugin_batchx.setting_checks import check_start  # noqa: PLC0415
        from snakemake_executor_plugin_batchx.workflow import parse_audit  # noqa: PLC0415
        from snakemake_executor_plugin_batchx.workflow.head_duties import (  # noqa: PLC0415
            HeadDuties,
        )

        if self.executor_settings is None:
            self.executor_settings = ExecutorSettings()
        try:
            self.job_options = check_start(self.executor_settings, self.workflow)
        except BatchxError as error:
            # Or its thread, which Snakemake does not end now, may print an error of its own.
            super().shutdown()
            raise ApiError(str(error)) from error
        self._parsed = parse_audit.stop_recording()
        self._duties = HeadDuties(self.workflow)
        self._submissions: dict[Any, str] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._interrupts = InterruptGuard(
            time.monotonic,
            lambda: self.logger.warning("batchx: the jobs are being ended, please wait."),
        )
        self._interrupts.install(signal.SIGINT, signal.default_int_handler)

    def run_job(self, job: Any) -> None:
        """Run a single job, as the base class demands."""
        self.run_jobs([job])

    def run_jobs(self, jobs: list[Any]) -> None:
        """Hand over jobs; they are staged and submitted in the background."""
        from snakemake_executor_plugin_batchx.workflow.portions import (  # noqa: PLC0415
            find_seconds_to_next,
        )

        self._take_sigterm()
        run = self._get_run()
        with run.conductor.open_portion(find_seconds_to_next(self.workflow.scheduler)):
            for job in jobs:
                self._hand_over(job, run)

    def _hand_over(self, job: Any, run: "OpenRun") -> None:
        from snakemake_executor_plugin_batchx.workflow.describe import (  # noqa: PLC0415
            JobDescriber,
        )

        self._describer = self._describer or JobDescriber(self, run.places, run.modules)
        self.run_job_pre(job)
        info = SubmittedJobInfo(job)
        self._duties.refuse_protected(job)
        if self._duties.take_from_cache(job):
            info.aux = {"submission": None}
            self.report_job_submission(info)
            return
        self._duties.back_up(job)
        try:
            description = self._describer.describe(job)
        except BatchxError as error:
            self._report_failure(info, str(error))
            return
        submission = run.conductor.hand_over(description)
        info.aux = {"submission": submission}
        self._submissions[job] = submission
        self.report_job_submission(info)

    def _take_sigterm(self) -> None:
        """Let SIGTERM end jobs from now on; earlier ones the scheduler has noted.

        Not in `__post_init__`: the scheduler sets its own handler once it has made us.
        """
        scheduler = self.workflow.scheduler
        self._interrupts.install(signal.SIGTERM, scheduler.exit_gracefully)
        if scheduler._user_kill:
            raise KeyboardInterrupt

    def handle_job_success(self, job: Any) -> None:
        """Forget what was kept for a job; called when Snakemake has recorded it as done."""
        self._duties.forget_backups(job)
        submission = self._submissions.pop(job, None)
        if submission is not None and self._open_run is not None:
            self._open_run.conductor.note_reported(submission)

    def handle_job_error(self, job: Any) -> None:
        """Put back what update() outputs were; called when Snakemake has removed them."""
        self._duties.restore_backups(job)
        submission = self._submissions.pop(job, None)
        if submission is not None and self._open_run is not None:
            self._open_run.conductor.note_rejected(submission)

    def _get_run(self) -> "OpenRun":
        """Open the run with the first job: with nothing to be done, AWS is not asked."""
        if self._open_run is None:
            from snakemake_executor_plugin_batchx.opening import open_run  # noqa: PLC0415
            from snakemake_executor_plugin_batchx.workflow.status_display import (  # noqa: PLC0415
                open_status,
            )

            self._status = open_status(self.logger, self.workflow)
            try:
                self._open_run = open_run(self, self._parsed)
            except BatchxError as error:
                raise ApiError(str(error)) from error
        return self._open_run

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncIterator[SubmittedJobInfo]:
        """Report the jobs that have ended and yield the others.

        Never raises: Snakemake would forget every job that was not yielded, and they would go on
        in AWS.
        """
        # Here, for the thread that asks runs already while `__post_init__` does.
        self.next_seconds_between_status_checks = max(
            BEAT_SECONDS, BEAT_SECONDS_PER_JOB * len(active_jobs)
        )
        if self._open_run is None:
            if self.workflow.scheduler is not None:
                # At once: the scheduler's handler would wait for a lock that choosing jobs holds.
                self._interrupts.install_soon(
                    signal.SIGTERM, self.workflow.scheduler.exit_gracefully
                )
            return
        self._interrupts.repeat_if_lost()
        conductor = self._open_run.conductor
        try:
            await asyncio.to_thread(conductor.tick)
            self._status.tell(conductor.tell_status)
        except Exception:
            self.logger.exception("batchx could not check its jobs")
        # One may be there before Snakemake has its job on this list.
        self._outcomes |= conductor.take_outcomes()
        for info in active_jobs:
            submission = info.aux["submission"]
            if submission is None:  # its outputs came from the cache
                self.report_job_success(info)
            elif submission in self._outcomes:
                await self._report(info, self._outcomes.pop(submission))
            else:
                yield info

    async def _report(self, info: SubmittedJobInfo, outcome: "Outcome") -> None:
        info.external_jobid = outcome.batch_job_id
        try:
            if outcome.message is None:
                await self._duties.finish(info.job)
                self.report_job_success(info)
            else:
                self._report_failure(info, outcome.message, outcome.logs)
        except Exception:
            self.logger.exception("batchx could not report a job to Snakemake")
            self.workflow.scheduler.error_callback(info.job)

    def _report_failure(
        self, info: SubmittedJobInfo, message: str, logs: Sequence[str] = ()
    ) -> None:
        self._duties.spare_updated(info.job)
        if info.job.is_group():
            # Snakemake shows no message for groups (snakemake/jobs.py, GroupJob.log_error).
            self.logger.error(message)
        self.report_job_error(info, msg=message + "\n", aux_logs=list(logs))

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """End all jobs of the run.

        Not only `active_jobs`: that list is empty while a status check is running.
        """
        self._interrupts.hold()
        if self._open_run is None:
            return
        try:
            self._open_run.conductor.cancel()
        except BatchxError as error:
            # `cancel` goes on to `shutdown`, which tries again and closes what is open.
            self.logger.warning(f"batchx: {error}")

    def shutdown(self) -> None:
        """End the run: jobs that are left, threads, the embedded AWS."""
        self._interrupts.hold()
        try:
            super().shutdown()
        finally:
            if self._open_run is not None:
                self._status.close()
                self._open_run.close()
            self._interrupts.restore()
