"""Snakemake's s3 storage plugin: its objects' own code, as Snakemake calls it in a job."""

import asyncio
import logging
from collections.abc import Callable

from snakemake_storage_plugin_s3 import StorageObject, StorageProvider, StorageProviderSettings

from staging_bench.worker import Order, run_worker


def prepare(order: Order) -> Callable[[], None]:
    """Return what moves all files with a provider that is open already."""
    provider = StorageProvider(
        local_prefix=order.folder,
        logger=logging.getLogger("plugin"),
        settings=StorageProviderSettings(endpoint_url=order.url),
    )
    objects = []
    for name in order.names:
        query = f"{order.prefix}/{name}"
        each = StorageObject(query, keep_local=True, retrieve=True, provider=provider)
        each.set_local_path(order.folder / name)
        objects.append(each)
    return lambda: asyncio.run(_move(objects, is_down=order.is_down))


async def _move(objects: list[StorageObject], *, is_down: bool) -> None:
    """Do as snakemake/dag.py, retrieve_storage_inputs and store_storage_outputs."""
    async with asyncio.TaskGroup() as group:
        for each in objects:
            group.create_task(each.managed_retrieve() if is_down else each.managed_store())


if __name__ == "__main__":
    run_worker(prepare)
