"""What SRC and DST name, by their words."""

import os
import re
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.errors import BatchxError

SCHEME = "s3://"

_BUCKET = re.compile(r"[A-Za-z0-9._-]{3,255}")
"""Old buckets in us-east-1 may have capitals and underscores:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""


class PlaceError(BatchxError):
    """SRC or DST cannot be meant so."""


@dataclass(frozen=True)
class S3Place:
    """A key, or the prefix of keys, in a bucket."""

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}"

    @property
    def is_folder(self) -> bool:
        """Whether its words say that it is one: the bucket, or what ends with a slash."""
        return not self.key or self.key.endswith("/")

    def as_folder(self) -> "S3Place":
        """Return the place with the slash of a folder."""
        return self if self.is_folder else S3Place(self.bucket, f"{self.key}/")

    def join(self, name: str) -> "S3Place":
        """Return the place of a name in this folder."""
        return S3Place(self.bucket, self.as_folder().key + name)


Place = S3Place | str
"""In S3, or a path."""


def parse_place(text: str) -> Place:
    """Return what SRC or DST says. Raises PlaceError where it says nothing, or no bucket."""
    if not text:
        raise PlaceError("SRC and DST cannot be empty: this folder is .")
    if not text.startswith(SCHEME):
        return text
    bucket, _, key = text.removeprefix(SCHEME).partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise PlaceError(f"{text} names no bucket: write s3://bucket/prefix.")
    return S3Place(bucket, key)


def check_places(source: Place, destination: Place) -> None:
    """Raise PlaceError where neither place is in S3."""
    if isinstance(source, str) and isinstance(destination, str):
        raise PlaceError("Neither SRC nor DST is in S3: one of them must be s3://bucket/prefix.")


@dataclass(frozen=True)
class End:
    """Where the items of a listing are: below a path or prefix, or the one that it names."""

    base: str
    is_single: bool = False

    def locate(self, name: str) -> str:
        """Return the path or key of an item."""
        return self.base if self.is_single else self.base + name


def as_folder(path: str) -> str:
    """Return a path with the slash of a folder."""
    return os.path.join(path, "")
