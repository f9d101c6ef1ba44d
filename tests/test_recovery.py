"""What a journal tells the next head of jobs that may be there still."""

import json
from pathlib import Path
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.journal import Journal
from snakemake_executor_plugin_batchx.recovery import (
    LeftJob,
    LeftJobs,
    Site,
    find_earlier_runs,
    find_open_journals,
    read_left_jobs,
)

SITE = Site("queue", "s3://bucket/.batchx", "https://batch.eu-west-1.amazonaws.com")


def write_journal(folder: Path, run: str, *events: dict[str, Any], queue: str = "queue") -> Path:
    path = folder / f"{run}.jsonl"
    with Journal(path, lambda: 0.0) as journal:
        journal.write("run", run_id=run, queue=queue, root=SITE.root, endpoint=SITE.endpoint)
        for event in events:
            journal.write(**event)
    return path


def make_item(submission: str, work: str, fingerprint: str = "f") -> dict[str, str]:
    return {
        "submission": submission,
        "work": work,
        "fingerprint": fingerprint,
        "prefix": f"runs/r/{submission}",
    }


def make_intent(*items: dict[str, str], **more: str) -> dict[str, Any]:
    first = items[0]["submission"]
    return {
        "event": "intent",
        "name": f"bx-{first}",
        "spec_key": f"spec-{first}",
        "jobs": items,
    } | more


def make_left(submission: str, work: str, batch_job_id: str | None, spec: str = "") -> LeftJob:
    spec = spec or submission
    prefix = f"runs/r/{submission}"
    return LeftJob("f", work, f"bx-{spec}", prefix, f"spec-{spec}", batch_job_id)


SUBMITTED = {"event": "submitted", "spec_key": "spec-1", "batch_job_id": "id"}
PAIR = make_intent(make_item("1", "w1"), make_item("2", "w2"))


@pytest.mark.parametrize(
    ("events", "left"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param(
            [make_intent(make_item("1", "w"))], [make_left("1", "w", None)], id="unanswered"
        ),
        pytest.param(
            [make_intent(make_item("1", "w")), SUBMITTED],
            [make_left("1", "w", "id")],
            id="submitted",
        ),
        pytest.param(
            [PAIR, SUBMITTED],
            [make_left("1", "w1", "id:0"), make_left("2", "w2", "id:1", "1")],
            id="array",
        ),
        pytest.param(
            [PAIR, SUBMITTED, {"event": "verdict", "submission": "1", "kind": "success"}],
            [make_left("1", "w1", "id:0"), make_left("2", "w2", "id:1", "1")],
            id="succeeded but not reported",
        ),
        pytest.param(
            [PAIR, SUBMITTED, {"event": "reported", "submission": "1"}],
            [make_left("2", "w2", "id:1", "1")],
            id="reported",
        ),
        pytest.param(
            [PAIR, SUBMITTED, {"event": "verdict", "submission": "2", "kind": "tool"}],
            [make_left("1", "w1", "id:0")],
            id="failed",
        ),
        pytest.param(
            [PAIR, SUBMITTED, {"event": "follows", "submission": "2", "batch_job_id": "twin:1"}],
            [make_left("1", "w1", "id:0"), make_left("2", "w2", "twin:1", "1")],
            id="its twin has the work",
        ),
        pytest.param(
            [
                make_intent(make_item("1", "w"), event="adopted", batch_job_id="old:7"),
                {"event": "state", "submission": "1", "status": "RUNNING"},
            ],
            [make_left("1", "w", "old:7")],
            id="taken up from a run before",
        ),
    ],
)
def test_what_is_left(tmp_path: Path, events: list[dict[str, Any]], left: list[LeftJob]) -> None:
    assert read_left_jobs([write_journal(tmp_path, "r", *events)]) == left


def test_a_later_run_tells_what_became_of_an_earlier_ones_job(tmp_path: Path) -> None:
    first = write_journal(tmp_path, "a", PAIR, SUBMITTED)
    adopted = make_intent(make_item("7", "w1"), event="adopted", batch_job_id="id:0")
    second = write_journal(tmp_path, "b", adopted, {"event": "reported", "submission": "7"})
    assert read_left_jobs([first, second]) == [make_left("2", "w2", "id:1", "1")]


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = write_journal(tmp_path, "r", make_intent(make_item("1", "w")), SUBMITTED)
    path.write_bytes(path.read_bytes()[:-20])
    assert read_left_jobs([path]) == [make_left("1", "w", None)]


def test_a_submission_without_its_intent_is_left_out(tmp_path: Path) -> None:
    torn = {"event": "follows", "submission": "9", "batch_job_id": "x"}
    assert read_left_jobs([write_journal(tmp_path, "r", SUBMITTED, torn)]) == []


def test_lines_of_another_schema_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(json.dumps({"v": 1, "event": "intent", "submission": "1"}) + "\n")
    assert read_left_jobs([path]) == []


def test_journals_of_living_heads_ended_runs_and_other_places_are_not_open(tmp_path: Path) -> None:
    write_journal(tmp_path, "ended", make_intent(make_item("1", "w")), {"event": "end"})
    write_journal(tmp_path, "elsewhere", queue="another")
    (tmp_path / "empty.jsonl").touch()
    killed = write_journal(tmp_path, "killed", make_intent(make_item("1", "w")))
    with Journal(tmp_path / "living.jsonl", lambda: 0.0) as living:
        living.write("run", queue=SITE.queue, root=SITE.root, endpoint=SITE.endpoint)
        assert find_open_journals(tmp_path, SITE) == [killed]
    assert find_open_journals(tmp_path, SITE) == [killed, living.path]


def test_a_run_that_took_up_everything_closes_the_earlier_ones(tmp_path: Path) -> None:
    write_journal(tmp_path, "killed", make_intent(make_item("1", "w")))
    earlier = find_earlier_runs(tmp_path, SITE)
    assert earlier.left.take("w") == make_left("1", "w", None)
    assert not earlier.left
    earlier.close("me", lambda: 0.0)
    assert find_earlier_runs(tmp_path, SITE).journals == ()


def test_each_left_job_is_given_out_once() -> None:
    left = LeftJobs([make_left("1", "w", "id")])
    assert len(left) == 1
    assert left.take("other") is None
    assert left.take("w") == make_left("1", "w", "id")
    assert left.take("w") is None
