"""Blobs between disk and S3: files named by their content, verified on both sides."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from snakemake_executor_plugin_batchx.spec import Blob
from snakemake_executor_plugin_batchx.storage.answers import ObjectFacts
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.expiry import is_ageing
from snakemake_executor_plugin_batchx.storage.parts import SEND_PART_BYTES
from snakemake_executor_plugin_batchx.storage.refusals import NOT_THERE, StorageError
from snakemake_executor_plugin_batchx.storage.route import Bucket
from snakemake_executor_plugin_batchx.storage.temporary import write_whole
from snakemake_executor_plugin_batchx.storage.uploads import (
    Upload,
    send_bytes,
    tell_change,
    upload,
)
from snakemake_executor_plugin_batchx.storage.verifying import check_sha256, hash_file
from snakemake_executor_plugin_batchx.storage.wanted import Download
from snakemake_executor_plugin_batchx.storage.wire import Wire

MakeKey = Callable[[str], str]
"""Gives the key of a content by its SHA-256 (hex)."""


class ObjectStore(Bucket, Protocol):
    """What blobs need of the S3 gateway."""

    def read_range(self, key: str, offset: int, size: int) -> bytes:
        """Return up to `size` bytes of an object from `offset` on."""

    def read_bytes(self, key: str) -> bytes:
        """Return a whole object."""

    def write_bytes(self, key: str, data: bytes) -> None:
        """Write an object whole."""

    def create_bytes(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one; return whether it was written."""

    def has_object(self, key: str) -> bool:
        """Tell whether there is an object of this key."""


class Transfer:
    """Moves blobs of one bucket, and counts the bytes. To be closed: use it in a `with`.

    `memory_bytes` bounds what is on its way.
    """

    def __init__(self, store: ObjectStore, memory_bytes: int | None = None) -> None:
        self._store = store
        self._engine = Engine(memory_bytes)
        self._count_lock = threading.Lock()
        self.bytes_in = 0
        self.bytes_out = 0

    def __enter__(self) -> "Transfer":
        return self

    def __exit__(self, *error: object) -> None:
        self._engine.__exit__(*error)

    def stop(self) -> None:
        """End what is under way, and begin nothing more: it raises TransferStoppedError."""
        self._engine.stop()

    def fetch_blobs(self, wanted: Iterable[tuple[Blob, str | os.PathLike[str]]]) -> None:
        """Write blobs to paths: each to a temporary name first, renamed when its checksum holds.

        The first failure ends the rest and is raised.
        """

        def count(download: Download, _facts: ObjectFacts) -> None:
            self._count(bytes_in=download.size or 0)

        downloads = (
            Download(
                blob.key, Path(path), blob.size, sha256=blob.sha256, crc64=blob.crc64,
                offset=blob.offset, is_range=True,
            )
            for blob, path in wanted
        )  # fmt: skip
        self._engine.download_all(self._store, downloads, on_file=count)

    def fetch_blob(self, blob: Blob, path: str | os.PathLike[str]) -> None:
        """Write one blob to a path."""
        self.fetch_blobs([(blob, path)])

    def fetch_object(self, key: str, path: Path) -> None:
        """Write an object of which nothing else is known to a path."""
        self._engine.download_all(self._store, [Download(key, path)])

    def send_files(
        self,
        paths: Sequence[str | os.PathLike[str]],
        make_key: MakeKey,
        *,
        may_exist: bool,
    ) -> list[Blob]:
        """Send files to the keys that `make_key` gives; return where they are, in their order.

        With `may_exist` the key names the content, so a large file that is there, and will be for
        long enough (storage/expiry.py), is not sent.
        Raises BatchxError where a file changed while it was sent.
        """

        async def send(path: str | os.PathLike[str]) -> Blob:
            blob = await send_blob(
                self._engine.wire, self._store, Path(path), make_key, may_exist=may_exist
            )
            self._count(bytes_out=blob.size)
            return blob

        return self._engine.gather(send, paths)

    def send_file(
        self, path: str | os.PathLike[str], make_key: MakeKey, *, may_exist: bool
    ) -> Blob:
        """Send one file; return where it is."""
        return self.send_files([path], make_key, may_exist=may_exist)[0]

    def send_as(self, path: Path, key: str) -> None:
        """Send a file to a key."""
        self._engine.upload_all(self._store, [Upload(path, key)])

    def find_existing(self, keys: Sequence[str]) -> set[str]:
        """Return those of the keys that have an object which will last (storage/expiry.py)."""

        async def find(key: str) -> bool:
            return await has_lasting_object(self._engine.wire, self._store, key)

        found = self._engine.gather(find, keys)
        return {key for key, is_there in zip(keys, found, strict=True) if is_there}

    def _count(self, *, bytes_in: int = 0, bytes_out: int = 0) -> None:
        with self._count_lock:
            self.bytes_in += bytes_in
            self.bytes_out += bytes_out


async def has_lasting_object(wire: Wire, bucket: Bucket, key: str) -> bool:
    """Tell whether there is an object that no lifecycle rule deletes soon.

    403 counts as none, as S3Gateway.find_modified explains.
    """
    try:
        head = await wire.request(bucket, "HeadObject", key, {})
    except StorageError as error:
        if error.code in NOT_THERE:
            return False
        raise
    return not is_ageing(head.headers)


async def send_blob(
    wire: Wire, bucket: Bucket, path: Path, make_key: MakeKey, *, may_exist: bool
) -> Blob:
    """Send a file to the key of its content."""
    size = (await wire.disk.run(os.stat, path)).st_size
    if size <= SEND_PART_BYTES:
        async with wire.take(size):
            data = await wire.disk.run(path.read_bytes)
            sha256 = hashlib.sha256(data).hexdigest()
            key = make_key(sha256)
            await send_bytes(wire, bucket, Upload(path, key), data)
        return Blob(key, 0, len(data), sha256)
    before = os.stat(path)
    sha256, crc64 = await hash_file(wire.disk, path)
    key = make_key(sha256)
    if not (may_exist and await has_lasting_object(wire, bucket, key)):
        await upload(wire, bucket, Upload(path, key))
    after = os.stat(path)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise tell_change(path)
    return Blob(key, 0, before.st_size, sha256, crc64)


def place_content(blob: Blob, data: bytes, target: str, *, mode: int, time_ns: int) -> int:
    """Write a blob's content to `target`, whole or not at all, with its mode and time.

    Returns the modification time that the disk keeps. Raises DamageError where `data` is not the
    blob's content.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    check_sha256(Path(target), blob.key, sha256, blob.sha256)
    return write_whole(target, data, mode=mode, time_ns=time_ns)
