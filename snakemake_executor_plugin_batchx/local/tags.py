"""Tags of compute environments, queues, definitions, policies, consumables and jobs, by ARN.

Source: https://docs.aws.amazon.com/batch/latest/userguide/using-tags.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from snakemake_executor_plugin_batchx.local.checks import check_tags
from snakemake_executor_plugin_batchx.local.definitions import DefinitionStore
from snakemake_executor_plugin_batchx.local.environments import EnvironmentStore
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.queues import QueueStore
from snakemake_executor_plugin_batchx.local.shapes import JsonObject
from snakemake_executor_plugin_batchx.local.store import JobStore


class _Tagged(Protocol):
    arn: str
    tags: dict[str, str]


@dataclass
class Tags:
    """TagResource, UntagResource and ListTagsForResource."""

    definitions: DefinitionStore
    environments: EnvironmentStore
    queues: QueueStore
    store: JobStore

    def add(self, request: JsonObject) -> JsonObject:
        """TagResource: given tags are set, others stay.

        Raises:
            ClientError: no such resource, or a limit on tags is broken.
        """
        tags = self._find(request["resourceArn"])
        check_tags({**tags, **request["tags"]})
        tags.update(request["tags"])
        return {}

    def remove(self, request: JsonObject) -> JsonObject:
        """UntagResource: keys that are not there do not matter.

        Raises:
            ClientError: no such resource.
        """
        tags = self._find(request["resourceArn"])
        for key in request["tagKeys"]:
            tags.pop(key, None)
        return {}

    def show(self, request: JsonObject) -> JsonObject:
        """ListTagsForResource.

        Raises:
            ClientError: no such resource.
        """
        return {"tags": dict(self._find(request["resourceArn"]))}

    def _find(self, arn: str) -> dict[str, str]:
        for owner in self._iter_owners(arn):
            if owner is not None and owner.arn == arn:
                return owner.tags
        raise ClientError(f"Resource {arn} not found")

    def _iter_owners(self, arn: str) -> Iterator[_Tagged | None]:
        job = self.store.find(arn)
        # Batch tags no children of array jobs (API_TagResource).
        yield None if job is None or job.parent is not None else job
        yield self.definitions.find_revision(arn)
        yield from self.queues.queues.values()
        yield from self.environments.environments.values()
        yield from self.environments.policies.values()
        yield from self.definitions.consumables.consumables.values()
