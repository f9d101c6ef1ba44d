"""What S3 checks and moto's S3 does not: digests of uploads, and conditional writes as one step.

The embedded AWS exists so that mistakes show before real AWS sees them: an upload whose checksum
is wrong must fail here too, and of two writers with ``If-None-Match: *`` exactly one must win.
Source:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html and
conditional-writes.html
"""

from __future__ import annotations

import base64
import hashlib
import threading
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType


def _hash_base64(name: str) -> Callable[[bytes], str]:
    return lambda data: base64.b64encode(
        hashlib.new(name, data, usedforsecurity=False).digest()
    ).decode()


def _crc32_base64(data: bytes) -> str:
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


CHECKSUMS = MappingProxyType(
    {
        "HTTP_CONTENT_MD5": _hash_base64("md5"),
        "HTTP_X_AMZ_CHECKSUM_CRC32": _crc32_base64,
        "HTTP_X_AMZ_CHECKSUM_SHA1": _hash_base64("sha1"),
        "HTTP_X_AMZ_CHECKSUM_SHA256": _hash_base64("sha256"),
    }
)
"""WSGI names of the headers that carry a checksum Python can verify.

CRC32C, CRC64NVME and newer ones pass unseen.
"""

ALGORITHM_HEADER = "HTTP_X_AMZ_SDK_CHECKSUM_ALGORITHM"
CHECKSUM_PREFIX = "HTTP_X_AMZ_CHECKSUM_"

_conditional_writes = threading.Lock()


def find_bad_digest(environ: Mapping[str, str], body: bytes) -> str | None:
    """The name of the header whose checksum is not the body's.

    None if all are right or none can be verified.

    Bodies in signed chunks (aws-chunked) are not looked at: their checksum is in their trailer.
    """
    if "aws-chunked" in environ.get("HTTP_CONTENT_ENCODING", ""):
        return None
    for header, compute in CHECKSUMS.items():
        if header in environ and environ[header] != compute(body):
            return header.removeprefix("HTTP_").replace("_", "-").title()
    return None


def name_checksum_algorithm(environ: dict[str, str]) -> None:
    """Names the algorithm of the request's checksum in the header that moto reads.

    Without it moto forgets a checksum that the caller computed itself.
    """
    given = [name for name in environ if name.startswith(CHECKSUM_PREFIX)]
    algorithms = [name.removeprefix(CHECKSUM_PREFIX) for name in given]
    known = [each for each in algorithms if each not in ("MODE", "ALGORITHM", "TYPE")]
    if len(known) == 1 and ALGORITHM_HEADER not in environ:
        environ[ALGORITHM_HEADER] = known[0]


def hold_conditional_write(environ: Mapping[str, str]) -> AbstractContextManager[object]:
    """A context in which no other conditional write runs, for a request that is one."""
    is_write = environ["REQUEST_METHOD"] in ("PUT", "POST")
    is_conditional = "HTTP_IF_NONE_MATCH" in environ or "HTTP_IF_MATCH" in environ
    return _conditional_writes if is_write and is_conditional else nullcontext()
