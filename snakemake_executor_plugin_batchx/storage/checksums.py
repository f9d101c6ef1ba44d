"""Checksums that S3 verifies on arrival, and keeps to be compared when an object is read again.

AWS's S3 gets a CRC64NVME: it costs next to nothing, and those of parts combine into that of the
whole, whatever the parts were (https://docs.aws.amazon.com/AmazonS3/latest/userguide/
checking-object-integrity.html). Other servers that speak S3 do not all know it; the MD5 of
Content-MD5 they all verify.
"""

import base64
import hashlib
import os
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from awscrt import checksums

READ_BYTES = 1024 * 1024

AWS_DOMAINS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")

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


def read_crc64(headers: Mapping[str, str]) -> str | None:
    """Return the CRC64NVME of a whole object from an answer's headers, None where it has none.

    One of parts' checksums (composite) says nothing of the content by itself.
    """
    if headers.get(TYPE_HEADER, "FULL_OBJECT") != "FULL_OBJECT":
        return None
    return headers.get(CRC64_HEADER)


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
