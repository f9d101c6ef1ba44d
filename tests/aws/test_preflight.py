"""What is asked before the first submission, and how it is told."""

import json
from typing import Any

import pytest
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.aws.preflight import (
    list_consumable_problems,
    list_root_problems,
)
from snakemake_executor_plugin_batchx.errors import BatchxError


def test_a_root_that_can_be_written_is_no_problem() -> None:
    store = MemoryStore()
    assert list_root_problems(store, "runs/r/probe", {"run_id": "r"}) == []
    assert json.loads(store.objects["runs/r/probe"]) == {"run_id": "r"}


def test_a_root_that_cannot_be_written_is_told_in_a_sentence() -> None:
    class Closed:
        def write_bytes(self, key: str, data: bytes) -> None:
            raise BatchxError(f"S3 refuses {key}.")

    assert list_root_problems(Closed(), "probe", {}) == ["S3 refuses probe."]


class Describer:
    """Consumable resources by name, as DescribeConsumableResource has them."""

    def __init__(self, **quantities: dict[str, Any] | AwsError) -> None:
        self.quantities = quantities
        self.asked: list[str] = []

    def describe_consumable(self, name: str) -> dict[str, Any]:
        self.asked.append(name)
        found = self.quantities[name]
        if isinstance(found, AwsError):
            raise found
        return found


NOT_THERE = AwsError(
    "AWS Batch refuses batch:DescribeConsumableResource: no such thing.",
    "ClientException",
    is_transient=False,
)
NOT_ALLOWED = AwsError("AWS refuses it.", "AccessDeniedException", is_transient=False)


@pytest.mark.parametrize("quantity", [1, 5])
def test_what_is_there_is_no_problem(quantity: int) -> None:
    describer = Describer(licence={"totalQuantity": 5, "availableQuantity": 0})
    assert list_consumable_problems(describer, {("licence", quantity): "Rule a"}) == []


def test_a_consumable_that_does_not_exist_is_told() -> None:
    assert list_consumable_problems(Describer(licence=NOT_THERE), {("licence", 1): "Rule a"}) == [
        "Rule a: AWS Batch has no consumable resource licence: make it, or name another in "
        "batchx_consumables."
    ]


def test_more_than_there_will_ever_be_is_told() -> None:
    describer = Describer(licence={"totalQuantity": 5})
    assert list_consumable_problems(
        describer, {("licence", 6): "Rule a", ("licence", 5): "Rule b"}
    ) == [
        "Rule a: it holds 6 of consumable resource licence, which has 5 in all: ask for less in "
        "batchx_consumables, or raise its quantity."
    ]


@pytest.mark.parametrize(
    "trouble", [NOT_ALLOWED, AwsError("busy", "ServerException", is_transient=True)]
)
def test_who_may_not_ask_is_not_stopped_by_it(trouble: AwsError) -> None:
    assert list_consumable_problems(Describer(licence=trouble), {("licence", 1): "Rule a"}) == []


def test_all_problems_are_told() -> None:
    describer = Describer(a=NOT_THERE, b={"totalQuantity": 1}, c={})
    asked = {("b", 2): "Rule x", ("a", 1): "Rule y", ("c", 7): "Rule z"}
    told = list_consumable_problems(describer, asked)
    assert [sentence.split(",")[0].partition(": make")[0] for sentence in told] == [
        "Rule y: AWS Batch has no consumable resource a",
        "Rule x: it holds 2 of consumable resource b",
    ]
    assert describer.asked == ["a", "b", "c"]


def test_nothing_is_asked_where_no_job_holds_any() -> None:
    assert list_consumable_problems(Describer(), {}) == []
