"""An object store in memory, for what is tested above the S3 gateway."""

import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from snakemake_executor_plugin_batchx.storage.gateway import StorageError
from snakemake_executor_plugin_batchx.storage.transfer import OnBytes


class MemoryStore:
    """Objects in a dictionary, behind the methods of the S3 gateway; counts the calls.

    `damage` is applied to whatever is read: it stands for a bad network or disk.
    """

    def __init__(self, damage: Callable[[bytes], bytes] = lambda data: data) -> None:
        self.objects: dict[str, bytes] = {}
        self.times: dict[str, float] = {}
        self.calls: Counter[str] = Counter()
        self._damage = damage
        self._lock = threading.Lock()

    def read_range(self, key: str, offset: int, size: int) -> bytes:
        return self._damage(self._get("read_range", key)[offset : offset + size])

    def read_bytes(self, key: str) -> bytes:
        return self._damage(self._get("read_bytes", key))

    def write_bytes(self, key: str, data: bytes) -> None:
        self._put("write_bytes", key, data)

    def create_bytes(self, key: str, data: bytes) -> bool:
        with self._lock:
            self.calls["create_bytes"] += 1
            is_first = key not in self.objects
            if is_first:
                self.objects[key] = data
            return is_first

    def upload_file(
        self, path: str | os.PathLike[str], key: str, on_bytes: OnBytes | None = None
    ) -> None:
        if on_bytes is not None:
            on_bytes(os.path.getsize(path))
        self._put("upload_file", key, Path(path).read_bytes())

    def download_file(
        self, key: str, path: str | os.PathLike[str], on_bytes: OnBytes | None = None
    ) -> None:
        if on_bytes is not None:
            on_bytes(0)
        Path(path).write_bytes(self._damage(self._get("download_file", key)))

    def has_object(self, key: str) -> bool:
        with self._lock:
            self.calls["has_object"] += 1
            return key in self.objects

    def find_modified(self, key: str, bucket: str | None = None) -> float | None:
        with self._lock:
            self.calls["find_modified"] += 1
            return self.times.get(f"{bucket}/{key}" if bucket else key)

    def _get(self, call: str, key: str) -> bytes:
        with self._lock:
            self.calls[call] += 1
            if key not in self.objects:
                raise StorageError(f"{key} does not exist.", "NoSuchKey")
            return self.objects[key]

    def _put(self, call: str, key: str, data: bytes) -> None:
        with self._lock:
            self.calls[call] += 1
            self.objects[key] = data
