"""The lease: of two jobs with one spec, one works."""

import pytest
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.job.lease import LeaseLostError, take_lease
from snakemake_executor_plugin_batchx.spec import EXIT_LEASE_LOST

KEY = "runs/r/000001/lease"


def test_the_first_job_takes_the_lease_with_one_request() -> None:
    store = MemoryStore()
    take_lease(store, KEY, "job-1")
    assert dict(store.calls) == {"PutObject": 1}
    assert list(store.objects) == [KEY]


def test_a_new_attempt_of_the_same_job_takes_it_over() -> None:
    store = MemoryStore()
    take_lease(store, KEY, "job-1:7")
    take_lease(store, KEY, "job-1:7")
    with pytest.raises(LeaseLostError):
        take_lease(store, KEY, "job-1:8")


def test_another_job_stops_and_says_who_works() -> None:
    store = MemoryStore()
    take_lease(store, KEY, "job-1")
    before = dict(store.objects)
    with pytest.raises(LeaseLostError) as caught:
        take_lease(store, KEY, "job-2")
    assert str(caught.value) == (
        "Batch job job-1 already does this work: job-2 is a second submission of it and stops here."
    )
    assert caught.value.exit_code == EXIT_LEASE_LOST == 113
    assert store.objects == before


def test_leases_of_other_specs_are_free() -> None:
    store = MemoryStore()
    take_lease(store, KEY, "job-1")
    take_lease(store, KEY + "2", "job-2")
    assert len(store.objects) == 2
