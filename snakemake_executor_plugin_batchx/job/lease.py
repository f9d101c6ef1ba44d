"""One runner per spec: the S3 lease.

SubmitJob has no client token, so a call that timed out may have been accepted and made again. Of
two jobs with the same spec the first to create the lease object works; the other stops before it
touches anything. An attempt that Batch starts anew for the same job takes its lease over.
"""

import json
from typing import Protocol

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.spec import EXIT_LEASE_LOST


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
    if store.create_bytes(key, json.dumps({"job_id": job_id}).encode()):
        return
    holder = json.loads(store.read_bytes(key))["job_id"]
    if holder != job_id:
        raise LeaseLostError(
            f"Batch job {holder} already does this work: {job_id} is a second submission of it and "
            "stops here."
        )
