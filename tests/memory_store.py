"""An object store in memory, for what is tested above the S3 gateway."""

import email.utils
import hashlib
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from snakemake_executor_plugin_batchx.storage.answers import Answer, ObjectFacts
from snakemake_executor_plugin_batchx.storage.checksums import (
    Content,
    PlainChecksums,
    iter_content,
)
from snakemake_executor_plugin_batchx.storage.options import S3Options
from snakemake_executor_plugin_batchx.storage.place import BucketPlace
from snakemake_executor_plugin_batchx.storage.refusals import StorageError, explain_refusal


class MemoryStore:
    """Objects in a dictionary, behind the methods of the S3 gateway; counts S3's operations.

    `damage` is applied to whatever is read: it stands for a bad network or disk.
    """

    bucket = "memory"
    credentials = None
    ca_bundle = None
    place: BucketPlace | None = None
    checksums = PlainChecksums()
    options = S3Options()

    def __init__(self, damage: Callable[[bytes], bytes] = lambda data: data) -> None:
        self.objects: dict[str, bytes] = {}
        self.times: dict[str, float] = {}
        self.calls: Counter[str] = Counter()
        self._uploads: dict[str, dict[int, bytes]] = {}
        self._damage = damage
        self._lock = threading.Lock()

    def get_model(self, operation: str) -> Any:
        raise NotImplementedError("no other client can ask")

    def explain(self, operation: str, key: str, error: Mapping[str, Any]) -> StorageError:
        return explain_refusal(operation, self.bucket, key, error)

    def perform(
        self, operation: str, key: str, params: Mapping[str, Any], content: Content = b""
    ) -> Answer:
        data = b"".join(iter_content(content))
        with self._lock:
            self.calls[operation] += 1
            answer: Answer = getattr(self, f"_{operation}")(key, params, data)
            return answer

    def read_range(self, key: str, offset: int, size: int) -> bytes:
        wanted = f"bytes={offset}-{offset + size - 1}"
        return self.perform("GetObject", key, {"Range": wanted}).body

    def read_bytes(self, key: str) -> bytes:
        return self.perform("GetObject", key, {}).body

    def write_bytes(self, key: str, data: bytes) -> None:
        self.perform("PutObject", key, {}, data)

    def create_bytes(self, key: str, data: bytes) -> bool:
        try:
            self.perform("PutObject", key, {"IfNoneMatch": "*"}, data)
        except StorageError as error:
            if error.code == "PreconditionFailed":
                return False
            raise
        return True

    def has_object(self, key: str) -> bool:
        try:
            self.perform("HeadObject", key, {})
        except StorageError:
            return False
        return True

    def list_below(self, prefix: str) -> Iterator[ObjectFacts]:
        for key in sorted(self.objects):
            if key.startswith(prefix):
                yield ObjectFacts(key, len(self.objects[key]), 0.0, "")

    def find_modified(self, key: str, bucket: str | None = None) -> float | None:
        with self._lock:
            self.calls["find_modified"] += 1
            return self.times.get(f"{bucket}/{key}" if bucket else key)

    def _get(self, key: str) -> bytes:
        if key not in self.objects:
            raise StorageError(f"{key} does not exist.", "NoSuchKey")
        return self.objects[key]

    def _describe(self, key: str, size: int) -> dict[str, str]:
        return {
            "content-length": str(size),
            "etag": f'"{hashlib.md5(self.objects[key]).hexdigest()}"',
            "last-modified": email.utils.formatdate(self.times.get(key, 0.0), usegmt=True),
        }

    def _HeadObject(self, key: str, _params: Any, _data: bytes) -> Answer:  # noqa: N802
        return Answer(self._describe(key, len(self._get(key))))

    def _GetObject(self, key: str, params: Mapping[str, str], _data: bytes) -> Answer:  # noqa: N802
        whole = self._get(key)
        headers = self._describe(key, len(whole))
        if wanted := params.get("Range"):
            first, last = map(int, re.findall(r"\d+", wanted))
            if first >= len(whole):
                raise StorageError("The requested range is not satisfiable", "InvalidRange")
            part = whole[first : last + 1]
            span = f"bytes {first}-{first + len(part) - 1}/{len(whole)}"
            headers = {**headers, "content-length": str(len(part)), "content-range": span}
            return Answer(headers, self._damage(part), status=206)
        return Answer(headers, self._damage(whole))

    def _PutObject(self, key: str, params: Mapping[str, str], data: bytes) -> Answer:  # noqa: N802
        if "IfNoneMatch" in params and key in self.objects:
            raise StorageError(f"{key} is there.", "PreconditionFailed")
        self.objects[key] = data
        return Answer({"etag": '"1"'})

    def _CreateMultipartUpload(self, key: str, _params: Any, _data: bytes) -> Answer:  # noqa: N802
        self._uploads[key] = {}
        return Answer({}, fields={"UploadId": key})

    def _UploadPart(self, key: str, params: Mapping[str, Any], data: bytes) -> Answer:  # noqa: N802
        self._uploads[key][params["PartNumber"]] = data
        return Answer({"etag": f'"{params["PartNumber"]}"'})

    def _CompleteMultipartUpload(self, key: str, _params: Any, _data: bytes) -> Answer:  # noqa: N802
        parts = self._uploads.pop(key)
        self.objects[key] = b"".join(parts[number] for number in sorted(parts))
        return Answer({})

    def _AbortMultipartUpload(self, key: str, _params: Any, _data: bytes) -> Answer:  # noqa: N802
        del self._uploads[key]
        return Answer({})
