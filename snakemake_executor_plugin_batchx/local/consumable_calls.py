"""The API's calls about consumable resources.

Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_CreateConsumableResource.html,
API_UpdateConsumableResource, API_ListConsumableResources and API_ListJobsByConsumableResource
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from snakemake_executor_plugin_batchx.local.checks import (
    check_bound,
    check_choice,
    check_pattern,
    check_tags,
)
from snakemake_executor_plugin_batchx.local.consumables import (
    KIND,
    REPLENISHABLE,
    Consumable,
    ConsumableStore,
    make_properties,
)
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.identity import make_token, read_token
from snakemake_executor_plugin_batchx.local.jobs import Job
from snakemake_executor_plugin_batchx.local.shapes import JsonObject
from snakemake_executor_plugin_batchx.local.store import JobStore

PAGE_SIZE = 100
TOKEN_MS = 8 * 3600 * 1000
"""How long a clientToken is remembered. Source: API_UpdateConsumableResource."""
OTHER_REQUEST = "clientToken {token} was used with another request"
T = TypeVar("T")


@dataclass
class ConsumableCalls:
    """One method per operation; each takes and returns what boto3 does."""

    consumables: ConsumableStore
    store: JobStore
    read_now_ms: Callable[[], int]
    # By clientToken: when it was used, and for what.
    updates: dict[str, tuple[int, JsonObject]] = field(default_factory=dict)

    def create(self, request: JsonObject) -> JsonObject:
        """CreateConsumableResource.

        Raises:
            ClientError: for the first rule that the request breaks.
        """
        name = request["consumableResourceName"]
        check_pattern("resource_name", name)
        tags = request.get("tags", {})
        check_tags(tags)
        kind = request.get("resourceType", REPLENISHABLE)
        check_choice("consumable_type", kind)
        total = request.get("totalQuantity", 0)
        check_bound("consumable_total", total)
        known = self.consumables.consumables
        if name in known:
            raise ClientError("Object already exists")
        check_bound("consumables", len(known) + 1)
        arn = self.consumables.identity.make_arn(KIND, name)
        known[name] = Consumable(name, arn, kind, total, self.read_now_ms(), dict(tags))
        return {"consumableResourceName": name, "consumableResourceArn": arn}

    def describe(self, request: JsonObject) -> JsonObject:
        """DescribeConsumableResource.

        Raises:
            ClientError: there is none of this name.
        """
        return self.consumables.find(request["consumableResource"]).describe()

    def update(self, request: JsonObject) -> JsonObject:
        """UpdateConsumableResource; a request that comes again with its token changes nothing.

        Raises:
            ClientError: for the first rule that the request breaks.
        """
        consumable = self.consumables.find(request["consumableResource"])
        if not self._is_repeated(request):
            operation = request.get("operation", "SET")
            check_choice("consumable_operation", operation)
            quantity = request.get("quantity", 0)
            check_bound("consumable_total", quantity)
            signed = {"SET": quantity - consumable.total, "ADD": quantity, "REMOVE": -quantity}
            total = consumable.total + signed[operation]
            check_bound("consumable_total", total)
            consumable.total = total
            self._remember(request)
        return {
            "consumableResourceName": consumable.name,
            "consumableResourceArn": consumable.arn,
            "totalQuantity": consumable.total,
        }

    def delete(self, request: JsonObject) -> JsonObject:
        """DeleteConsumableResource.

        Raises:
            ClientError: there is none of this name, or jobs hold some of it.
        """
        consumable = self.consumables.find(request["consumableResource"])
        if self.consumables.is_held(consumable.name):
            raise ClientError(f"Cannot delete, jobs hold consumable resource {consumable.name}")
        del self.consumables.consumables[consumable.name]
        return {}

    def list_all(self, request: JsonObject) -> JsonObject:
        """ListConsumableResources, in pages.

        Raises:
            ClientError: an unknown filter, or a page that is too large.
        """
        found = list(self.consumables.consumables.values())
        for name, values in _read_filters(request):
            if name != "CONSUMABLE_RESOURCE_NAME":
                raise ClientError(f"{name} is no filter: it should be CONSUMABLE_RESOURCE_NAME")
            found = [each for each in found if _is_match(each.name, values)]
        page, rest = _take_page(found, request)
        return {"consumableResources": [each.summarize() for each in page], **rest}

    def list_jobs(self, request: JsonObject) -> JsonObject:
        """ListJobsByConsumableResource, in pages; an array shows as its parent.

        Raises:
            ClientError: no such resource, an unknown filter, or a page that is too large.
        """
        name = self.consumables.find(request["consumableResource"]).name
        jobs = [
            job
            for queued in self.store.by_queue.values()
            for job in queued
            if self._find_quantity(job, name)
        ]
        for filter_name, values in _read_filters(request):
            if filter_name == "JOB_STATUS":
                jobs = [job for job in jobs if job.state.value in values]
            elif filter_name == "JOB_NAME":
                jobs = [job for job in jobs if _is_match(job.name, values)]
            else:
                raise ClientError(f"{filter_name} is no filter: it should be JOB_STATUS, JOB_NAME")
        page, rest = _take_page(jobs, request)
        return {"jobs": [self._summarize(job, name) for job in page], **rest}

    def _summarize(self, job: Job, name: str) -> JsonObject:
        summary = {
            "jobArn": job.arn,
            "jobQueueArn": job.queue.arn,
            "jobName": job.name,
            "jobDefinitionArn": job.definition.arn,
            "shareIdentifier": job.share_identifier,
            "jobStatus": job.state.value,
            "quantity": self._find_quantity(job, name),
            "statusReason": job.status_reason,
            "startedAt": job.started_at,
            "createdAt": job.created_at,
            **make_properties(job.needs),
        }
        return {member: value for member, value in summary.items() if value is not None}

    def _find_quantity(self, job: Job, name: str) -> int:
        """How much of a resource a job requires; 0 for nothing."""
        for need in job.needs:
            if self.consumables.read_name(need["consumableResource"]) == name:
                return int(need["quantity"])
        return 0

    def _is_repeated(self, request: JsonObject) -> bool:
        token = request.get("clientToken", "")
        used_at, earlier = self.updates.get(token, (-TOKEN_MS, {}))
        if self.read_now_ms() - used_at >= TOKEN_MS:
            return False
        if earlier != request:
            raise ClientError(OTHER_REQUEST.format(token=token))
        return True

    def _remember(self, request: JsonObject) -> None:
        if "clientToken" in request:
            self.updates[request["clientToken"]] = (self.read_now_ms(), dict(request))


def _read_filters(request: JsonObject) -> list[tuple[str, list[str]]]:
    return [(each.get("name", ""), each.get("values", [])) for each in request.get("filters", [])]


def _is_match(name: str, patterns: Sequence[str]) -> bool:
    """True if the name is one of the patterns, in any case, or begins as one that ends in ``*``."""
    lower = name.lower()
    return any(
        lower.startswith(pattern[:-1]) if pattern.endswith("*") else lower == pattern
        for pattern in map(str.lower, patterns)
    )


def _take_page(found: list[T], request: JsonObject) -> tuple[list[T], JsonObject]:
    """One page, and the answer's token for the next."""
    size = request.get("maxResults", PAGE_SIZE)
    check_bound("page_of_100", size)
    start = int(read_token(request["nextToken"])) if "nextToken" in request else 0
    rest = {"nextToken": make_token(start + size)} if start + size < len(found) else {}
    return found[start : start + size], rest
