"""Definitions are made once, whoever asks and however often."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from snakemake_executor_plugin_batchx.batch.definitions import Definitions
from snakemake_executor_plugin_batchx.plan.definition import DefinitionSettings
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.job_options import JobOptions
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import JobRequest
from snakemake_executor_plugin_batchx.plan.resources import BatchResources

TOOL = JobImage("tool:1", "tool:1")
OTHER = JobImage("tool:2", "tool:2")


def make_request(**options: Any) -> JobRequest:
    return JobRequest(Platform("queue"), BatchResources(1, 1024), JobOptions(**options))


REQUEST = make_request()


class Registry:
    def __init__(self) -> None:
        self.arns: dict[str, str] = {}
        self.looked_up: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.lock = threading.Lock()

    def find_definition(self, name: str) -> str | None:
        with self.lock:
            self.looked_up.append(name)
            return self.arns.get(name)

    def register_definition(self, request: dict[str, Any]) -> str:
        with self.lock:
            name = request["jobDefinitionName"]
            self.requests.append(request)
            self.arns[name] = f"arn:{name}:{len(self.requests)}"
            return self.arns[name]


def test_many_threads_register_one() -> None:
    registry = Registry()
    definitions = Definitions(registry, DefinitionSettings())
    with ThreadPoolExecutor(8) as pool:
        arns = set(pool.map(lambda _: definitions.provide("align", TOOL, REQUEST), range(100)))
    assert arns == set(registry.arns.values())
    assert (len(registry.arns), len(registry.looked_up)) == (1, 1)
    assert definitions.registered_count == 1


def test_a_later_run_finds_what_is_there() -> None:
    registry = Registry()
    first = Definitions(registry, DefinitionSettings()).provide("align", TOOL, REQUEST)
    later = Definitions(registry, DefinitionSettings())
    assert later.provide("align", TOOL, REQUEST) == first
    assert later.registered_count == 0


def test_another_image_role_or_tag_is_another_definition() -> None:
    registry = Registry()
    plain = DefinitionSettings()
    requests = [
        REQUEST,
        make_request(job_role="arn:aws:iam::123456789012:role/a"),
        make_request(log_group="mine"),
    ]
    arns = {Definitions(registry, plain).provide("align", TOOL, each) for each in requests}
    tagged = DefinitionSettings(tags={"a": "b"})
    arns.add(Definitions(registry, tagged).provide("align", TOOL, REQUEST))
    arns.add(Definitions(registry, plain).provide("align", OTHER, REQUEST))
    arns.add(Definitions(registry, plain).provide("sort", TOOL, REQUEST))
    arns.add(Definitions(registry, plain).provide("align", TOOL, REQUEST, "/mnt/cache"))
    assert len(arns) == 7
    assert len(registry.requests) == 7


def test_a_definition_says_when_it_was_registered_and_its_name_does_not() -> None:
    registry = Registry()
    Definitions(registry, DefinitionSettings(), lambda: 0.0).provide("align", TOOL, REQUEST)
    (first,) = registry.requests
    assert first["tags"] == {"batchx:rule": "align", "batchx:registered": "19700101T000000"}
    registry.arns.clear()
    Definitions(registry, DefinitionSettings(), lambda: 1e9).provide("align", TOOL, REQUEST)
    second = registry.requests[1]
    assert second["tags"]["batchx:registered"] == "20010909T014640"
    assert second["jobDefinitionName"] == first["jobDefinitionName"]


def test_one_that_batch_has_no_more_is_registered_again() -> None:
    registry = Registry()
    definitions = Definitions(registry, DefinitionSettings())
    gone = definitions.provide("align", TOOL, REQUEST)
    kept = definitions.provide("sort", TOOL, REQUEST)
    registry.arns = {name: arn for name, arn in registry.arns.items() if arn != gone}
    assert definitions.provide("align", TOOL, REQUEST) == gone
    definitions.forget(gone)
    again = definitions.provide("align", TOOL, REQUEST)
    assert again not in (gone, kept)
    assert definitions.registered_count == 3
    looked_up = len(registry.looked_up)
    assert definitions.provide("sort", TOOL, REQUEST) == kept
    assert definitions.provide("align", TOOL, REQUEST) == again
    assert len(registry.looked_up) == looked_up


def test_one_that_another_head_registered_again_is_found() -> None:
    registry = Registry()
    definitions = Definitions(registry, DefinitionSettings())
    gone = definitions.provide("align", TOOL, REQUEST)
    (name,) = registry.arns
    registry.arns[name] = "arn:theirs"
    definitions.forget(gone)
    assert definitions.provide("align", TOOL, REQUEST) == "arn:theirs"
    assert definitions.registered_count == 1


def test_what_is_not_known_can_be_forgotten() -> None:
    registry = Registry()
    definitions = Definitions(registry, DefinitionSettings())
    kept = definitions.provide("align", TOOL, REQUEST)
    definitions.forget("arn:another")
    assert definitions.provide("align", TOOL, REQUEST) == kept
    assert len(registry.looked_up) == 1
