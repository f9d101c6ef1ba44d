"""The checksums of S3: what a request tells is verified, an object's is kept and told again.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

import base64
import hashlib
import re
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from awscrt import checksums

from bad_s3.wire import Answer, Call, refuse

PREFIX = "x-amz-checksum-"
DEFAULT = "crc64nvme"
"""What S3 computes by itself where a request tells no checksum."""

FULL, COMPOSITE = "FULL_OBJECT", "COMPOSITE"


def _pack(size: int, compute: Callable[[bytes], int]) -> Callable[[bytes], bytes]:
    return lambda content: compute(content).to_bytes(size, "big")


DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "crc32": _pack(4, zlib.crc32),
    "crc32c": _pack(4, checksums.crc32c),
    "crc64nvme": _pack(8, checksums.crc64nvme),
    "sha1": lambda content: hashlib.sha1(content).digest(),
    "sha256": lambda content: hashlib.sha256(content).digest(),
}

COMBINERS: dict[str, Callable[[int, int, int], int]] = {
    "crc32": checksums.combine_crc32,
    "crc32c": checksums.combine_crc32c,
    "crc64nvme": checksums.combine_crc64nvme,
}

BAD_DIGEST = "The Content-MD5 or checksum value that you specified did not match what we received."


def encode(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


@dataclass(frozen=True)
class Kept:
    """An object's or part's checksum; the length is that of its content."""

    algorithm: str
    value: str
    kind: str = FULL
    size: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """The headers that tell it."""
        return {PREFIX + self.algorithm: self.value, PREFIX + "type": self.kind}


@dataclass
class Upload:
    """An upload in parts, by their numbers."""

    algorithm: str
    kind: str
    parts: dict[int, Kept] = field(default_factory=dict)


def digest_content(content: bytes, algorithm: str) -> Kept:
    """Return the checksum of a content."""
    return Kept(algorithm, encode(DIGESTS[algorithm](content)), FULL, len(content))


def find_mismatch(call: Call, trailer: Mapping[str, str]) -> Answer | None:
    """Return S3's refusal of a content that is not what its headers or trailer tell.

    x-amz-content-sha256, which S3 verifies too, counts for nothing here: over TLS clients leave
    it out, so it must not be what saves them.
    """
    told = {**call.headers, **trailer}
    expected = [
        (told[PREFIX + name], make) for name, make in DIGESTS.items() if PREFIX + name in told
    ]
    if "content-md5" in told:
        expected.append((told["content-md5"], lambda content: hashlib.md5(content).digest()))
    if all(value == encode(make(call.content)) for value, make in expected):
        return None
    return refuse(400, "BadDigest", BAD_DIGEST)


class Keeper:
    """Keeps the checksums of objects and parts as S3 does. Any thread may call."""

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str], Kept] = {}
        self._uploads: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def note_object(self, path: str, etag: str, kept: Kept) -> None:
        """Keep an object's checksum; its ETag tells it from others of the same path."""
        with self._lock:
            self._objects[path, etag] = kept

    def get_object(self, path: str, etag: str) -> Kept | None:
        """Return an object's checksum."""
        with self._lock:
            return self._objects.get((path, etag))

    def begin(self, upload_id: str, headers: Mapping[str, str]) -> None:
        """Note an upload in parts."""
        algorithm = headers.get(PREFIX + "algorithm", DEFAULT).lower()
        kind = headers.get(PREFIX + "type", FULL if algorithm == DEFAULT else COMPOSITE)
        with self._lock:
            self._uploads[upload_id] = Upload(algorithm, kind)

    def note_part(self, call: Call) -> Kept:
        """Keep a part's checksum."""
        with self._lock:
            upload = self._uploads[call.query["uploadId"]]
            kept = digest_content(call.content, upload.algorithm)
            upload.parts[int(call.query["partNumber"])] = kept
            return kept

    def has_upload(self, upload_id: str) -> bool:
        """Tell whether an upload was begun and not ended."""
        with self._lock:
            return upload_id in self._uploads

    def end(self, upload_id: str) -> None:
        """Forget an upload."""
        with self._lock:
            self._uploads.pop(upload_id, None)

    def combine(self, call: Call) -> Kept | Answer:
        """Return the checksum of an upload's parts together; a refusal if another is told."""
        with self._lock:
            upload = self._uploads[call.query["uploadId"]]
        parts = []
        by_default = upload.kind == FULL
        for text in re.findall("<Part>(.*?)</Part>", call.content.decode(), re.DOTALL):
            told = dict(re.findall(r"<(\w+)>([^<]*)</", text))
            part = upload.parts.get(int(told["PartNumber"]))
            name = f"Checksum{upload.algorithm.upper()}"
            # S3 asks for each part's where the whole's consists of them.
            if part is None or told.get(name, by_default and part.value) != part.value:
                return refuse(400, "InvalidPart", "One or more of the parts could not be found.")
            parts.append(part)
        whole = combine_parts(upload, parts)
        told_whole = call.headers.get(PREFIX + upload.algorithm, whole.value)
        return whole if told_whole == whole.value else refuse(400, "BadDigest", BAD_DIGEST)


def combine_parts(upload: Upload, parts: list[Kept]) -> Kept:
    """Return the checksum of a whole from its parts'."""
    digests = [base64.b64decode(part.value) for part in parts]
    size = sum(part.size for part in parts)
    if upload.kind == COMPOSITE:
        value = encode(DIGESTS[upload.algorithm](b"".join(digests)))
        return Kept(upload.algorithm, f"{value}-{len(parts)}", COMPOSITE, size)
    whole = 0
    for digest, part in zip(digests, parts, strict=True):
        number = int.from_bytes(digest, "big")
        whole = COMBINERS[upload.algorithm](whole, number, part.size)
    return Kept(upload.algorithm, encode(whole.to_bytes(len(digests[0]), "big")), FULL, size)
