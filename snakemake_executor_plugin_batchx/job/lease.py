"""One runner per spec: the S3 lease.

SubmitJob has no client token, so a call that timed out may have been accepted and made again. Of
two jobs with the same spec the first to create the lease object works; the other stops before it
touches anything. An attempt that Batch starts anew for the same job takes its lease over.
"""

import json
from typing import Protocol

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.spec import EXIT_LEASE_LOST


def make_lease_key(prefix: str) -> str:
    """Return the key of the lease of a job whose objects are below `prefix`."""
    return f"{prefix}/lease"


class LeaseStore(Protocol):
    """What a lease needs of the S3 gateway."""

    def create_bytes(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one; return whether it was written."""

    def read_bytes(self, key: str) -> bytes:
        """Return a whole object."""


class LeaseLostError(BatchxError):
    """Another job holds the lease."""

    exit_code = EXIT_LEASE_LOST


def take_lease(store: LeaseStore, key: str, job_id: str) -> None:
    """Take the lease for a Batch job. Raises LeaseLostError where another job has it."""
    holder = claim_lease(store, key, job_id)
    if holder != job_id:
        raise LeaseLostError(
            f"Batch job {holder} already does this work: {job_id} is a second submission of it and "
            "stops here."
        )


def claim_lease(store: LeaseStore, key: str, claimant: str) -> str:
    """Take a lease if it is free; return who has it now.

    A head claims the lease of a job that may or may not have been submitted: from then on that
    job, if there is one, will stop before it does anything.
    """
    if store.create_bytes(key, json.dumps({"job_id": claimant}).encode()):
        return claimant
    return read_holder(store, key)


def read_holder(store: LeaseStore, key: str) -> str:
    """Return the id of the Batch job that has a lease; raises StorageError where none has."""
    return str(json.loads(store.read_bytes(key))["job_id"])
