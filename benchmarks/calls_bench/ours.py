"""Our head on a simulated Batch: all of it that decides about calls.

Arrayer, submitter, definitions, watcher, gateway, retrier and budget are the real ones, with the
pace of AWS. What they are held together by is told again here in few words, without files and
threads (launching.py, conductor.py, executor.py).
"""

from calls_bench.cases import Bill, Case, Portions
from calls_bench.world import QUEUE, SimulatedBatch
from snakemake_executor_plugin_batchx.aws.budget import CallBudget
from snakemake_executor_plugin_batchx.aws.retry import Retrier
from snakemake_executor_plugin_batchx.batch.arrayer import Arrayer
from snakemake_executor_plugin_batchx.batch.definitions import Definitions
from snakemake_executor_plugin_batchx.batch.gateway import BatchGateway
from snakemake_executor_plugin_batchx.batch.pace import AWS_PACE
from snakemake_executor_plugin_batchx.batch.submitter import Submitter
from snakemake_executor_plugin_batchx.batch.watcher import Watcher, make_child_id
from snakemake_executor_plugin_batchx.executor import BEAT_SECONDS
from snakemake_executor_plugin_batchx.plan.definition import DefinitionSettings
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import JobRequest
from snakemake_executor_plugin_batchx.plan.resources import BatchResources
from snakemake_executor_plugin_batchx.plan.submission import make_job_command, plan_submission
from snakemake_executor_plugin_batchx.workflow.portions import PATIENCE

STATUS_CHECK_SECONDS = 10.0
"""Snakemake's default of --seconds-between-status-checks."""

RULE, IMAGE = "one", JobImage("busybox", "busybox")
REQUEST = JobRequest(Platform(QUEUE), BatchResources(vcpus=1, memory_mib=100))


class OurHead:
    """Hands jobs over and looks for their ends, on Snakemake's beat."""

    def __init__(self, case: Case) -> None:
        self._batch = SimulatedBatch(case.make_durations())
        self._is_limited = case.per_second is not None
        self._portions = Portions(case)
        clock, sleep = self._batch.clock, self._batch.sleep
        retrier = Retrier(CallBudget(clock, sleep), clock, sleep, lambda: 0.5, lambda: False)
        gateway = BatchGateway(self._batch, retrier)
        self._definitions = Definitions(gateway, DefinitionSettings())
        self._submitter = Submitter(gateway, sleep, lambda: False, lambda: 0.5)
        self._watcher = Watcher(gateway, clock, STATUS_CHECK_SECONDS, AWS_PACE)
        self._arrayer: Arrayer[int] = Arrayer(
            clock, quiet_seconds=AWS_PACE.quiet_seconds, hold_seconds=AWS_PACE.hold_seconds
        )

    def run(self) -> Bill:
        """Bring all jobs through."""
        started = self._batch.clock()
        while not self._portions.is_done:
            self._hand_over()
            self._submit_ready()
            states = self._watcher.poll_if_due().states
            self._portions.ended += sum(state.is_terminal for state in states)
            self._batch.sleep(BEAT_SECONDS)
        return Bill(self._batch.calls, self._batch.clock() - started)

    def _hand_over(self) -> None:
        now = self._batch.clock()
        count = self._portions.take(now)
        for number in range(count):
            self._arrayer.add(RULE, number)
        if count and self._is_limited and not self._portions.count_free(now):
            self._arrayer.expect_for(PATIENCE)

    def _submit_ready(self) -> None:
        for group in self._arrayer.take_ready():
            request = plan_submission(
                name=f"bx-{RULE}",
                definition_arn=self._definitions.provide(RULE, IMAGE, REQUEST),
                command=make_job_command("python", "us-east-1", "s3://bucket/spec"),
                request=REQUEST,
                tags={"batchx:run": "run"},
                size=len(group),
            )
            job_id = self._submitter.submit(request)
            if job_id is None:
                raise SystemExit("The simulated Batch did not take a job.")
            is_array = len(group) > 1
            ids = [make_child_id(job_id, n) for n in range(len(group))] if is_array else [job_id]
            self._watcher.watch(ids)
