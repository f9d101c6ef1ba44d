"""One object, or a range of one, from S3 to its place on disk."""

import asyncio
import hashlib
import os
import random

from snakemake_executor_plugin_batchx.storage.answers import Answer, ObjectFacts, read_facts
from snakemake_executor_plugin_batchx.storage.checksums import read_kept
from snakemake_executor_plugin_batchx.storage.large_downloads import download_large
from snakemake_executor_plugin_batchx.storage.parts import (
    FIRST_READ_BYTES,
    READ_PART_BYTES,
    Part,
)
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.route import Bucket
from snakemake_executor_plugin_batchx.storage.temporary import write_whole
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
            return await _try(wire, bucket, wanted, on_bytes or _ignore)
        except DamageError:
            if not tries_left:
                raise
        await asyncio.sleep(random.uniform(0, DAMAGE_PAUSE_SECONDS))  # noqa: S311 - no secret
    raise RuntimeError("unreachable")


def _ignore(_bytes: int) -> None:
    pass


async def _try(wire: Wire, bucket: Bucket, wanted: Download, on_bytes: OnBytes) -> ObjectFacts:
    if wanted.size == 0 and wanted.sha256 is not None:
        facts = ObjectFacts(wanted.key, 0, 0.0)
        await wire.disk.run(_place_small, bucket, wanted, facts, Answer({}))
        return facts
    facts = ObjectFacts(wanted.key, wanted.size or 0, 0.0, wanted.etag or "")
    if wanted.size is None or wanted.size <= READ_PART_BYTES:
        async with wire.take(FIRST_READ_BYTES if wanted.size is None else wanted.size):
            answer = await _ask_first(wire, bucket, wanted)
            facts = read_facts(wanted.key, answer.headers)
            if wanted.size is not None or facts.size <= FIRST_READ_BYTES:
                await wire.disk.run(_place_small, bucket, wanted, facts, answer)
                on_bytes(len(answer.body))
                return facts
    return await download_large(wire, bucket, wanted, facts, on_bytes)


async def _ask_first(wire: Wire, bucket: Bucket, wanted: Download) -> Answer:
    """Ask for the whole where it is known to be small, else for its first part."""
    params = list_read_params(bucket, wanted.etag)
    if wanted.size is None:
        params["Range"] = Part(1, 0, FIRST_READ_BYTES).http_range
    elif wanted.is_range:
        params["Range"] = Part(1, wanted.offset, wanted.size).http_range
    try:
        return await wire.request(bucket, "GetObject", wanted.key, params)
    except StorageError as error:
        if wanted.size is not None or error.code not in INVALID_RANGE:
            raise
    # It is empty: no range of it can be asked for.
    params = list_read_params(bucket, wanted.etag)
    return await wire.request(bucket, "GetObject", wanted.key, params)


def _place_small(bucket: Bucket, wanted: Download, facts: ObjectFacts, answer: Answer) -> None:
    data = answer.body
    size = facts.size if wanted.size is None else wanted.size
    check_size(bucket.bucket, wanted.key, len(data), size)
    kept = None if wanted.is_range or wanted.sha256 else read_kept(answer.headers)
    if kept is not None and not kept.fits(data):
        raise tell_damage(bucket.bucket, wanted.key)
    if wanted.sha256 is not None:
        found = hashlib.sha256(data).hexdigest()
        check_sha256(wanted.target, wanted.key, found, wanted.sha256)
    time_ns = round(facts.mtime * 1e9) if wanted.is_dated else None
    write_whole(os.fspath(wanted.target), data, time_ns=time_ns)
