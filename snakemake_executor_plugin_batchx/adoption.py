"""Taking up the jobs that an earlier head left, or making sure that they never work."""

from dataclasses import dataclass
from typing import Protocol

from snakemake_executor_plugin_batchx.job.lease import LeaseStore, claim_lease, make_lease_key
from snakemake_executor_plugin_batchx.recovery import LeftJob
from snakemake_executor_plugin_batchx.spec import StorageFile
from snakemake_executor_plugin_batchx.storage.layout import parse_s3_url
from snakemake_executor_plugin_batchx.storage.refusals import StorageError

HEAD_CLAIM = "head of run "
"""How the owner of a lease begins that is no Batch job but a head (job/lease.py)."""


class AgedStore(LeaseStore, Protocol):
    """What adoption needs of the S3 gateway."""

    def find_modified(self, key: str, bucket: str | None = None) -> float | None:
        """Return when an object was written, seconds since 1970; None where there is none."""


@dataclass(frozen=True)
class Adoption:
    """What becomes of a job that was left: the Batch job that is taken up, or to be ended."""

    adopted_id: str | None = None
    obsolete_id: str | None = None


def claim_for_head(store: LeaseStore, lease_key: str, run_id: str) -> str | None:
    """Take a job's lease for this run's head; return the Batch job that works under it, if any."""
    holder = claim_lease(store, lease_key, HEAD_CLAIM + run_id)
    return None if holder.startswith(HEAD_CLAIM) else holder


def decide_adoption(
    store: AgedStore,
    left: LeftJob,
    fingerprint: str,
    storage_files: tuple[StorageFile, ...],
    run_id: str,
) -> Adoption:
    """Decide on a job that was left of the same work as one of this run.

    It is taken up if nothing that decides its result has changed since. Otherwise, and where
    nobody knows whether it was submitted at all, this head claims its lease, so that it does no
    work from now on. Raises StorageError where S3 cannot be asked.
    """
    lease_key = make_lease_key(left.prefix)
    is_same = left.fingerprint == fingerprint
    if is_same and left.batch_job_id and not has_newer_input(store, lease_key, storage_files):
        return Adoption(adopted_id=left.batch_job_id)
    working_id = claim_for_head(store, lease_key, run_id)
    if is_same and working_id and not has_newer_input(store, lease_key, storage_files):
        return Adoption(adopted_id=working_id)
    return Adoption(obsolete_id=working_id or left.batch_job_id)


def has_newer_input(
    store: AgedStore, lease_key: str, storage_files: tuple[StorageFile, ...]
) -> bool:
    """Tell whether an object that a job reads was written after the job began, by S3's clock.

    A job reads when it has its lease; one without will read what is there now. Files of this
    machine need no such look: their content is part of the fingerprint.
    """
    inputs = [file for file in storage_files if file.is_fetched and not file.is_output]
    began = store.find_modified(lease_key) if inputs else None
    if began is None:
        return False
    for file in inputs:
        bucket, key = parse_s3_url(file.query)
        try:
            written = store.find_modified(key, bucket)
        except StorageError:  # of an S3 that is not ours to ask: nobody knows
            return True
        if written is not None and written > began:
            return True
    return False
