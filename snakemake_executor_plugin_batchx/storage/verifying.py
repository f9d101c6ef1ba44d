"""Whether what arrived is what was sent, and how it is told if not."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.storage.checksums import make_crc64
from snakemake_executor_plugin_batchx.storage.disk import Disk
from snakemake_executor_plugin_batchx.storage.refusals import StorageError

HASH_CHUNK_BYTES = 1024 * 1024
HASH_STEP_BYTES = 128 * HASH_CHUNK_BYTES


class DamageError(StorageError):
    """What arrived is not what was sent: another try may bring it."""


def check_size(bucket: str, key: str, size: int, wanted: int) -> None:
    """Raise DamageError where more or fewer bytes arrived than were wanted."""
    if size != wanted:
        raise DamageError(
            f"s3://{bucket}/{key} arrived with {size} bytes instead of {wanted}: was it written to "
            "meanwhile?"
        )


def tell_damage(bucket: str, key: str) -> DamageError:
    """Return what is raised where a checksum is not the one that S3 keeps."""
    return DamageError(
        f"s3://{bucket}/{key} arrived with another checksum than S3 keeps of it: run it again."
    )


def check_sent(target: Path, key: str, kind: str, found: str, told: str | None) -> None:
    """Raise DamageError where a checksum is not that which the sender told, if it told one."""
    if told not in {None, found}:
        raise DamageError(
            f"{target} did not arrive as it was sent: with {kind} {found[:12]}… instead of "
            f"{(told or '')[:12]}… from {key}."
        )


def check_sha256(target: Path, key: str, found: str, told: str | None) -> None:
    """Raise DamageError where a SHA-256 is not that which the sender told, if it told one."""
    check_sent(target, key, "SHA-256", found, told)


class BothDigests:
    """SHA-256 and CRC64NVME at once."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()
        self._crc64 = make_crc64()

    def update(self, data: bytes | memoryview) -> None:
        """Take in more content."""
        self.sha256.update(data)
        self._crc64.update(data)

    def encode_crc64(self) -> str:
        """Return the CRC64NVME in base64."""
        return base64.b64encode(self._crc64.digest()).decode()


async def hash_file(disk: Disk, path: Path) -> tuple[str, str]:
    """Return SHA-256 (hex) and CRC64NVME (base64) of a large file; it can be cancelled."""
    both = BothDigests()
    await read_file(disk, path, both.update)
    return both.sha256.hexdigest(), both.encode_crc64()


async def digest_file(disk: Disk, path: Path, digest: Any) -> bytes:
    """Return a digest, with hashlib's methods, of a file's content; it can be cancelled."""
    await read_file(disk, path, digest.update)
    return bytes(digest.digest())


async def read_file(disk: Disk, path: Path, take: Callable[[memoryview], object]) -> None:
    """Have a file's content taken in, in a thread; it can be cancelled on the way."""
    view = memoryview(bytearray(HASH_CHUNK_BYTES))
    with path.open("rb", buffering=0) as file:

        def read() -> int:
            done = 0
            while done < HASH_STEP_BYTES and (count := file.readinto(view)):
                take(view[:count])
                done += count
            return done

        while await disk.run_long(read):
            pass
