"""Which detached run a command means, and what cancel ends."""

import json
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from detached_orders import make_order
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.batch.gateway import BatchGateway
from snakemake_executor_plugin_batchx.cli.run_actions import run_cancel, run_list
from snakemake_executor_plugin_batchx.detached.notes import RunNote, write_note
from snakemake_executor_plugin_batchx.detached.order import End
from snakemake_executor_plugin_batchx.detached.record import begin_record
from snakemake_executor_plugin_batchx.detached.runs import NEW_SECONDS, find_run, read_runs
from snakemake_executor_plugin_batchx.detached.site import Site
from snakemake_executor_plugin_batchx.detached.state import State, pack_state
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.names import RUN_TAG
from snakemake_executor_plugin_batchx.spec import encode
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import S3Root

MINE, THEIRS, HALF = "20260101T000000-aaaaaa", "20260102T000000-bbbbbb", "20260103T000000-cccccc"

JOURNAL = b'{"v": 2, "event": "run", "queue": "q"}\n'

LEFT = {
    "jobId": "left",
    "jobName": "bx-left",
    "status": "RUNNING",
    "createdAt": 0,
    "tags": {RUN_TAG: "r"},
}


class Folders(MemoryStore):
    """A store that lists folders, and deletes."""

    def list_folders(self, prefix: str) -> list[str]:
        below = {key.removeprefix(prefix) for key in self.objects if key.startswith(prefix)}
        return sorted({key.partition("/")[0] for key in below if "/" in key})

    def delete_objects(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)


class OneJob:
    """A Batch that has one job, left by a run of the id r, until it is terminated."""

    def __init__(self) -> None:
        self.terminated: list[str] = []

    def find_jobs_by_name(self, _queue: str, name: str) -> list[dict[str, Any]]:
        return [] if self.terminated or name.startswith("bxrun-") else [LEFT]

    def describe_jobs(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        return [LEFT for each in job_ids if each == LEFT["jobId"]]

    def terminate_jobs(self, job_ids: Sequence[str], _reason: str) -> list[str]:
        self.terminated += job_ids
        return []


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Two runs, of which the folder we are in began the first, and one that was half sent."""
    monkeypatch.chdir(tmp_path)
    store = Folders()
    site = Site(
        cast(Any, None),
        cast(BatchGateway, OneJob()),
        cast(S3Gateway, store),
        S3Root("memory", "root/.batchx"),
    )
    for each in (MINE, THEIRS, HALF):
        place = site.get_place(each)
        begin_record(store, place.record_prefix, pack_state(State((), {"r.jsonl": JOURNAL}, {})))
        if each != HALF:
            site.write_json(place.order_key, encode(make_order(each)))
    return site


def note_mine(folder: Path) -> None:
    write_note(RunNote(MINE, "s3://memory/root", "eu-west-1", None, str(folder)), folder)


def test_without_an_id_the_latest_of_the_folder_is_meant(site: Site) -> None:
    assert find_run(site, None, [MINE]).detached_id == MINE
    assert find_run(site, None, []).detached_id == THEIRS
    assert find_run(site, "20260102", [MINE]).detached_id == THEIRS


def test_a_run_of_others_is_cancelled_by_its_id_alone(site: Site) -> None:
    with pytest.raises(BatchxError, match="No detached run was started in this folder"):
        run_cancel(site, Namespace(detached_id=None))


def test_cancel_ends_what_an_earlier_one_has_left(site: Site, tmp_path: Path) -> None:
    note_mine(tmp_path)
    end = End(1, 0.0, 1.0, ("r",), is_cancelled=True)
    site.write_json(site.get_place(MINE).end_key, encode(end))
    batch = cast(OneJob, site.batch)
    assert run_cancel(site, Namespace(detached_id=None)) == 0
    assert batch.terminated == ["left"]


def test_cancel_ends_nothing_of_a_run_that_succeeded(site: Site, tmp_path: Path) -> None:
    note_mine(tmp_path)
    site.write_json(site.get_place(MINE).end_key, encode(End(0, 0.0, 1.0, ("r",))))
    assert run_cancel(site, Namespace(detached_id=None)) == 0
    assert cast(OneJob, site.batch).terminated == []


def test_a_run_of_another_batchx_hides_no_other(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    key = site.get_place(THEIRS).order_key
    site.write_json(key, {**json.loads(site.store.read_bytes(key)), "version": 99})
    assert run_list(site, Namespace(all=True, json=False)) == 0
    printed = capsys.readouterr()
    assert MINE in printed.out
    assert f"Detached run {THEIRS} was started by batchx 1" in printed.err


@pytest.mark.parametrize(
    ("age_seconds", "is_over", "words"),
    [
        (1.0, False, "new: AWS Batch does not show its head yet"),
        (NEW_SECONDS + 1, True, "never submitted"),
    ],
)
def test_a_run_that_batch_does_not_show_yet_is_not_over(
    age_seconds: float, is_over: bool, words: str, site: Site
) -> None:
    (run,) = read_runs(site, [MINE], clock=lambda: age_seconds)
    assert (run.is_over, run.tell()) == (is_over, words)
