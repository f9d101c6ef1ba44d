"""Whether what arrived is what was sent, and how it is told if not."""

import hashlib
from pathlib import Path
from typing import Any

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


def check_sha256(target: Path, key: str, found: str, told: str | None) -> None:
    """Raise DamageError where a SHA-256 is not that which the sender told, if it told one."""
    if told not in {None, found}:
        raise DamageError(
            f"{target} did not arrive as it was sent: with SHA-256 {found[:12]}… instead of "
            f"{(told or '')[:12]}… from {key}."
        )


async def hash_file(disk: Disk, path: Path) -> str:
    """Return the SHA-256 (hex) of a large file's content; it can be cancelled on the way."""
    return (await digest_file(disk, path, hashlib.sha256())).hex()


async def digest_file(disk: Disk, path: Path, digest: Any) -> bytes:
    """Return a digest, with hashlib's methods, of a file's content; it can be cancelled."""
    with path.open("rb") as file:

        def update() -> int:
            done = 0
            while done < HASH_STEP_BYTES and (chunk := file.read(HASH_CHUNK_BYTES)):
                digest.update(chunk)
                done += len(chunk)
            return done

        while await disk.run_long(update):
            pass
    return bytes(digest.digest())
