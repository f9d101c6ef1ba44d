"""What must hold before the first job is submitted, asked once a run and told all together."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.errors import BatchxError


class ProbeStore(Protocol):
    """What the check needs of the S3 gateway."""

    def write_bytes(self, key: str, data: bytes) -> None:
        """Write an object."""


class ConsumableDescriber(Protocol):
    """What the check needs of the Batch gateway."""

    def describe_consumable(self, name: str) -> dict[str, Any]:
        """Return a consumable resource by name or ARN; raises AwsError where there is none."""


def list_root_problems(store: ProbeStore, key: str, note: dict[str, str]) -> list[str]:
    """Return a sentence where the S3 root cannot be written; leaves `note` at `key`."""
    try:
        store.write_bytes(key, json.dumps(note).encode())
    except BatchxError as error:
        return [str(error)]
    return []


def list_consumable_problems(
    describer: ConsumableDescriber, consumables: Mapping[tuple[str, int], str]
) -> list[str]:
    """Return a sentence for each consumable resource that is not there, or never holds so much.

    `consumables` are names with quantities, each with the label of a job that holds so much.
    Who may not ask finds out when the definition is registered.
    https://docs.aws.amazon.com/batch/latest/APIReference/API_DescribeConsumableResource.html
    """
    problems = []
    for (name, quantity), label in sorted(consumables.items()):
        try:
            found = describer.describe_consumable(name)
        except AwsError as error:
            if error.code == "ClientException":
                problems.append(
                    f"{label}: AWS Batch has no consumable resource {name}: make it, or name "
                    "another in batchx_consumables."
                )
            continue
        total = found.get("totalQuantity")
        if total is not None and quantity > total:
            problems.append(
                f"{label}: it holds {quantity} of consumable resource {name}, which has {total} in "
                "all: ask for less in batchx_consumables, or raise its quantity."
            )
    return problems
