"""Specs that hold secrets: gone when no job needs them, and not before."""

from collections.abc import Sequence

import pytest
from head_world import DESCRIPTION

from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.specs_kept import KeptSpecs
from snakemake_executor_plugin_batchx.storage.refusals import StorageError


class Store:
    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.deleted: list[str] = []

    def delete_objects(self, keys: Sequence[str]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise StorageError("no", "SlowDown")
        self.deleted += keys


def make_job(submission: str, *, is_adopted: bool = False) -> TrackedJob:
    return TrackedJob(submission, DESCRIPTION, spec_key="spec", is_adopted=is_adopted)


def test_the_last_job_of_an_array_takes_its_spec_along() -> None:
    store = Store()
    specs = KeptSpecs(store, has_secrets=True)
    jobs = [make_job("1"), make_job("2")]
    specs.note("spec", jobs)
    specs.release(jobs[0])
    specs.delete_unneeded()
    assert store.deleted == []
    specs.release(jobs[1])
    specs.delete_unneeded()
    assert store.deleted == ["spec"]


@pytest.mark.parametrize(("is_secret", "deleted"), [(True, ["spec"]), (False, [])])
def test_of_a_run_without_secrets_the_specs_go_that_hold_one_by_themselves(
    is_secret: bool, deleted: list[str]
) -> None:
    store = Store()
    specs = KeptSpecs(store, has_secrets=False)
    jobs = [make_job("1"), make_job("2")]
    specs.note("spec", jobs, is_secret=is_secret)
    specs.release(jobs[0])
    assert not specs.has_unneeded
    specs.release(jobs[1])
    specs.delete_unneeded()
    assert store.deleted == deleted


def test_an_array_of_an_earlier_run_keeps_its_spec_for_children_not_yet_taken_up() -> None:
    store = Store()
    specs = KeptSpecs(store, has_secrets=True)
    job = make_job("1", is_adopted=True)
    specs.note("spec", [job])
    specs.release(job)
    specs.delete_unneeded()
    assert store.deleted == []


@pytest.mark.parametrize(("kept", "deleted"), [(set(), ["spec"]), ({"spec"}, [])])
def test_at_the_end_only_what_jobs_need_that_go_on_stays(
    kept: set[str], deleted: list[str]
) -> None:
    store = Store()
    specs = KeptSpecs(store, has_secrets=True)
    specs.note("spec", [make_job("1", is_adopted=True)])
    specs.release_all(kept)
    specs.delete_unneeded()
    assert store.deleted == deleted


def test_what_could_not_go_is_tried_again_at_the_end() -> None:
    store = Store(refusals=1)
    specs = KeptSpecs(store, has_secrets=True)
    specs.note("spec", [make_job("1")])
    specs.release(make_job("1"))
    with pytest.raises(StorageError):
        specs.delete_unneeded()
    assert not specs.has_unneeded
    specs.release_all(set())
    specs.delete_unneeded()
    assert store.deleted == ["spec"]
