"""One object, or a range of one, from S3 to its place on disk."""

import contextlib
import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.answers import Answer, ObjectFacts, read_facts
from snakemake_executor_plugin_batchx.storage.checksums import (
    AwsChecksums,
    combine_crc64,
    compute_crc64,
    encode_crc64,
    read_crc64,
)
from snakemake_executor_plugin_batchx.storage.disk import Disk
from snakemake_executor_plugin_batchx.storage.parts import READ_PART_BYTES, Part, iter_parts
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.route import Bucket
from snakemake_executor_plugin_batchx.storage.temporary import make_temporary, write_whole
from snakemake_executor_plugin_batchx.storage.wire import Wire

OnBytes = Callable[[int], None]
"""Called with a number of bytes now and then while they move; what it raises ends the transfer."""

HASH_CHUNK_BYTES = 1024 * 1024
HASH_STEP_BYTES = 128 * HASH_CHUNK_BYTES

FIRST_READ_BYTES = 1024 * 1024
"""What is asked for of an object whose size is not known."""

NOTHING = Part(0, 0, 0)

INVALID_RANGE = {"InvalidRange", "416"}


@dataclass(frozen=True)
class Download:
    """An object, or with `offset` and `size` a range of one, and the file that it becomes.

    `size` is in bytes, None where S3 has to be asked. With `etag` an object that has been replaced
    is refused, with `sha256` (hex) any other content. The file gets the object's time where
    `is_dated`.
    """

    key: str
    target: Path
    size: int | None = None
    etag: str | None = None
    sha256: str | None = None
    offset: int = 0
    is_range: bool = False
    is_dated: bool = False


async def download(
    wire: Wire, bucket: Bucket, wanted: Download, on_bytes: OnBytes | None = None
) -> ObjectFacts:
    """Bring an object to its place, where it stands only when it is whole and right.

    Raises StorageError where S3 refuses, BatchxError where something else arrived than was wanted,
    OSError where it cannot be written.
    """
    if wanted.size == 0 and wanted.sha256 is not None:
        facts = ObjectFacts(wanted.key, 0, 0.0)
        await wire.disk.run(_place_small, bucket, wanted, facts, Answer({}))
        return facts
    with contextlib.ExitStack() as stack:
        if wanted.size is not None and wanted.size > READ_PART_BYTES:
            facts = ObjectFacts(wanted.key, wanted.size, 0.0, wanted.etag or "")
            arrival = stack.enter_context(Arrival(wanted, facts.size))
        else:
            size = FIRST_READ_BYTES if wanted.size is None else wanted.size
            async with wire.take(size):
                answer = await _ask_first(wire, bucket, wanted)
                if on_bytes is not None:
                    on_bytes(len(answer.body))
                facts = read_facts(wanted.key, answer.headers)
                if wanted.size is not None or facts.size <= FIRST_READ_BYTES:
                    await wire.disk.run(_place_small, bucket, wanted, facts, answer)
                    return facts
                first = Part(0, 0, FIRST_READ_BYTES)
                arrival = stack.enter_context(Arrival(wanted, facts.size, first))
                await wire.disk.run_long(arrival.write, first, answer.body)
        async with wire.large_room:
            return await _fetch_parts(wire, bucket, arrival, facts, on_bytes)


async def _ask_first(wire: Wire, bucket: Bucket, wanted: Download) -> Answer:
    """Ask for the whole where it is known to be small, else for its first part."""
    params = _list_params(bucket, wanted.etag)
    if wanted.size is None:
        params["Range"] = Part(1, 0, FIRST_READ_BYTES).http_range
    elif wanted.is_range:
        params["Range"] = Part(1, wanted.offset, wanted.size).http_range
    try:
        return await wire.request(bucket, "GetObject", wanted.key, params)
    except StorageError as error:
        if wanted.size is not None or error.code not in INVALID_RANGE:
            raise
    return await wire.request(  # it is empty: no range of it can be asked for
        bucket, "GetObject", wanted.key, _list_params(bucket, wanted.etag)
    )


def _list_params(bucket: Bucket, etag: str | None) -> dict[str, str]:
    params = {"IfMatch": etag} if etag else {}
    if isinstance(bucket.checksums, AwsChecksums):
        params["ChecksumMode"] = "ENABLED"
    return params


def _place_small(bucket: Bucket, wanted: Download, facts: ObjectFacts, answer: Answer) -> None:
    size = facts.size if wanted.size is None else wanted.size
    data = answer.body
    if len(data) != size:
        raise _tell_wrong_size(bucket, wanted.key, len(data), size)
    crc64 = None if wanted.is_range else read_crc64(answer.headers)
    if crc64 is not None and crc64 != encode_crc64(compute_crc64(data)):
        raise _tell_damage(bucket, wanted.key)
    if wanted.sha256 is not None:
        check_content(wanted, size, hashlib.sha256(data).hexdigest())
    time_ns = round(facts.mtime * 1e9) if wanted.is_dated else None
    write_whole(os.fspath(wanted.target), data, time_ns=time_ns)


