"""A large object on its way to disk: by awscrt as a whole, or part by part.

awscrt reads an object by itself with several connections and writes it to a file, at half of what
parts cost that pass through Python. What it does not bring is asked for part by part, where each
request may be made by boto3.
"""

import base64
import contextlib
import hashlib
import os
from pathlib import Path

from snakemake_executor_plugin_batchx.storage.answers import ObjectFacts, read_facts
from snakemake_executor_plugin_batchx.storage.checksums import (
    AwsChecksums,
    KeptChecksum,
    make_crc64,
    read_kept,
)
from snakemake_executor_plugin_batchx.storage.disk import Disk
from snakemake_executor_plugin_batchx.storage.parts import READ_PART_BYTES, Part, iter_parts
from snakemake_executor_plugin_batchx.storage.room import check_room
from snakemake_executor_plugin_batchx.storage.route import Bucket
from snakemake_executor_plugin_batchx.storage.temporary import make_temporary
from snakemake_executor_plugin_batchx.storage.verifying import (
    check_sent,
    check_sha256,
    check_size,
    digest_file,
    tell_damage,
)
from snakemake_executor_plugin_batchx.storage.wanted import (
    Download,
    OnBytes,
    list_read_params,
)
from snakemake_executor_plugin_batchx.storage.wire import Wire


class Arrival:
    """A large file while it arrives, under a temporary name. Used in a `with`."""

    def __init__(self, wanted: Download) -> None:
        self.wanted = wanted
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> "Arrival":
        target = self.wanted.target
        with contextlib.ExitStack() as stack:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.temporary: Path = stack.enter_context(make_temporary(target))
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
            self._descriptor = os.open(self.temporary, flags, 0o666)
            stack.callback(os.close, self._descriptor)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return os.fstat(self._descriptor).st_size

    def write(self, offset: int, data: bytes) -> None:
        """Write a part that has arrived."""
        rest = memoryview(data)
        while rest:
            count = os.pwrite(self._descriptor, rest, offset)
            rest, offset = rest[count:], offset + count

    async def verify(self, disk: Disk, bucket: str, size: int, kept: KeptChecksum | None) -> None:
        """Raise DamageError where the file is not what S3 keeps, or not what was wanted."""
        wanted = self.wanted
        check_size(bucket, wanted.key, self.size, size)
        if wanted.crc64:
            digest = await digest_file(disk, self.temporary, make_crc64())
            found = base64.b64encode(digest).decode()
            check_sent(wanted.target, wanted.key, "CRC64NVME", found, wanted.crc64)
        elif wanted.sha256 is not None:
            digest = await digest_file(disk, self.temporary, hashlib.sha256())
            check_sha256(wanted.target, wanted.key, digest.hex(), wanted.sha256)
        elif kept is not None:
            digest = await digest_file(disk, self.temporary, kept.make_digest())
            if digest != kept.value:
                raise tell_damage(bucket, wanted.key)

    def place(self, mtime: float) -> None:
        """Give the file its name, and its object's time if that was wanted."""
        if self.wanted.is_dated:
            time_ns = round(mtime * 1e9)
            os.utime(self._descriptor, ns=(time_ns, time_ns))
        self.temporary.replace(self.wanted.target)


async def download_large(
    wire: Wire, bucket: Bucket, wanted: Download, facts: ObjectFacts, on_bytes: OnBytes
) -> ObjectFacts:
    """Bring a large object to its place; `facts` are those known, of which the etag counts."""
    kept: KeptChecksum | None = None
    if not facts.etag or isinstance(bucket.checksums, AwsChecksums):
        params = list_read_params(bucket, facts.etag or None)
        head = await wire.request(bucket, "HeadObject", wanted.key, params)
        facts, kept = read_facts(wanted.key, head.headers), read_kept(head.headers)
    size = wanted.size or facts.size
    if not wanted.is_range:
        check_size(bucket.bucket, wanted.key, facts.size, size)
    is_whole = wanted.offset == 0 and (not wanted.is_range or facts.size == size)
    with Arrival(wanted) as arrival:
        what = f"s3://{bucket.bucket}/{wanted.key}"
        await wire.disk.run_long(check_room, wanted.target.parent, size, what)
        found = None
        if is_whole:
            headers = await wire.fetch_file(
                bucket, wanted.key, {"IfMatch": facts.etag}, arrival.temporary, size, on_bytes
            )
            if headers is not None:
                found, kept = read_facts(wanted.key, headers), kept or read_kept(headers)
        if found is None:
            found = await _fetch_parts(wire, bucket, arrival, facts, size, on_bytes)
        await arrival.verify(wire.disk, bucket.bucket, size, kept if is_whole else None)
        await wire.disk.run_long(arrival.place, found.mtime)
    return found


async def _fetch_parts(
    wire: Wire,
    bucket: Bucket,
    arrival: Arrival,
    facts: ObjectFacts,
    size: int,
    on_bytes: OnBytes,
) -> ObjectFacts:
    """Fetch an object part by part; all are of one state of it."""
    wanted, found = arrival.wanted, facts

    async def fetch(part: Part) -> None:
        nonlocal found
        where = Part(part.number, wanted.offset + part.offset, part.size)
        params = {"IfMatch": facts.etag, "Range": where.http_range}
        answer = await wire.request(bucket, "GetObject", wanted.key, params)
        found = read_facts(wanted.key, answer.headers)
        check_size(bucket.bucket, wanted.key, len(answer.body), part.size)
        await wire.disk.run_long(arrival.write, part.offset, answer.body)
        on_bytes(part.size)

    async with wire.large_room:
        await wire.run_parts(iter_parts(size, READ_PART_BYTES), fetch)
    return found
