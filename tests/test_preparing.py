"""Which jobs may go together, and by what a later run knows them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from head_world import CONTEXT, DESCRIPTION, make_planner, make_ports

from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.plan.image import NO_IMAGE, JobImage
from snakemake_executor_plugin_batchx.preparing import Preparer, ReadyJob, list_surroundings

REQUEST = make_planner().plan(DESCRIPTION.wish, "queue", NO_IMAGE)


def make_template(user: str, **members: Any) -> dict[str, Any]:
    """A definition of the user's own."""
    return {"containerProperties": {"user": user}, **members}


def prepare(folder: Path, template: dict[str, Any] | None = None) -> ReadyJob:
    """Prepare a job whose image has a template; the image's name is the same always."""
    image = JobImage("image", "image", template=template or {})
    ports = make_ports(folder, None, images=SimpleNamespace(provide=lambda *_: image))
    return Preparer(CONTEXT, ports).prepare(TrackedJob("000001", DESCRIPTION))


@pytest.mark.parametrize("template", [None, make_template("me")])
def test_jobs_with_equal_definitions_of_the_users_may_go_together(
    tmp_path: Path, template: dict[str, Any] | None
) -> None:
    one, other = prepare(tmp_path, template), prepare(tmp_path, template and dict(template))
    assert one.array_key == other.array_key
    assert hash(one.array_key) == hash(other.array_key)
    assert one.job.fingerprint == other.job.fingerprint


@pytest.mark.parametrize(
    "other", [None, make_template("you"), make_template("me", retryStrategy={"attempts": 1})]
)
def test_jobs_with_different_ones_do_not_and_are_not_taken_for_each_other(
    tmp_path: Path, other: dict[str, Any] | None
) -> None:
    mine, theirs = prepare(tmp_path, make_template("me")), prepare(tmp_path, other)
    # All else is equal, so it is the definition that tells them apart.
    assert (mine.rule, mine.image.image, mine.request) == (
        *(theirs.rule, theirs.image.image, theirs.request),
    )
    assert mine.array_key != theirs.array_key
    assert mine.job.fingerprint != theirs.job.fingerprint


def test_a_definition_of_the_users_is_among_what_may_change_results() -> None:
    images = [JobImage("i", "i", template=make_template(user)) for user in ("me", "me", "you")]
    mine, equal, theirs = (list_surroundings(REQUEST, image) for image in images)
    assert mine == equal != theirs
    assert list_surroundings(REQUEST, NO_IMAGE) != mine
