"""`container: "job-definition://…"`: found, taken over, or refused."""

from typing import Any

import pytest

from snakemake_executor_plugin_batchx.batch.sibling_images import SiblingImages
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.image import JobImage

THEIRS: dict[str, Any] = {
    "type": "container",
    "jobDefinitionArn": "arn:aws:batch:eu-west-1:123456789012:job-definition/theirs:3",
    "jobDefinitionName": "theirs",
    "revision": 3,
    "status": "ACTIVE",
    "containerOrchestrationType": "ECS",
    "parameters": {},
    "tags": {"team": "7", "aws:cloudformation:stack-name": "ours"},
    "propagateTags": False,
    "containerProperties": {
        "image": "me/tool:1",
        "command": [],
        "volumes": [],
        "environment": [{"name": "A", "value": ""}],
        "memory": 512,
        "vcpus": 1,
    },
}


class Images:
    def provide(self, container: str, label: str) -> JobImage:
        return JobImage(f"derived/{container}", f"{container}@sha256:1")


class Reader:
    def __init__(self, found: dict[str, Any] | None) -> None:
        self.found, self.asked = found, list[str]()

    def describe_definition(self, name: str) -> dict[str, Any] | None:
        self.asked.append(name)
        return self.found


def test_an_image_is_passed_on() -> None:
    reader = Reader(None)
    image = SiblingImages(Images(), reader).provide("debian:12", "Rule a")
    assert image == JobImage("derived/debian:12", "debian:12@sha256:1")
    assert reader.asked == []


@pytest.mark.parametrize("name", ["theirs", "theirs:3", THEIRS["jobDefinitionArn"]])
def test_a_definition_is_taken_over_without_what_aws_fills_in(name: str) -> None:
    reader = Reader(THEIRS)
    image = SiblingImages(Images(), reader).provide(f"job-definition://{name}", "Rule a")
    assert reader.asked == [name]
    assert (image.image, image.base) == ("derived/me/tool:1", "me/tool:1@sha256:1")
    assert image.template == {
        "tags": {"team": "7"},
        "containerProperties": {
            "image": "me/tool:1",
            "environment": [{"name": "A", "value": ""}],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "512"},
            ],
        },
        "propagateTags": False,
    }
    assert image.find_memory_mib() == 512


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (None, "Rule a: there is no active job definition theirs in this region"),
        ({"type": "multinode"}, "Rule a: job definition theirs is not one of a single container"),
        ({"type": "container", "ecsProperties": {}}, "Rule a: job definition theirs is not one"),
    ],
)
def test_what_cannot_be_used_is_refused(found: dict[str, Any] | None, sentence: str) -> None:
    with pytest.raises(BatchxError) as caught:
        SiblingImages(Images(), Reader(found)).provide("job-definition://theirs", "Rule a")
    assert str(caught.value).startswith(sentence)


def test_the_definitions_preload_wins_over_the_images() -> None:
    container = {
        **THEIRS["containerProperties"],
        "environment": [{"name": "LD_PRELOAD", "value": "/theirs.so"}],
    }
    reader = Reader({**THEIRS, "containerProperties": container})
    image = SiblingImages(Images(), reader).provide("job-definition://theirs", "Rule a")
    assert image.environment == {"LD_PRELOAD": ":", "BATCHX_IMAGE_LD_PRELOAD": "/theirs.so"}
