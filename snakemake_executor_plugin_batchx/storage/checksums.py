"""Checksums that S3 verifies on arrival, and keeps to be compared when an object is read again.

AWS's S3 gets a CRC64NVME: it costs next to nothing, and those of parts combine into that of the
whole, whatever the parts were (https://docs.aws.amazon.com/AmazonS3/latest/userguide/
checking-object-integrity.html). Other servers that speak S3 do not all know it; the MD5 of
Content-MD5 they all verify.
"""

import base64
import hashlib
import os
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from awscrt import checksums

READ_BYTES = 1024 * 1024

AWS_DOMAINS = (
    *(".amazonaws.com", ".api.aws"),
    *(".amazonaws.com.cn", ".api.amazonwebservices.com.cn"),
    *(".amazonaws.eu", ".api.amazonwebservices.eu"),
    *(".c2s.ic.gov", ".api.aws.ic.gov", ".sc2s.sgov.gov", ".api.aws.scloud"),
    *(".cloud.adc-e.uk", ".api.cloud-aws.adc-e.uk", ".csp.hci.ic.gov", ".api.aws.hci.ic.gov"),
)
"""Of all partitions, as botocore knows them (botocore/data/partitions.json)."""

CRC64_HEADER = "x-amz-checksum-crc64nvme"
TYPE_HEADER = "x-amz-checksum-type"


@dataclass(frozen=True)
class Span:
    """Bytes of a file: read when they are wanted, not held. `descriptor` is an open file's."""

    descriptor: int
    offset: int
    size: int

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the bytes. Raises OSError where the file has become shorter."""
        done = 0
        while done < self.size:
            wanted = min(READ_BYTES, self.size - done)
            chunk = os.pread(self.descriptor, wanted, self.offset + done)
            if not chunk:
                raise OSError("the file has become shorter")
            done += len(chunk)
            yield chunk


Content = bytes | Span


def iter_content(content: Content) -> Iterable[bytes]:
    """Return the chunks of a content."""
    return (content,) if isinstance(content, bytes) else content.iter_bytes()


def is_aws_endpoint(url: str) -> bool:
    """Tell whether an endpoint is AWS's own S3."""
    return (urllib.parse.urlsplit(url).hostname or "").endswith(AWS_DOMAINS)


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 (hex) of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compute_crc64(content: Content, before: int = 0) -> int:
    """Return the CRC64NVME of a content, or of what went before and it together."""
    for chunk in iter_content(content):
        before = checksums.crc64nvme(chunk, before)
    return before


def combine_crc64(crcs: Iterable[tuple[int, int]]) -> int:
    """Return the CRC64NVME of a whole from its parts' (checksum, length), in order."""
    whole = 0
    for crc, size in crcs:
        whole = checksums.combine_crc64nvme(whole, crc, size)
    return whole


def encode_crc64(crc: int) -> str:
    """Return the text that S3's headers hold."""
    return base64.b64encode(crc.to_bytes(8, "big")).decode()


class Crc:
    """A CRC with the methods of hashlib's digests."""

    def __init__(self, compute: Callable[[Any, int], int], size: int) -> None:
        self._compute = compute
        self._size = size
        self._value = 0

    def update(self, data: bytes | memoryview) -> None:
        """Take in more content."""
        self._value = self._compute(data, self._value)

    def digest(self) -> bytes:
        """Return the CRC as bytes, the highest first."""
        return self._value.to_bytes(self._size, "big")


def make_crc64() -> Crc:
    """Return what computes a CRC64NVME."""
    return Crc(checksums.crc64nvme, 8)


@dataclass(frozen=True)
class KeptChecksum:
    """A checksum that S3 keeps of a whole object: how it is computed, and what it is."""

    make_digest: Callable[[], Any]
    value: bytes

    def fits(self, data: bytes) -> bool:
        """Tell whether it is that of a content."""
        digest = self.make_digest()
        digest.update(data)
        return bool(digest.digest() == self.value)


DIGESTS: Mapping[str, Callable[[], Any]] = {
    CRC64_HEADER: make_crc64,
    "x-amz-checksum-crc32c": lambda: Crc(checksums.crc32c, 4),
    "x-amz-checksum-crc32": lambda: Crc(checksums.crc32, 4),
    "x-amz-checksum-sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "x-amz-checksum-sha256": hashlib.sha256,
}
"""The quickest first."""

PLAIN_ENCRYPTION = {None, "AES256"}
"""Encryption under which the ETag of what was sent whole is its MD5
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html)."""

_MD5_ETAG = re.compile(r'"([0-9a-f]{32})"')


def read_kept(headers: Mapping[str, str]) -> KeptChecksum | None:
    """Return what S3 keeps of a whole object, from an answer's headers; None where that is nothing.

    One of parts' checksums (composite, "…-3") says nothing of the content by itself.
    """
    if headers.get(TYPE_HEADER, "FULL_OBJECT") == "FULL_OBJECT":
        for header, make_digest in DIGESTS.items():
            text = headers.get(header, "")
            if text and "-" not in text:
                return KeptChecksum(make_digest, base64.b64decode(text))
    etag = _MD5_ETAG.fullmatch(headers.get("etag", ""))
    if etag and headers.get("x-amz-server-side-encryption") in PLAIN_ENCRYPTION:
        return KeptChecksum(_make_md5, bytes.fromhex(etag.group(1)))
    return None


def _make_md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


@dataclass(frozen=True)
class Told:
    """A checksum as a request's parameters tell it, and the number that parts are combined by."""

    params: dict[str, str]
    crc64: int = 0


class AwsChecksums:
    """CRC64NVME."""

    def tell(self, content: Content) -> Told:
        """Return the parameters for PutObject or UploadPart."""
        crc = compute_crc64(content)
        return Told({"ChecksumCRC64NVME": encode_crc64(crc)}, crc)

    def begin_parts(self) -> dict[str, str]:
        """Return the parameters for CreateMultipartUpload."""
        return {"ChecksumAlgorithm": "CRC64NVME", "ChecksumType": "FULL_OBJECT"}

    def end_parts(self, parts: Iterable[tuple[Told, int]]) -> dict[str, str]:
        """Return the parameters for CompleteMultipartUpload from the parts and their sizes."""
        whole = combine_crc64((told.crc64, size) for told, size in parts)
        return {"ChecksumCRC64NVME": encode_crc64(whole), "ChecksumType": "FULL_OBJECT"}


class PlainChecksums:
    """The MD5 of RFC 1864, for each request by itself."""

    def tell(self, content: Content) -> Told:
        """Return the parameters for PutObject or UploadPart."""
        digest = hashlib.md5(usedforsecurity=False)
        for chunk in iter_content(content):
            digest.update(chunk)
        return Told({"ContentMD5": base64.b64encode(digest.digest()).decode()})

    def begin_parts(self) -> dict[str, str]:
        """Return the parameters for CreateMultipartUpload."""
        return {}

    def end_parts(self, parts: Iterable[tuple[Told, int]]) -> dict[str, str]:
        """Return the parameters for CompleteMultipartUpload."""
        return {}


Checksums = AwsChecksums | PlainChecksums


def choose_checksums(endpoint_url: str) -> Checksums:
    """Return what an endpoint verifies."""
    return AwsChecksums() if is_aws_endpoint(endpoint_url) else PlainChecksums()
