"""Definitions are made once, whoever asks and however often."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from snakemake_executor_plugin_batchx.batch.definitions import Definitions
from snakemake_executor_plugin_batchx.plan.definition import DefinitionSettings
from snakemake_executor_plugin_batchx.plan.image import JobImage

TOOL = JobImage("tool:1", "tool:1")
OTHER = JobImage("tool:2", "tool:2")


class Registry:
    def __init__(self) -> None:
        self.arns: dict[str, str] = {}
        self.looked_up: list[str] = []
        self.lock = threading.Lock()

    def find_definition(self, name: str) -> str | None:
        with self.lock:
            self.looked_up.append(name)
            return self.arns.get(name)

    def register_definition(self, request: dict[str, Any]) -> str:
        with self.lock:
            name = request["jobDefinitionName"]
            self.arns[name] = f"arn:{name}:1"
            return self.arns[name]


def test_many_threads_register_one() -> None:
    registry = Registry()
    definitions = Definitions(registry, DefinitionSettings())
    with ThreadPoolExecutor(8) as pool:
        arns = set(pool.map(lambda _: definitions.provide("align", TOOL), range(100)))
    assert arns == set(registry.arns.values())
    assert (len(registry.arns), len(registry.looked_up)) == (1, 1)
    assert definitions.registered_count == 1


def test_a_later_run_finds_what_is_there() -> None:
    registry = Registry()
    first = Definitions(registry, DefinitionSettings()).provide("align", TOOL)
    later = Definitions(registry, DefinitionSettings())
    assert later.provide("align", TOOL) == first
    assert later.registered_count == 0


def test_another_image_role_or_tag_is_another_definition() -> None:
    registry = Registry()
    settings = [
        DefinitionSettings(),
        DefinitionSettings(job_role="arn:aws:iam::123456789012:role/a"),
        DefinitionSettings(log_group="mine"),
        DefinitionSettings(tags={"a": "b"}),
    ]
    arns = {Definitions(registry, each).provide("align", TOOL) for each in settings}
    arns.add(Definitions(registry, settings[0]).provide("align", OTHER))
    arns.add(Definitions(registry, settings[0]).provide("sort", TOOL))
    assert len(arns) == 6
