"""Specs that hold secrets, kept for as long as a job needs them."""

import threading
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from snakemake_executor_plugin_batchx.inflight import TrackedJob


class Deleter(Protocol):
    """What is needed of the S3 gateway."""

    def delete_objects(self, keys: Sequence[str]) -> None:
        """Delete objects; those that are not there do not matter."""


class KeptSpecs:
    """Which jobs need which spec object; with none left, a spec with values of the head's goes.

    With `has_secrets` (`envvars:`) every spec of the run has such values, else those that say so.
    One of an earlier run stays to the end: of its array more jobs may be taken up.
    Safe to use from many threads.
    """

    def __init__(self, store: Deleter, *, has_secrets: bool) -> None:
        self._store = store
        self._has_secrets = has_secrets
        self._lock = threading.Lock()
        self._users: dict[str, set[str]] = {}
        self._unneeded: list[str] = []

    @property
    def has_unneeded(self) -> bool:
        """Whether there is something to delete."""
        return bool(self._unneeded)

    def note(self, spec_key: str, jobs: Iterable[TrackedJob], *, is_secret: bool = False) -> None:
        """Note that jobs need a spec; `is_secret` if it holds variables of the head's."""
        if self._has_secrets or is_secret:
            with self._lock:
                users = self._users.setdefault(spec_key, set())
                users.update(job.submission for job in jobs)

    def release(self, job: TrackedJob) -> None:
        """Note that a job does not need its spec any more."""
        if job.is_adopted:
            return
        with self._lock:
            users = self._users.get(job.spec_key)
            if users is None:
                return
            users.discard(job.submission)
            if not users:
                del self._users[job.spec_key]
                self._unneeded.append(job.spec_key)

    def release_all(self, kept: Collection[str]) -> None:
        """Note that no job needs its spec any more, except for these keys."""
        with self._lock:
            self._unneeded += [key for key in self._users if key not in kept]
            self._users = {}

    def delete_unneeded(self) -> None:
        """Delete what no job needs, many in one request; raises StorageError where S3 refuses.

        Then it is tried once more after `release_all`.
        """
        with self._lock:
            keys, self._unneeded = self._unneeded, []
        if not keys:
            return
        try:
            self._store.delete_objects(keys)
        except BaseException:
            with self._lock:
                self._users |= {key: set() for key in keys}
            raise
