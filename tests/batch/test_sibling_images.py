"""`container: "job-definition://…"`: found, taken over, or refused."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.batch.sibling_images import SiblingImages
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.image import ImageNeed, JobImage
from snakemake_executor_plugin_batchx.plan.resources import Template

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


LOGINS = (("quay.io", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:quay"),)
THEIR_NEED = ImageNeed("job-definition://theirs", "arm64", LOGINS)


class Images:
    def __init__(self) -> None:
        self.needs: list[ImageNeed] = []

    def provide(self, need: ImageNeed, label: str) -> JobImage:
        self.needs.append(need)
        return JobImage(f"derived/{need.container}", f"{need.container}@sha256:1")


class Reader:
    def __init__(self, found: dict[str, Any] | None) -> None:
        self.found, self.asked = found, list[str]()

    def describe_definition(self, name: str) -> dict[str, Any] | None:
        self.asked.append(name)
        return self.found


def test_an_image_is_passed_on() -> None:
    images, reader = Images(), Reader(None)
    need = ImageNeed("debian:12", "arm64", LOGINS)
    image = SiblingImages(images, reader).provide(need, "Rule a")
    assert image == JobImage("derived/debian:12", "debian:12@sha256:1")
    assert images.needs == [need]
    assert reader.asked == []


@pytest.mark.parametrize("name", ["theirs", "theirs:3", THEIRS["jobDefinitionArn"]])
def test_a_definition_is_taken_over_without_what_aws_fills_in(name: str) -> None:
    images, reader = Images(), Reader(THEIRS)
    need = replace(THEIR_NEED, container=f"job-definition://{name}")
    image = SiblingImages(images, reader).provide(need, "Rule a")
    assert reader.asked == [name]
    assert images.needs == [ImageNeed("me/tool:1", "arm64", LOGINS)]
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
    assert image.make_template() == Template(vcpus=1, memory_mib=512)


HELD = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:theirs"


def add_login(found: dict[str, Any]) -> dict[str, Any]:
    login = {"repositoryCredentials": {"credentialsParameter": HELD}}
    return {**found, "containerProperties": {**found["containerProperties"], **login}}


def test_the_definitions_login_reads_its_image_and_goes_no_further() -> None:
    images, found = Images(), add_login(THEIRS)
    image = SiblingImages(images, Reader(found)).provide(THEIR_NEED, "Rule a")
    assert images.needs == [ImageNeed("me/tool:1", "arm64", LOGINS, HELD)]
    # What is derived lies in ECR: with a login of another registry ECS could not read it.
    assert "repositoryCredentials" not in image.container
    assert image == SiblingImages(Images(), Reader(THEIRS)).provide(THEIR_NEED, "Rule a")
    assert found == add_login(THEIRS)


def test_the_login_that_a_rule_names_wins_over_the_definitions() -> None:
    images = Images()
    SiblingImages(images, Reader(add_login(THEIRS))).provide(THEIR_NEED, "Rule a")
    (need,) = images.needs
    assert need.find_secret("quay.io") == LOGINS[0][1]
    assert need.find_secret("ghcr.io") == HELD


def test_one_definitions_login_is_not_used_for_another() -> None:
    images, reader = Images(), Reader(add_login(THEIRS))
    siblings = SiblingImages(images, reader)
    siblings.provide(THEIR_NEED, "Rule a")
    reader.found = THEIRS
    siblings.provide(replace(THEIR_NEED, container="job-definition://other"), "Rule b")
    assert [need.secret for need in images.needs] == [HELD, None]


def test_a_run_sees_a_definition_as_it_was_at_first() -> None:
    images, reader = Images(), Reader(THEIRS)
    siblings = SiblingImages(images, reader)
    first = siblings.provide(THEIR_NEED, "Rule a")
    # Somebody registers a revision: half of an array must not run by it.
    reader.found = add_login(THEIRS)
    with ThreadPoolExecutor(4) as pool:
        again = pool.map(siblings.provide, [THEIR_NEED] * 20, ["Rule b"] * 20)
        assert set(map(repr, again)) == {repr(first)}
    assert reader.asked == ["theirs"]


def test_what_was_not_there_is_looked_for_again() -> None:
    reader = Reader(None)
    siblings = SiblingImages(Images(), reader)
    with pytest.raises(BatchxError, match="there is no active job definition theirs"):
        siblings.provide(THEIR_NEED, "Rule a")
    reader.found = THEIRS
    assert siblings.provide(THEIR_NEED, "Rule a").template


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
        SiblingImages(Images(), Reader(found)).provide(THEIR_NEED, "Rule a")
    assert str(caught.value).startswith(sentence)


def test_the_definitions_preload_wins_over_the_images() -> None:
    container = {
        **THEIRS["containerProperties"],
        "environment": [{"name": "LD_PRELOAD", "value": "/theirs.so"}],
    }
    reader = Reader({**THEIRS, "containerProperties": container})
    image = SiblingImages(Images(), reader).provide(THEIR_NEED, "Rule a")
    assert image.environment == {"LD_PRELOAD": ":", "BATCHX_IMAGE_LD_PRELOAD": "/theirs.so"}
