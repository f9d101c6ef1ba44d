"""Objects copied by S3 itself, between keys and buckets."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.storage.parts import (
    COPY_PART_BYTES,
    COPY_WHOLE_BYTES,
    Part,
    choose_part_bytes,
    iter_parts,
)
from snakemake_executor_plugin_batchx.storage.route import Bucket
from snakemake_executor_plugin_batchx.storage.uploads import complete_upload, open_upload
from snakemake_executor_plugin_batchx.storage.wanted import OnBytes
from snakemake_executor_plugin_batchx.storage.wire import Wire, call_in_daemon

KEPT_WITH_COPIES = (
    *("Metadata", "ContentType", "ContentEncoding", "ContentLanguage"),
    *("ContentDisposition", "CacheControl"),
)


@dataclass(frozen=True)
class Copy:
    """An object and the key that it is copied to; one that was replaced meanwhile is refused."""

    source_bucket: str
    source_key: str
    size: int
    etag: str
    key: str


async def copy(wire: Wire, bucket: Bucket, wanted: Copy, on_bytes: OnBytes | None = None) -> None:
    """Copy an object to a key of `bucket`; no byte of it comes here. Raises StorageError."""
    source: dict[str, Any] = {
        "CopySource": {"Bucket": wanted.source_bucket, "Key": wanted.source_key},
        **({"CopySourceIfMatch": wanted.etag} if wanted.etag else {}),
    }
    if wanted.size > COPY_WHOLE_BYTES:
        async with wire.large_room:
            await _copy_parts(wire, bucket, wanted, source, on_bytes)
        return
    async with wire.take(0):
        await wire.request(bucket, "CopyObject", wanted.key, source)
    if on_bytes is not None:
        on_bytes(wanted.size)


async def _copy_parts(
    wire: Wire,
    bucket: Bucket,
    wanted: Copy,
    source: Mapping[str, Any],
    on_bytes: OnBytes | None,
) -> None:
    etags: dict[int, str] = {}
    kept = await call_in_daemon(functools.partial(_read_kept, bucket, wanted))

    async with open_upload(wire, bucket, wanted.key, kept) as upload_id:

        async def send(part: Part) -> None:
            where = {"UploadId": upload_id, "PartNumber": part.number}
            span = {"CopySourceRange": part.http_range}
            params = {**source, **where, **span}
            answer = await wire.request(bucket, "UploadPartCopy", wanted.key, params)
            etags[part.number] = answer.fields["CopyPartResult"]["ETag"]
            if on_bytes is not None:
                on_bytes(part.size)

        parts = list(iter_parts(wanted.size, choose_part_bytes(wanted.size, COPY_PART_BYTES)))
        await wire.run_parts(parts, send, memory_bytes=0)
        listed = [(part.number, etags[part.number]) for part in parts]
        await complete_upload(wire, bucket, wanted.key, upload_id, listed, {})


def _read_kept(bucket: Bucket, wanted: Copy) -> dict[str, Any]:
    """Return what CopyObject would keep of the source, as parameters of CreateMultipartUpload."""
    there = {"Bucket": wanted.source_bucket}
    head = bucket.perform("HeadObject", wanted.source_key, there)
    return {name: head.fields[name] for name in KEPT_WITH_COPIES if head.fields.get(name)}
