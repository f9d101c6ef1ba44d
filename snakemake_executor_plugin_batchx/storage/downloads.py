"""One object, or a range of one, from S3 to its place on disk."""

import asyncio
import contextlib
import hashlib
import os
import random

from snakemake_executor_plugin_batchx.storage.answers import Answer, ObjectFacts, read_facts
from snakemake_executor_plugin_batchx.storage.checksums import read_kept
from snakemake_executor_plugin_batchx.storage.disk import Disk
from snakemake_executor_plugin_batchx.storage.large_downloads import download_large
from snakemake_executor_plugin_batchx.storage.parts import (
    FIRST_READ_BYTES,
    READ_PART_BYTES,
    Part,
)
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.route import Bucket
from snakemake_executor_plugin_batchx.storage.temporary import name_temporary, write_whole
from snakemake_executor_plugin_batchx.storage.verifying import (
    DamageError,
    check_sha256,
    check_size,
    tell_damage,
)
from snakemake_executor_plugin_batchx.storage.wanted import (
    Download,
    OnBytes,
    list_read_params,
)
from snakemake_executor_plugin_batchx.storage.wire import Wire

INVALID_RANGE = {"InvalidRange", "416"}

DAMAGE_TRIES = 3
DAMAGE_PAUSE_SECONDS = 0.5


async def download(
    wire: Wire, bucket: Bucket, wanted: Download, on_bytes: OnBytes | None = None
) -> ObjectFacts:
    """Bring an object to its place, where it stands only when it is whole and right.

    Raises StorageError where S3 refuses or, after some tries, where something else arrived than
    was wanted, and OSError where it cannot be written.
    """
    for tries_left in reversed(range(DAMAGE_TRIES)):
        try:
            is_first = tries_left == DAMAGE_TRIES - 1
            return await _try(wire, bucket, wanted, on_bytes or _ignore, is_first=is_first)
        except DamageError:
            if not tries_left:
                raise
        await asyncio.sleep(random.uniform(0, DAMAGE_PAUSE_SECONDS))  # noqa: S311 - no secret
    raise RuntimeError("unreachable")


def _ignore(_bytes: int) -> None:
    pass


async def _try(
    wire: Wire, bucket: Bucket, wanted: Download, on_bytes: OnBytes, *, is_first: bool
) -> ObjectFacts:
    if wanted.size == 0 and wanted.sha256 is not None:
        facts = ObjectFacts(wanted.key, 0, 0.0)
        await wire.disk.run(_place_small, bucket, wanted, facts, Answer({}), None)
        return facts
    facts = ObjectFacts(wanted.key, wanted.size or 0, 0.0, wanted.etag or "")
    if wanted.size is None or wanted.size <= READ_PART_BYTES:
        async with wire.take(FIRST_READ_BYTES if wanted.size is None else wanted.size):
            # awscrt does not tell why the disk took no more; the next try writes here, which does.
            into = await _name_arriving(wire.disk, wanted) if is_first else None
            is_left = into is not None
            try:
                answer = await _ask_first(wire, bucket, wanted, into)
                facts = read_facts(wanted.key, answer.headers)
                if wanted.size is not None or facts.size <= FIRST_READ_BYTES:
                    size = await wire.disk.run(_place_small, bucket, wanted, facts, answer, into)
                    is_left = is_left and not answer.is_on_disk
                    on_bytes(size)
                    return facts
            finally:
                if into is not None and is_left:
                    await wire.disk.run(_remove, into)
    return await download_large(wire, bucket, wanted, facts, on_bytes)


async def _name_arriving(disk: Disk, wanted: Download) -> str | None:
    """Return a file that awscrt may write to, beside the target.

    None where it would wait for the disk, for it has but one thread for all its connections, and
    where there is no folder: that is made when something has come that belongs there.
    """
    target = os.fspath(wanted.target)
    if not disk.may_skip() or not await disk.has_folder(os.path.dirname(target)):
        return None
    return name_temporary(target)


def _read_up_to(path: str, size: int) -> bytes:
    """Read a small file with as few calls of the system as can be: each lets other threads in."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, size)
    finally:
        os.close(descriptor)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):  # what went wrong before counts
        os.unlink(path)


async def _ask_first(wire: Wire, bucket: Bucket, wanted: Download, into: str | None) -> Answer:
    """Ask for the whole where it is known to be small, else for its first part."""
    params = list_read_params(bucket, wanted.etag)
    if wanted.size is None:
        params["Range"] = Part(1, 0, FIRST_READ_BYTES).http_range
    elif wanted.is_range:
        params["Range"] = Part(1, wanted.offset, wanted.size).http_range
    try:
        return await wire.request(bucket, "GetObject", wanted.key, params, into=into)
    except StorageError as error:
        if wanted.size is not None or error.code not in INVALID_RANGE:
            raise
    # It is empty: no range of it can be asked for.
    params = list_read_params(bucket, wanted.etag)
    return await wire.request(bucket, "GetObject", wanted.key, params)


def _place_small(
    bucket: Bucket, wanted: Download, facts: ObjectFacts, answer: Answer, into: str | None
) -> int:
    """Bring what arrived to its place, be it `into` a file or in memory; return its size."""
    size = facts.size if wanted.size is None else wanted.size
    data = answer.body
    if into is not None and answer.is_on_disk:
        data = _read_up_to(into, size + 1)
    check_size(bucket.bucket, wanted.key, len(data), size)
    kept = None if wanted.is_range or wanted.sha256 else read_kept(answer.headers)
    if kept is not None and not kept.fits(data):
        raise tell_damage(bucket.bucket, wanted.key)
    if wanted.sha256 is not None:
        found = hashlib.sha256(data).hexdigest()
        check_sha256(wanted.target, wanted.key, found, wanted.sha256)
    time_ns = round(facts.mtime * 1e9) if wanted.is_dated else None
    target = os.fspath(wanted.target)
    if into is not None and answer.is_on_disk:
        if time_ns is not None:
            os.utime(into, ns=(time_ns, time_ns))
        os.replace(into, target)
    else:
        write_whole(target, data, time_ns=time_ns)
    return size
