"""Whether a file and an object have the same content, told without moving it."""

import hashlib
import re
from pathlib import Path

from snakemake_executor_plugin_batchx.storage.answers import read_facts
from snakemake_executor_plugin_batchx.storage.checksums import (
    AwsChecksums,
    Span,
    compute_crc64,
    encode_crc64,
    read_crc64,
)
from snakemake_executor_plugin_batchx.storage.disk import Disk
from snakemake_executor_plugin_batchx.storage.route import Bucket
from snakemake_executor_plugin_batchx.storage.verifying import hash_file
from snakemake_executor_plugin_batchx.storage.wire import Wire

PLAIN_ENCRYPTION = {None, "AES256"}
"""Encryption under which the ETag of what was sent whole is its MD5
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html)."""


async def has_content(wire: Wire, bucket: Bucket, key: str, path: Path) -> bool:
    """Tell whether an object has the content of a file, by its checksum or MD5.

    Without either of them: no. Raises StorageError or OSError.
    """
    params = {"ChecksumMode": "ENABLED"} if isinstance(bucket.checksums, AwsChecksums) else {}
    head = await wire.request(bucket, "HeadObject", key, params)
    facts = read_facts(key, head.headers)
    if path.stat().st_size != facts.size:
        return False
    crc64 = read_crc64(head.headers)
    if crc64 is not None:
        return crc64 == encode_crc64(await _compute_crc64(wire.disk, path))
    is_md5 = re.fullmatch(r'"[0-9a-f]{32}"', facts.etag) is not None
    if not is_md5 or head.headers.get("x-amz-server-side-encryption") not in PLAIN_ENCRYPTION:
        return False
    digest = hashlib.md5(usedforsecurity=False)
    return facts.etag == f'"{await hash_file(wire.disk, path, digest)}"'


async def _compute_crc64(disk: Disk, path: Path) -> int:
    with path.open("rb") as file:
        return await disk.run_long(compute_crc64, Span(file.fileno(), 0, path.stat().st_size))