class Arrival:
    """A large object while its parts arrive; `parts` are those still to be asked for.

    `first` came before: it is written like the others.

    Used in a `with`; made and ended in threads where the disk may be slow.
    """

    def __init__(self, wanted: Download, size: int, first: Part = NOTHING) -> None:
        self.wanted = wanted
        self.parts = [
            Part(part.number, first.size + part.offset, part.size)
            for part in iter_parts(size - first.size, READ_PART_BYTES)
        ]
        self._sizes = {part.number: part.size for part in (first, *self.parts) if part.size}
        self._crcs: dict[int, int] = {}
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Arrival":
        target = self.wanted.target
        with contextlib.ExitStack() as stack:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._temporary = stack.enter_context(make_temporary(target))
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
            self._descriptor = os.open(self._temporary, flags, 0o666)
            stack.callback(os.close, self._descriptor)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def write(self, part: Part, data: bytes) -> None:
        """Write a part that has arrived."""
        rest, offset = memoryview(data), part.offset
        while rest:
            count = os.pwrite(self._descriptor, rest, offset)
            rest, offset = rest[count:], offset + count
        self._crcs[part.number] = compute_crc64(data)

    def combine_crc64(self) -> str:
        """Return the CRC64NVME of all parts."""
        return encode_crc64(combine_crc64((self._crcs[n], self._sizes[n]) for n in self._sizes))

    async def verify(self, disk: Disk) -> None:
        """Raise BatchxError where the content is not what was wanted."""
        if self.wanted.sha256 is not None:
            size = os.stat(self._temporary).st_size
            check_content(self.wanted, size, await hash_file(disk, self._temporary))

    def place(self, mtime: float) -> None:
        """Give the file its name, and its object's time if that was wanted."""
        if self.wanted.is_dated:
            time_ns = round(mtime * 1e9)
            os.utime(self._descriptor, ns=(time_ns, time_ns))
        self._temporary.replace(self.wanted.target)


async def _fetch_parts(
    wire: Wire, bucket: Bucket, arrival: Arrival, facts: ObjectFacts, on_bytes: OnBytes | None
) -> ObjectFacts:
    """Fetch what is left of a large object, and place it. All parts are of one state of it."""
    wanted = arrival.wanted
    told: str | None = None
    if not facts.etag or isinstance(bucket.checksums, AwsChecksums):
        params = _list_params(bucket, facts.etag or None)
        head = await wire.request(bucket, "HeadObject", wanted.key, params)
        facts, told = read_facts(wanted.key, head.headers), read_crc64(head.headers)

    async def fetch(part: Part) -> None:
        nonlocal facts
        where = Part(part.number, wanted.offset + part.offset, part.size)
        params = {"IfMatch": facts.etag, "Range": where.http_range}
        answer = await wire.request(bucket, "GetObject", wanted.key, params)
        facts = read_facts(wanted.key, answer.headers)
        if len(answer.body) != part.size:
            raise _tell_wrong_size(bucket, wanted.key, len(answer.body), part.size)
        await wire.disk.run_long(arrival.write, part, answer.body)
        if on_bytes is not None:
            on_bytes(part.size)

    await wire.run_parts(arrival.parts, fetch)
    if not wanted.is_range:
        if wanted.size not in {None, facts.size}:
            raise _tell_wrong_size(bucket, wanted.key, facts.size, wanted.size or 0)
        if told not in {None, arrival.combine_crc64()}:
            raise _tell_damage(bucket, wanted.key)
    await arrival.verify(wire.disk)
    await wire.disk.run_long(arrival.place, facts.mtime)
    return facts


async def hash_file(disk: Disk, path: Path, digest: Any = None) -> str:
    """Return the SHA-256 (hex) of a large file's content, or another digest of hashlib's.

    It can be cancelled on the way.
    """
    digest = digest or hashlib.sha256()
    with path.open("rb") as file:

        def update() -> int:
            done = 0
            while done < HASH_STEP_BYTES and (chunk := file.read(HASH_CHUNK_BYTES)):
                digest.update(chunk)
                done += len(chunk)
            return done

        while await disk.run_long(update):
            pass
    return str(digest.hexdigest())


def check_content(wanted: Download, size: int, sha256: str) -> None:
    """Raise BatchxError where what arrived is not what was wanted."""
    if size != wanted.size or sha256 != wanted.sha256:
        raise BatchxError(
            f"{wanted.target} did not arrive as it was sent: {size} bytes with SHA-256 "
            f"{sha256[:12]}… instead of {wanted.size} with {(wanted.sha256 or '')[:12]}… from "
            f"{wanted.key}."
        )


def _tell_wrong_size(bucket: Bucket, key: str, size: int, wanted: int) -> StorageError:
    return StorageError(
        f"s3://{bucket.bucket}/{key} arrived with {size} bytes instead of {wanted}: was it written "
        "to meanwhile?"
    )


def _tell_damage(bucket: Bucket, key: str) -> StorageError:
    return StorageError(
        f"s3://{bucket.bucket}/{key} arrived with another checksum than S3 keeps of it: run it "
        "again."
    )
