"""How an object is cut into parts."""

from collections.abc import Iterator
from dataclasses import dataclass

READ_PART_BYTES = 4 * 1024 * 1024
"""As much of an object comes with one request: some 50 MB/s on each connection to S3."""

FIRST_READ_BYTES = 1024 * 1024
"""What is asked for of an object whose size is not known."""

SEND_PART_BYTES = 8 * 1024 * 1024
"""At least 5 MiB but for the last (https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html)."""

MAX_PARTS = 10_000

COPY_WHOLE_BYTES = 256 * 1024**2
"""S3 copies up to 5 GiB at once (https://docs.aws.amazon.com/AmazonS3/latest/API/
API_CopyObject.html), but says nothing while it does, and copies parts side by side."""

COPY_PART_BYTES = 128 * 1024**2


@dataclass(frozen=True)
class Part:
    """A range of an object; S3 counts parts from 1."""

    number: int
    offset: int
    size: int

    @property
    def http_range(self) -> str:
        """The range as a Range header has it."""
        return f"bytes={self.offset}-{self.offset + self.size - 1}"


def iter_parts(size: int, part_bytes: int) -> Iterator[Part]:
    """Yield the parts of `size` bytes in order."""
    for number, offset in enumerate(range(0, size, part_bytes), 1):
        yield Part(number, offset, min(part_bytes, size - offset))


def choose_part_bytes(size: int, least: int) -> int:
    """Return how large parts have to be: `least`, or as many whole MiB as MAX_PARTS ask for."""
    mib = 1024 * 1024
    return max(least, -(-size // (MAX_PARTS * mib)) * mib)
