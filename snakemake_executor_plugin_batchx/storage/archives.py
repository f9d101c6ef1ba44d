"""Archived objects: whether they can be read, and asking S3 to restore them.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html
"""

import functools
from collections.abc import Sequence

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.route import Bucket
from snakemake_executor_plugin_batchx.storage.wire import Wire
from snakemake_executor_plugin_batchx.storage.words import count_files

RESTORE_HEADER = "x-amz-restore"
"""Of HeadObject: https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html"""

UNDER_WAY = 'ongoing-request="true"'

ALREADY_CODES = {"RestoreAlreadyInProgress", "409"}


def require_restored(
    engine: Engine, bucket: Bucket, keys: Sequence[str], restore_days: int | None
) -> None:
    """Return if all these archived objects can be read now.

    Those that cannot are asked back for `restore_days`, unless that is None. Raises BatchxError,
    which says what has been done, and StorageError where S3 refuses.
    """
    states = engine.gather(functools.partial(_read_state, engine.wire, bucket), keys)
    frozen = [key for key, state in zip(keys, states, strict=True) if state is None]
    ongoing = [key for key, state in zip(keys, states, strict=True) if state == UNDER_WAY]
    if not frozen and not ongoing:
        return
    first = f"s3://{bucket.bucket}/{(frozen or ongoing)[0]}"
    if frozen and restore_days is None:
        raise BatchxError(
            f"{first} is archived in Glacier ({count_files(len(frozen))} in all): have it restored "
            "by --restore DAYS, or leave it out by --exclude."
        )
    engine.gather(functools.partial(_ask_back, engine.wire, bucket, restore_days or 1), frozen)
    raise BatchxError(
        f"{first} is on its way back from Glacier ({count_files(len(frozen) + len(ongoing))} in "
        "all); that takes 3 to 5 hours, from DEEP_ARCHIVE up to 12. Nothing was fetched: run it "
        "again then."
    )


async def _read_state(wire: Wire, bucket: Bucket, key: str) -> str | None:
    """Return None of an object that is frozen, else what S3 says of its restoration."""
    head = await wire.request(bucket, "HeadObject", key, {})
    told = head.headers.get(RESTORE_HEADER)
    return UNDER_WAY if told is not None and told.startswith(UNDER_WAY) else told


async def _ask_back(wire: Wire, bucket: Bucket, days: int, key: str) -> None:
    wanted = {"RestoreRequest": {"Days": days, "GlacierJobParameters": {"Tier": "Standard"}}}
    try:
        await wire.request(bucket, "RestoreObject", key, wanted)
    except StorageError as error:
        if error.code not in ALREADY_CODES:
            raise
