"""One file from disk to its object in S3."""

import asyncio
import contextlib
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.answers import (
    MODE_METADATA,
)
from snakemake_executor_plugin_batchx.storage.checksums import CRC64_HEADER, Span, Told
from snakemake_executor_plugin_batchx.storage.parts import (
    SEND_PART_BYTES,
    Part,
    choose_part_bytes,
    iter_parts,
)
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.route import Bucket
from snakemake_executor_plugin_batchx.storage.wanted import OnBytes
from snakemake_executor_plugin_batchx.storage.wire import Wire

ABORT_SECONDS = 10.0

WHOLE_BYTES = 1024 * 1024
"""Up to this size a file is read into memory; beyond, its bytes are read as they go."""


@dataclass(frozen=True)
class Upload:
    """A file and the key that it is sent to; `mode` (permission bits) is kept with the object."""

    path: Path
    key: str
    mode: int | None = None


async def upload(
    wire: Wire, bucket: Bucket, wanted: Upload, on_bytes: OnBytes | None = None
) -> int:
    """Send a file; return its size in bytes. S3 verifies a checksum of each request.

    Raises StorageError where S3 refuses, OSError where the file cannot be read, BatchxError where
    it changed meanwhile.
    """
    size = (await wire.disk.run(os.stat, wanted.path)).st_size
    if size > SEND_PART_BYTES:
        async with wire.large_room:
            return await _upload_large(wire, bucket, wanted, on_bytes)
    async with wire.take(size):
        if size > WHOLE_BYTES:
            await _send_span(wire, bucket, wanted, size)
        else:
            data = await wire.disk.run(wanted.path.read_bytes)
            await send_bytes(wire, bucket, wanted, data)
            size = len(data)
    if on_bytes is not None:
        on_bytes(size)
    return size


async def _send_span(wire: Wire, bucket: Bucket, wanted: Upload, size: int) -> None:
    """Send a file with one request, without a copy of it here."""
    with open_checked(wanted.path) as descriptor:
        span = Span(descriptor, 0, size)
        told = await wire.disk.run_long(bucket.checksums.tell, span)
        params = {**_list_metadata(wanted), **told.params}
        await wire.request(bucket, "PutObject", wanted.key, params, span)


@contextlib.contextmanager
def open_checked(path: Path) -> Iterator[int]:
    """Yield the descriptor of a file. Raises BatchxError where the file has changed meanwhile."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        before = _read_state(descriptor)
        try:
            yield descriptor
        except (OSError, StorageError) as error:
            if _read_state(descriptor) != before:
                raise tell_change(path) from error
            raise
        if _read_state(descriptor) != before:
            raise tell_change(path)
    finally:
        os.close(descriptor)


def _read_state(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


async def send_bytes(wire: Wire, bucket: Bucket, wanted: Upload, data: bytes) -> None:
    """Send the content of a small file."""
    told = bucket.checksums.tell(data)
    params = {**_list_metadata(wanted), **told.params}
    await wire.request(bucket, "PutObject", wanted.key, params, data)


def _list_metadata(wanted: Upload) -> dict[str, Any]:
    if wanted.mode is None:
        return {}
    # With the file's type, in octal, as AWS's file systems keep it:
    # https://docs.aws.amazon.com/fsx/latest/LustreGuide/posix-metadata-support.html
    kept = stat.S_IFREG | stat.S_IMODE(wanted.mode)
    return {"Metadata": {MODE_METADATA: f"{kept:07o}"}}


async def _upload_large(
    wire: Wire, bucket: Bucket, wanted: Upload, on_bytes: OnBytes | None
) -> int:
    begin = {**_list_metadata(wanted), **bucket.checksums.begin_parts()}
    sent: dict[int, tuple[Told, str]] = {}
    async with open_upload(wire, bucket, wanted.key, begin) as upload_id:
        with open_checked(wanted.path) as descriptor:

            async def send(part: Part) -> None:
                span = Span(descriptor, part.offset, part.size)
                told = await wire.disk.run_long(bucket.checksums.tell, span)
                where = {"UploadId": upload_id, "PartNumber": part.number}
                params = {**where, **told.params}
                answer = await wire.request(bucket, "UploadPart", wanted.key, params, span)
                sent[part.number] = (told, answer.headers["etag"])
                if on_bytes is not None:
                    on_bytes(part.size)

            size = os.fstat(descriptor).st_size
            parts = list(iter_parts(size, choose_part_bytes(size, SEND_PART_BYTES)))
            await wire.run_parts(parts, send)
        etags = [(part.number, sent[part.number][1]) for part in parts]
        whole = bucket.checksums.end_parts((sent[p.number][0], p.size) for p in parts)
        await complete_upload(wire, bucket, wanted.key, upload_id, etags, whole)
    return size


def tell_change(path: Path) -> BatchxError:
    """Return what is raised of a file that something else writes to."""
    return BatchxError(f"{path} changed while it was being sent to S3: run it again.")


@contextlib.asynccontextmanager
async def open_upload(
    wire: Wire, bucket: Bucket, key: str, params: Mapping[str, Any]
) -> AsyncIterator[str]:
    """Begin a multipart upload and yield its id; it is aborted where this is left by an error.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
    """
    begun = await wire.request(bucket, "CreateMultipartUpload", key, params)
    upload_id: str = begun.fields["UploadId"]
    try:
        yield upload_id
    except BaseException:
        aborting = asyncio.ensure_future(
            wire.request(bucket, "AbortMultipartUpload", key, {"UploadId": upload_id})
        )
        # What could not be aborted costs storage until the bucket's lifecycle rule ends it.
        with contextlib.suppress(StorageError, TimeoutError):
            async with asyncio.timeout(ABORT_SECONDS):
                await asyncio.shield(aborting)
        raise


async def complete_upload(
    wire: Wire,
    bucket: Bucket,
    key: str,
    upload_id: str,
    etags: list[tuple[int, str]],
    whole: dict[str, str],
) -> None:
    """Make an object of its parts; `whole` tells the checksum of all of it."""
    listed = [{"PartNumber": number, "ETag": etag} for number, etag in etags]
    params = {"UploadId": upload_id, "MultipartUpload": {"Parts": listed}, **whole}
    try:
        await wire.request(bucket, "CompleteMultipartUpload", key, params)
    except StorageError as error:
        # Where the answer was lost, the second try finds no upload any more; nor does one find it
        # that somebody else has ended.
        if error.code != "NoSuchUpload" or not await _is_complete(wire, bucket, key, etags, whole):
            raise


async def _is_complete(
    wire: Wire, bucket: Bucket, key: str, etags: list[tuple[int, str]], whole: dict[str, str]
) -> bool:
    """Tell whether an object is of these parts, by its checksum or by its ETag."""
    mode = {"ChecksumMode": "ENABLED"} if whole else {}
    head = await wire.request(bucket, "HeadObject", key, mode)
    if whole:
        return head.headers.get(CRC64_HEADER) == whole["ChecksumCRC64NVME"]
    return head.headers.get("etag") == combine_etags([etag for _, etag in etags])


def combine_etags(etags: Sequence[str]) -> str | None:
    """Return the ETag of an object of parts: the MD5 of their MD5s; None where theirs are none.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    try:
        digests = [bytes.fromhex(etag.strip('"')) for etag in etags]
    except ValueError:
        return None
    return f'"{hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest()}-{len(etags)}"'
