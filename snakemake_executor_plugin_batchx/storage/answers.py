"""What S3 says of objects, whichever client asked."""

import email.utils
import functools
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

MODE_METADATA = "file-permissions"
"""Where a file's permission bits are kept, as AWS's Storage Gateway and DataSync keep them
(https://docs.aws.amazon.com/datasync/latest/userguide/metadata-copied.html)."""

_TOTAL = re.compile(r"bytes \d+-\d+/(\d+)")
_TAG = re.compile(rb"<(Code|Message|BucketRegion)>([^<]*)</\1>")


@dataclass(frozen=True)
class ObjectFacts:
    """An object: its size in bytes, and LastModified in seconds of the epoch.

    `etag` has its quotes, and is empty where it is not known. `mode` holds the permission bits
    kept with it, which a listing does not tell.
    """

    key: str
    size: int
    mtime: float
    etag: str = ""
    mode: int | None = None
    storage_class: str = ""


@dataclass(frozen=True)
class Answer:
    """An answer of S3's: headers by their names in lower case, the body, and what was parsed.

    Where the body `is_on_disk`, `body` is empty: it is in the file that it was asked into.
    """

    headers: Mapping[str, str]
    body: bytes = b""
    fields: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    status: int = 200
    is_on_disk: bool = False


@functools.lru_cache(maxsize=1024)  # thousands of small objects are of the same few seconds
def _parse_date(text: str) -> float:
    return email.utils.parsedate_to_datetime(text).timestamp()


def read_facts(key: str, headers: Mapping[str, str]) -> ObjectFacts:
    """Return an object's facts from an answer to GetObject, of a range or whole, or HeadObject."""
    total = _TOTAL.match(headers.get("content-range", ""))
    modified = headers.get("last-modified")
    mode = headers.get(f"x-amz-meta-{MODE_METADATA}", "")
    return ObjectFacts(
        key,
        int(total.group(1) if total else headers.get("content-length", 0)),
        _parse_date(modified) if modified else 0.0,
        headers.get("etag", ""),
        int(mode, 8) & 0o7777 if re.fullmatch("[0-7]{1,7}", mode) else None,
        headers.get("x-amz-storage-class", ""),
    )


def read_error(status: int, body: bytes) -> dict[str, str]:
    """Return Code and Message of a refusal; an answer to HeadObject has but its status.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    told = {
        name.decode(): html.unescape(value.decode(errors="replace"))
        for name, value in _TAG.findall(body)
    }
    return {"Code": str(status), **told}
