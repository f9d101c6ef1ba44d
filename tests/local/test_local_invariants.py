"""Random sequences of calls and reports never break what holds for every Batch."""

from __future__ import annotations

from collections import Counter
from typing import Any

from batch_world import World, make_resources
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from snakemake_executor_plugin_batchx.local.jobs import ContainerResult, JobState
from snakemake_executor_plugin_batchx.local.orders import StartOrder, StopOrder

TERMINAL = {"SUCCEEDED", "FAILED"}
# What may follow within one step of the test, in which a job may pass through several states.
FOLLOWERS = {
    "SUBMITTED": {"PENDING", "RUNNABLE", "STARTING", "FAILED"},
    "PENDING": {"RUNNABLE", "STARTING", "SUCCEEDED", "FAILED"},
    "RUNNABLE": {"STARTING", "FAILED"},
    "STARTING": {"RUNNING", "RUNNABLE", "FAILED"},
    "RUNNING": {"RUNNABLE", "STARTING", "SUCCEEDED", "FAILED"},
}
PICK = st.integers(0, 1000)


class BatchMachine(RuleBasedStateMachine):
    """Callers and a runner that do as they like."""

    jobs = Bundle("jobs")

    def __init__(self) -> None:
        super().__init__()
        self.world = World(vcpus=3)
        self.top_level: list[str] = []
        self.known: dict[str, Any] = {}

    def submit(self, **members: Any) -> str:
        request = {"jobName": "job", "jobQueue": "queue", "jobDefinition": "tool", **members}
        job_id: str = self.world.call("SubmitJob", **request)["jobId"]
        self.top_level.append(job_id)
        return job_id

    def list_taken(self) -> list[tuple[str, bool]]:
        """(attempt id, has started) of the attempts that the runner has."""
        taken = self.world.batch.placement.taken
        return [(key, attempt.started_at is not None) for key, (_, attempt) in taken.items()]

    @rule(target=jobs, vcpus=st.integers(1, 5), attempts=st.integers(1, 3), timeout=st.booleans())
    def submit_one(self, vcpus: int, attempts: int, timeout: bool) -> Any:
        limits = {"timeout": {"attemptDurationSeconds": 60}} if timeout else {}
        return self.submit(
            containerOverrides={"resourceRequirements": make_resources(str(vcpus))},
            retryStrategy={"attempts": attempts},
            **limits,
        )

    @rule(target=jobs, size=st.integers(2, 4), is_sequential=st.booleans())
    def submit_array(self, size: int, is_sequential: bool) -> Any:
        depends_on = [{"type": "SEQUENTIAL"}] if is_sequential else []
        parent = self.submit(arrayProperties={"size": size}, dependsOn=depends_on)
        return multiple(parent, *(f"{parent}:{index}" for index in range(size)))

    @rule(target=jobs, other=jobs)
    def submit_dependent(self, other: str) -> Any:
        return self.submit(dependsOn=[{"jobId": other}])

    @rule(job=jobs, operation=st.sampled_from(["CancelJob", "TerminateJob"]))
    def end_early(self, job: str, operation: str) -> None:
        self.world.call(operation, jobId=job, reason=operation)

    @rule(seconds=st.sampled_from([0, 1, 30, 60]))
    def advance(self, seconds: int) -> None:
        self.world.advance(seconds)

    @rule(pick=PICK)
    def report_started(self, pick: int) -> None:
        starting = [key for key, has_started in self.list_taken() if not has_started]
        if starting:
            self.world.batch.report_started(starting[pick % len(starting)])

    @rule(pick=PICK, exit_code=st.sampled_from([0, 1, 137]))
    def report_exited(self, pick: int, exit_code: int) -> None:
        taken = self.list_taken()
        if taken:
            key, has_started = taken[pick % len(taken)]
            code = exit_code if has_started else None
            self.world.batch.report_exited(key, [ContainerResult("default", code)])

    def list_jobs(self) -> dict[str, Any]:
        ids = list(self.world.batch.store.by_id)
        described = [
            job
            for start in range(0, len(ids), 100)
            for job in self.world.call("DescribeJobs", jobs=ids[start : start + 100])["jobs"]
        ]
        return {job["jobId"]: job for job in described}

    @invariant()
    def states_come_in_order_and_ends_are_final(self) -> None:
        now = self.list_jobs()
        for job_id, before in self.known.items():
            after = now[job_id]
            if before["status"] in TERMINAL:
                assert after == before
            elif after["status"] != before["status"]:
                assert after["status"] in FOLLOWERS[before["status"]]
            assert after["attempts"][: len(before["attempts"])] == before["attempts"]
        self.known = now

    @invariant()
    def counts_add_up(self) -> None:
        jobs = self.list_jobs()
        for job_id, job in jobs.items():
            size = job.get("arrayProperties", {}).get("size")
            if size is None:
                continue
            children = Counter(jobs[f"{job_id}:{index}"]["status"] for index in range(size))
            summary = job["arrayProperties"]["statusSummary"]
            assert Counter({k: v for k, v in summary.items() if v}) == children
            if job["status"] in TERMINAL:
                assert children.keys() <= TERMINAL
                assert (job["status"] == "FAILED") == bool(children["FAILED"])

    @invariant()
    def every_job_is_listed_once(self) -> None:
        listed = [
            job["jobId"]
            for state in JobState
            for job in self.world.call("ListJobs", jobQueue="queue", jobStatus=state.value)[
                "jobSummaryList"
            ]
        ]
        assert sorted(listed) == sorted(self.top_level)

    @invariant()
    def attempts_keep_within_their_bounds(self) -> None:
        for job in self.list_jobs().values():
            assert len(job["attempts"]) <= job["retryStrategy"]["attempts"]
            for attempt in job["attempts"]:
                assert attempt.get("startedAt", 0) <= attempt["stoppedAt"]
        for kind in (StartOrder, StopOrder):
            ids = [order.attempt_id for order in self.world.orders if isinstance(order, kind)]
            assert len(ids) == len(set(ids))

    @invariant()
    def the_host_is_not_overbooked(self) -> None:
        attempts = [attempt for _, attempt in self.world.batch.placement.taken.values()]
        assert len(attempts) <= 1 or sum(each.vcpus for each in attempts) <= 3

    def teardown(self) -> None:
        """Whatever happened: every job ends, even if all attempts fail from now on."""
        for _ in range(10_000):
            self.world.advance()
            taken = self.list_taken()
            if not taken:
                break
            for key, has_started in taken:
                if not has_started:
                    self.world.batch.report_started(key)
                self.world.batch.report_exited(key, [ContainerResult("default", 1)])
        self.counts_add_up()
        self.attempts_keep_within_their_bounds()
        assert {job["status"] for job in self.list_jobs().values()} <= TERMINAL


TestBatchMachine = BatchMachine.TestCase
TestBatchMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
