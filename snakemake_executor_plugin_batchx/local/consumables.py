"""Consumable resources: what jobs need beyond vCPUs, memory and GPUs, such as licenses.

They are taken when a job becomes STARTING, and given back (REPLENISHABLE ones) when it SUCCEEDED or
FAILED: between the attempts of a job they stay taken.
Source: https://docs.aws.amazon.com/batch/latest/userguide/resource-aware-scheduling.html,
resource-aware-scheduling-how-to-for-jobs.html and
resource-aware-scheduling-how-to-check-resources-check-resources.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snakemake_executor_plugin_batchx.local.checks import check_bound
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.shapes import JsonObject

REPLENISHABLE = "REPLENISHABLE"
KIND = "consumable-resource"
MEMBER = "consumableResourceProperties"
OVERRIDE_MEMBER = "consumableResourcePropertiesOverride"


@dataclass
class Consumable:
    """One resource. Times are in milliseconds since 1970; ``in_use`` is what jobs hold."""

    name: str
    arn: str
    kind: str
    total: int
    created_at: int
    tags: dict[str, str]
    in_use: int = 0

    @property
    def available(self) -> int:
        """What jobs may still take; the total may have been lowered below what is in use."""
        return max(self.total - self.in_use, 0)

    def summarize(self) -> JsonObject:
        """The resource as ListConsumableResources returns it."""
        return {
            "consumableResourceName": self.name,
            "consumableResourceArn": self.arn,
            "totalQuantity": self.total,
            "inUseQuantity": self.in_use,
            "resourceType": self.kind,
        }

    def describe(self) -> JsonObject:
        """The resource as DescribeConsumableResource returns it."""
        return {
            **self.summarize(),
            "availableQuantity": self.available,
            "createdAt": self.created_at,
            "tags": dict(self.tags),
        }


@dataclass
class ConsumableStore:
    """All consumable resources of the account, by name, and what each job holds of them."""

    identity: Identity
    consumables: dict[str, Consumable] = field(default_factory=dict)
    held: dict[str, dict[str, int]] = field(default_factory=dict)

    def find(self, name_or_arn: str) -> Consumable:
        """The resource with this name or ARN.

        Raises:
            ClientError: there is none.
        """
        found = self.consumables.get(self.read_name(name_or_arn))
        if found is None:
            raise ClientError(f"Consumable resource {name_or_arn} does not exist")
        return found

    def read_name(self, name_or_arn: str) -> str:
        """The name of a resource that is given by name or ARN."""
        return self.identity.read_name(KIND, name_or_arn)

    def check(self, properties: JsonObject | None) -> None:
        """Checks ``consumableResourceProperties`` of a definition or a job.

        Raises:
            ClientError: a resource does not exist or stands twice, a quantity is not positive, or
                there are more than five.
        """
        needs = (properties or {}).get("consumableResourceList", [])
        check_bound("job_consumables", len(needs))
        seen = set()
        for need in needs:
            if "consumableResource" not in need:
                raise ClientError("A consumable resource requirement must name its resource")
            name = self.find(need["consumableResource"]).name
            if name in seen:
                raise ClientError(f"Consumable resource {name} is required more than once")
            seen.add(name)
            check_bound("consumable_need", need.get("quantity", 0))

    def merge_needs(self, definition: JsonObject, request: JsonObject) -> list[JsonObject]:
        """What a job requires: its definition's list with the submission's overrides.

        An override takes the place of the definition's requirement of the same resource: the
        documentation says that "you can update the quantity", and nothing of others.

        Raises:
            ClientError: as ``check``.
        """
        merged: dict[str, JsonObject] = {}
        for properties in (definition.get(MEMBER), request.get(OVERRIDE_MEMBER)):
            self.check(properties)
            for need in (properties or {}).get("consumableResourceList", []):
                merged[self.read_name(need["consumableResource"])] = need
        needs = list(merged.values())
        check_bound("job_consumables", len(needs))
        return needs

    def can_take(self, job_id: str, needs: list[JsonObject]) -> bool:
        """True if the job holds what it needs, or may take it now."""
        if not needs or job_id in self.held:
            return True
        for name, quantity in self._list_quantities(needs).items():
            consumable = self.consumables.get(name)
            if consumable is None or consumable.available < quantity:
                return False
        return True

    def take(self, job_id: str, needs: list[JsonObject]) -> None:
        """The job takes what it needs; nothing where it has it from an earlier attempt."""
        if not needs or job_id in self.held:
            return
        self.held[job_id] = self._list_quantities(needs)
        for name, quantity in self.held[job_id].items():
            consumable = self.consumables[name]
            if consumable.kind == REPLENISHABLE:
                consumable.in_use += quantity
            else:
                consumable.total -= quantity

    def give_back(self, job_id: str) -> None:
        """The job is over: what can be used again is free."""
        for name, quantity in self.held.pop(job_id, {}).items():
            consumable = self.consumables.get(name)
            if consumable is not None and consumable.kind == REPLENISHABLE:
                consumable.in_use -= quantity

    def is_held(self, name: str) -> bool:
        """True while a job holds some of a resource."""
        return any(name in quantities for quantities in self.held.values())

    def _list_quantities(self, needs: list[JsonObject]) -> dict[str, int]:
        return {self.read_name(need["consumableResource"]): need["quantity"] for need in needs}


def make_properties(needs: list[JsonObject]) -> Mapping[str, JsonObject]:
    """``consumableResourceProperties`` as DescribeJobs shows them; nothing without a need."""
    return {MEMBER: {"consumableResourceList": list(needs)}} if needs else {}
