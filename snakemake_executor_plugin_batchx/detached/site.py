"""The AWS of a detached run, as commands on the user's machine reach it."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.aws.session import AwsSession, open_session
from snakemake_executor_plugin_batchx.batch.gateway import BatchGateway
from snakemake_executor_plugin_batchx.detached.order import Place
from snakemake_executor_plugin_batchx.settings import ExecutorSettings
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import S3Root, make_s3_root

Say = Callable[[str], None]


@dataclass(frozen=True)
class Site:
    """Batch, and the S3 root with its bucket."""

    session: AwsSession
    batch: BatchGateway
    store: S3Gateway
    root: S3Root

    def get_place(self, detached_id: str) -> Place:
        """Return where a detached run's things are."""
        return Place(self.root.get_detached_prefix(detached_id))

    def read_json(self, key: str) -> Any:
        """Return what an object holds, None where there is none. Raises StorageError."""
        if not self.store.has_object(key):
            return None
        return json.loads(self.store.read_bytes(key))

    def write_json(self, key: str, value: Any) -> None:
        """Write an object. Raises StorageError."""
        self.store.write_bytes(key, json.dumps(value).encode())

    def list_ids(self) -> list[str]:
        """Return the ids of all detached runs, in order. Raises StorageError."""
        return self.store.list_folders(f"{self.root.get_detached_prefix()}/")


def open_site(
    settings: ExecutorSettings, s3_root: str, make_batch: Callable[[AwsSession], BatchGateway]
) -> Site:
    """Open AWS as settings say. Raises BatchxError without credentials or region."""
    with ExitStack() as stack:
        session = open_session(settings, stack)
    root = make_s3_root(s3_root)
    store = S3Gateway(
        session.s3_client,
        root.bucket,
        credentials=session.credentials,
        ca_bundle=session.ca_bundle,
        options=session.s3_options.for_own_objects,
    )
    return Site(session, make_batch(session), store, root)
