"""Whether a file and an object have the same content, told without moving it."""

from pathlib import Path

from snakemake_executor_plugin_batchx.storage.answers import read_facts
from snakemake_executor_plugin_batchx.storage.checksums import read_kept
from snakemake_executor_plugin_batchx.storage.route import Bucket
from snakemake_executor_plugin_batchx.storage.verifying import digest_file
from snakemake_executor_plugin_batchx.storage.wanted import list_read_params
from snakemake_executor_plugin_batchx.storage.wire import Wire


async def has_content(wire: Wire, bucket: Bucket, key: str, path: Path) -> bool:
    """Tell whether an object has the content of a file, by the checksum or MD5 that S3 keeps.

    Without either of them: no. Raises StorageError or OSError.
    """
    params = list_read_params(bucket, None)
    head = await wire.request(bucket, "HeadObject", key, params)
    if path.stat().st_size != read_facts(key, head.headers).size:
        return False
    kept = read_kept(head.headers)
    if kept is None:
        return False
    return await digest_file(wire.disk, path, kept.make_digest()) == kept.value
