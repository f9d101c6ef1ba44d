"""What jobs have made in S3, asked for once.

Snakemake's s3 plugin keeps nothing in mind: between a job's end and the start of the next, it is
asked for the same object half a dozen times, one question after the other. Nothing but this
Snakemake removes or replaces what a job has made, so one answer holds until it does.
"""

from collections.abc import Iterable
from typing import Any, cast

import snakemake_storage_plugin_s3 as stock

from snakemake_executor_plugin_batchx.storage.answers import ObjectFacts
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.refusals import StorageError


class MadeObject:
    """An object that a job has made, which is looked at once, when first asked for."""

    def __init__(self, *, is_doubtful: bool = False) -> None:
        self._facts: ObjectFacts | None = None
        self._is_doubtful = is_doubtful

    def look(self, item: Any) -> ObjectFacts | None:
        """Return the facts of what a StorageObject stands for; None where the plugin has to ask."""
        if self._facts is None and not self._is_doubtful:
            client = item.provider.s3c.meta.client
            gateway = S3Gateway(client, item.bucket)
            try:
                self._facts = gateway.inspect_object(item.key)
            except StorageError:
                self.forget()  # the plugin meets it again, and says what it is
        return self._facts

    def forget(self) -> None:
        """Leave all answers to the plugin: the object is about to change."""
        self._facts = None
        self._is_doubtful = True


class MadeStorageObject(stock.StorageObject):  # type: ignore[misc]
    """The plugin's own object, once a job has made what it stands for: a file, no directory."""

    made: MadeObject

    def __post_init__(self) -> None:
        super().__post_init__()
        # Of one that Snakemake makes of this (`type(item)(…)`) nothing is known.
        self.made = MadeObject(is_doubtful=True)

    def exists(self) -> bool:
        """Tell whether the object is there."""
        return self.made.look(self) is not None or cast("bool", super().exists())

    def mtime(self) -> float:
        """Return the modification time in seconds of the epoch."""
        facts = self.made.look(self)
        return cast("float", super().mtime()) if facts is None else facts.mtime

    def size(self) -> int:
        """Return the size in bytes."""
        facts = self.made.look(self)
        return cast("int", super().size()) if facts is None else facts.size

    def store_object(self) -> None:
        """Replace the object by the file on disk."""
        self.made.forget()
        super().store_object()

    def remove(self) -> None:
        """Remove the object."""
        self.made.forget()
        super().remove()


def note_made(items: Iterable[Any]) -> None:
    """Let those of the plugin's objects that stand for one file, just made, ask for it once."""
    made = MadeObject()
    for item in items:
        # Only their class tells how they answer; all else that they know stays.
        item.__class__ = MadeStorageObject
        item.made = made
        item._is_dir = False
