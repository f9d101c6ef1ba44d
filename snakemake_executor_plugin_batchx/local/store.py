"""Where jobs are kept and found: by id, by queue and state, by parent.

ListJobs' rules: https://docs.aws.amazon.com/batch/latest/APIReference/API_ListJobs.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from snakemake_executor_plugin_batchx.local.checks import check_bound
from snakemake_executor_plugin_batchx.local.definitions import DefinitionStore
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.identity import make_token, read_token
from snakemake_executor_plugin_batchx.local.jobs import Job, JobState
from snakemake_executor_plugin_batchx.local.queues import QueueStore
from snakemake_executor_plugin_batchx.local.shapes import JsonObject
from snakemake_executor_plugin_batchx.local.views import summarize_job

LIST_BASES = ("jobQueue", "arrayJobId", "multiNodeJobId")


@dataclass
class JobStore:
    """All jobs, children included; they stay describable for as long as the store lives."""

    queues: QueueStore
    definitions: DefinitionStore
    by_id: dict[str, Job] = field(default_factory=dict)
    by_queue: dict[str, list[Job]] = field(default_factory=dict)

    def add(self, job: Job) -> None:
        """Keeps a job. Children are found through their parent, not through the queue."""
        self.by_id[job.job_id] = job
        if job.parent is None:
            self.by_queue.setdefault(job.queue.arn, []).append(job)

    def find(self, job_id: str) -> Job | None:
        """The job with this id (or ARN); None if there is none."""
        return self.by_id.get(job_id.rpartition(":job/")[2])

    def list_jobs(self, request: JsonObject) -> JsonObject:
        """ListJobs: newest first, in pages.

        Raises:
            ClientError: not exactly one of queue and parent, an unknown filter, or a page that is
                too large.
        """
        bases = [base for base in LIST_BASES if base in request]
        if len(bases) != 1:
            raise ClientError(
                "Exactly one of jobQueue, arrayJobId and multiNodeJobId must be given"
            )
        filters = request.get("filters", [])
        check_bound("list_filters", len(filters))
        row = "list_by_filter" if filters else "list_by_status"
        page_size = request.get("maxResults", 100 if filters else 1000)
        check_bound(row, page_size)
        is_wanted = self._make_condition(request, filters[0] if filters else None)
        before = read_token(request["nextToken"]) if "nextToken" in request else None
        return _take_page(self._iter_base(request), is_wanted, before, page_size)

    def _iter_base(self, request: JsonObject) -> Iterable[Job]:
        if "jobQueue" in request:
            queue = self.queues.find(request["jobQueue"])
            return reversed(self.by_queue.get(queue.arn, []))
        parent_id = request.get("arrayJobId") or request["multiNodeJobId"]
        parent = self.find(parent_id)
        if parent is None or "multiNodeJobId" in request:
            raise ClientError(f"Job {parent_id} not found")
        return reversed(parent.children)

    def _make_condition(
        self, request: JsonObject, given_filter: JsonObject | None
    ) -> Callable[[Job], bool]:
        state = JobState(request.get("jobStatus", "RUNNING"))
        if given_filter is None:
            return lambda job: job.state is state
        if "jobQueue" not in request:
            raise ClientError("Filters do not apply to the children of an array job")
        name, values = given_filter.get("name"), given_filter.get("values", [])
        if len(values) != 1:
            raise ClientError("A filter must have exactly one value")
        matches = FILTERS.get(str(name))
        if matches is None:
            raise ClientError(f"{name} is no filter: it should be one of {', '.join(FILTERS)}")
        if name in ("BEFORE_CREATED_AT", "AFTER_CREATED_AT") and not values[0].isdigit():
            raise ClientError(f"The value of {name} must be milliseconds since 1970")
        if name == "SHARE_IDENTIFIER" and "jobStatus" in request:
            return lambda job: job.state is state and matches(job, values[0])
        return lambda job: matches(job, values[0])


def _take_page(
    jobs: Iterable[Job], is_wanted: Callable[[Job], bool], before: int | None, page_size: int
) -> JsonObject:
    """One page of jobs whose sequence number is below ``before``: stable while new jobs arrive."""
    page: list[Job] = []
    for job in jobs:
        if (before is not None and job.sequence >= before) or not is_wanted(job):
            continue
        if len(page) == page_size:
            token = make_token(page[-1].sequence)
            return {"jobSummaryList": [summarize_job(each) for each in page], "nextToken": token}
        page.append(job)
    return {"jobSummaryList": [summarize_job(each) for each in page]}


def _is_name_match(job: Job, value: str) -> bool:
    name, pattern = job.name.lower(), value.lower()
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _is_definition_match(job: Job, value: str) -> bool:
    """A name (its start, with a trailing ``*``), ``name:revision``, or either's ARN."""
    definition = job.definition
    text = value.rpartition(":job-definition/")[2]
    if text.endswith("*"):
        return definition.name.startswith(text[:-1])
    return text in (definition.name, f"{definition.name}:{definition.revision}")


FILTERS: dict[str, Callable[[Job, str], bool]] = {
    "JOB_NAME": _is_name_match,
    "JOB_DEFINITION": _is_definition_match,
    "SHARE_IDENTIFIER": lambda job, value: job.share_identifier == value,
    "BEFORE_CREATED_AT": lambda job, value: job.created_at < int(value),
    "AFTER_CREATED_AT": lambda job, value: job.created_at > int(value),
}
