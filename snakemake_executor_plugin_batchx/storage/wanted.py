"""What is wanted of S3: an object, or a range of one, and the file that it becomes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.storage.checksums import AwsChecksums
from snakemake_executor_plugin_batchx.storage.route import Bucket

OnBytes = Callable[[int], None]
"""Called with numbers of bytes while they move; a negative one where they have to move again."""


@dataclass(frozen=True)
class Download:
    """An object, or where it `is_range` the range of one, and the file that it becomes.

    `size` is in bytes, None where S3 has to be asked. With `etag` an object that has been replaced
    is refused, with `sha256` (hex) any other content; of a large one `crc64` (CRC64NVME, base64)
    tells that sooner. The file gets the object's time where `is_dated`.
    """

    key: str
    target: Path
    size: int | None = None
    etag: str | None = None
    sha256: str | None = None
    crc64: str = ""
    offset: int = 0
    is_range: bool = False
    is_dated: bool = False


def list_read_params(bucket: Bucket, etag: str | None) -> dict[str, str]:
    """Return what asks for an object in this state, and for the checksum that AWS keeps of it."""
    params = {"IfMatch": etag} if etag else {}
    if isinstance(bucket.checksums, AwsChecksums):
        params["ChecksumMode"] = "ENABLED"
    return params
