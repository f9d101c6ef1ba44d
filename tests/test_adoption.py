"""Which jobs of an earlier run are taken up, and what keeps the others from working."""

import json

import pytest
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.adoption import Adoption, decide_adoption
from snakemake_executor_plugin_batchx.job.lease import LeaseLostError, take_lease
from snakemake_executor_plugin_batchx.recovery import LeftJob
from snakemake_executor_plugin_batchx.spec import StorageFile
from snakemake_executor_plugin_batchx.storage.refusals import StorageError

LEASE = "runs/old/000001/lease"


def make_left(batch_job_id: str | None) -> LeftJob:
    return LeftJob("same", "w", "bx-name", "runs/old/000001", "spec", batch_job_id)


def make_store(holder: str | None = None) -> MemoryStore:
    store = MemoryStore()
    if holder:
        take_lease(store, LEASE, holder)
    return store


def make_file(*, is_output: bool = False) -> StorageFile:
    return StorageFile(
        query="s3://data/reads.fq",
        provider="s3",
        is_default=True,
        is_fetched=True,
        is_output=is_output,
        was_dir=False,
    )


def decide(store: MemoryStore, left: LeftJob, fingerprint: str, *files: StorageFile) -> Adoption:
    return decide_adoption(store, left, fingerprint, files, "new")


@pytest.mark.parametrize(
    ("batch_job_id", "holder", "fingerprint", "adoption", "is_revoked"),
    [
        pytest.param("id", None, "same", Adoption(adopted_id="id"), False, id="queued"),
        pytest.param("id", "id", "same", Adoption(adopted_id="id"), False, id="running"),
        pytest.param(None, None, "same", Adoption(), True, id="nobody knows, nobody works"),
        pytest.param(None, "it", "same", Adoption(adopted_id="it"), False, id="unheard, works"),
        pytest.param("id", None, "other", Adoption(obsolete_id="id"), True, id="changed, queued"),
        pytest.param("id", "id", "other", Adoption(obsolete_id="id"), False, id="changed, works"),
        pytest.param(
            "id", "twin", "other", Adoption(obsolete_id="twin"), False, id="changed, twin works"
        ),
        pytest.param(None, "it", "other", Adoption(obsolete_id="it"), False, id="changed, unheard"),
        pytest.param(
            None, "head of run x", "same", Adoption(), False, id="claimed by a head before"
        ),
    ],
)
def test_decisions(
    batch_job_id: str | None,
    holder: str | None,
    fingerprint: str,
    adoption: Adoption,
    is_revoked: bool,
) -> None:
    store = make_store(holder)
    assert decide(store, make_left(batch_job_id), fingerprint) == adoption
    if is_revoked:
        with pytest.raises(LeaseLostError):
            take_lease(store, LEASE, "late")
    elif holder is None:
        take_lease(store, LEASE, "late")


@pytest.mark.parametrize(
    ("began", "written", "is_adopted"),
    [(100.0, 99.0, True), (100.0, 100.0, True), (100.0, 101.0, False), (None, 500.0, True)],
)
def test_an_input_in_s3_that_changed_since_the_job_began(
    began: float | None, written: float, is_adopted: bool
) -> None:
    store = make_store()
    if began is not None:
        take_lease(store, LEASE, "id")
        store.times[LEASE] = began
    store.times["data/reads.fq"] = written
    found = decide(store, make_left("id"), "same", make_file())
    assert found == (Adoption(adopted_id="id") if is_adopted else Adoption(obsolete_id="id"))


def test_an_update_output_is_newer_when_the_job_has_finished() -> None:
    store = make_store("id")
    store.times |= {LEASE: 100.0, "data/reads.fq": 200.0}
    assert decide(store, make_left("id"), "same", make_file(is_output=True)).adopted_id == "id"


def test_an_input_that_cannot_be_asked_for_counts_as_changed() -> None:
    class Elsewhere(MemoryStore):
        def find_modified(self, key: str, bucket: str | None = None) -> float | None:
            if bucket:
                raise StorageError("no such bucket", "NoSuchBucket")
            return super().find_modified(key)

    store = Elsewhere()
    store.objects[LEASE] = json.dumps({"job_id": "id"}).encode()
    store.times[LEASE] = 100.0
    assert decide(store, make_left("id"), "same", make_file()) == Adoption(obsolete_id="id")
