"""Conda environments of a job: made once, and kept under the S3 root for the jobs that follow.

An environment holds absolute paths, so it works only where it was made. All jobs of an image and
user therefore have theirs in one folder (the *prefix*), and what is kept is named by prefix and
content. The parent restores what there is; what is missing, Snakemake makes in the child, which
then keeps it before the tool runs: as it was made, and whatever becomes of the tool.

This is a cache: where it fails, the job makes its environments itself, and its log says so.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.environment_archive import (
    is_complete,
    pack_environment,
    place_environment,
)
from snakemake_executor_plugin_batchx.job.usage import choose_transfer_memory
from snakemake_executor_plugin_batchx.spec import Blob, StepEnvironment, decode, encode
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.refusals import NOT_THERE, StorageError
from snakemake_executor_plugin_batchx.storage.transfer import ObjectStore, Transfer

SHARED_FOLDER = "BATCHX_SHARED_FOLDER"
"""The variable that names a folder which jobs of a host share, where there is one."""

FAILURES = (BatchxError, OSError, EOFError, zlib.error, tarfile.TarError, ValueError, TypeError)
"""What reading a note and an archive, or making one, may raise."""


@dataclass(frozen=True)
class KeptEnvironment:
    """The note under the S3 root: an archive, and the folder's name that Snakemake gave it."""

    name: str
    archive: Blob


def choose_prefix(environment: Mapping[str, str], scratch: str | None, image: str) -> Path:
    """Return the folder for conda environments: the same for all jobs of an image, user and CPU.

    `environment` is the container's, `scratch` the job's setting. Short, for conda writes the path
    into every script's first line, of which Linux reads 255 bytes and older kernels 127
    (https://man7.org/linux/man-pages/man2/execve.2.html).
    """
    parent = environment.get(SHARED_FOLDER) or scratch or tempfile.gettempdir()
    made_by = json.dumps([image, os.geteuid(), sys.platform, platform.machine()])
    return Path(os.path.realpath(parent), f"batchx-conda-{_hash(made_by)[:12]}")


@contextlib.contextmanager
def open_environments(
    prefix: Path, root: S3Root, needed: Sequence[StepEnvironment]
) -> Iterator["EnvironmentCache | None"]:
    """Yield the cache at `prefix`, made if it is missing; None where it cannot be ours."""
    cache = None
    try:
        prefix.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = prefix.lstat()
        # In a folder that anyone may write, someone else may have been there first.
        if prefix.is_symlink() or status.st_uid != os.geteuid():
            raise PermissionError(f"{prefix} is not this user's own folder")
        cache = EnvironmentCache(prefix, root, needed)
    except OSError as error:
        _say(f"Conda environments are not kept: {error}.")
    try:
        yield cache
    finally:
        if cache is not None:
            cache.close()


class EnvironmentCache:
    """The environments of one job, at their prefix and under the S3 root.

    Those that are neither here nor there are locked from `restore` to `keep_made`, so that other
    jobs of the host wait for them rather than make them again. A fork shares the locks.
    """

    def __init__(self, prefix: Path, root: S3Root, needed: Sequence[StepEnvironment]) -> None:
        self.prefix = prefix
        self._root = root
        self._contents = {_identify(e.rule, e.wildcards): e.content for e in needed}
        self._locks: dict[str, int] = {}
        self._found: dict[str, str] = {}
        self._wrong: set[str] = set()

    def restore(self, transfer: Transfer, store: ObjectStore) -> None:
        """Put in place what is kept, and lock what is not."""
        # Sorted, so that two jobs never wait for each other.
        for content in sorted(set(self._contents.values())):
            try:
                self._lock(content)
                name = self._find_here(content) or self._fetch(transfer, store, content)
            except FAILURES as error:
                name = None
                self._wrong.add(content)
                _say(f"A kept conda environment cannot be used, so it is made anew: {error}")
            if name is not None:
                self._found[content] = name
                self._unlock(content)

    def keep_made(self, store: ObjectStore, jobs: Sequence[Any]) -> None:
        """Keep what Snakemake made for its jobs, which are about to run.

        `store` has to be this process's own: connections do not survive a fork.
        """
        for content, name in self._list_made(jobs).items():
            try:
                with tempfile.TemporaryDirectory(prefix="batchx-conda-") as folder:
                    self._keep(store, content, name, Path(folder, "archive.tar.gz"))
            except FAILURES as error:
                _say(f"A conda environment could not be kept: {error}")
        self.close()

    def close(self) -> None:
        """Let go of all locks, those of a forked process too."""
        for content in list(self._locks):
            self._unlock(content)

    def _list_made(self, jobs: Sequence[Any]) -> dict[str, str]:
        """Return the folder names of environments that are complete and were not restored."""
        made = {}
        for job in jobs:
            content = self._contents.get(_identify(job.rule.name, job.wildcards_dict))
            if content is None or job.conda_env is None:
                continue
            name = os.path.basename(job.conda_env.address)
            if self._found.get(content) != name and is_complete(self.prefix, name):
                made[content] = name
        return made

    def _find_here(self, content: str) -> str | None:
        """Return the name of an environment that an earlier job of this host left."""
        try:
            name = self._get_mark(content).read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        return name if is_complete(self.prefix, name) else None

    def _fetch(self, transfer: Transfer, store: ObjectStore, content: str) -> str | None:
        """Return the name of an environment that was kept in S3 and stands here now."""
        try:
            note = store.read_bytes(self._root.get_environment_key(self._make_key_name(content)))
        except StorageError as error:
            if error.code in NOT_THERE:
                return None
            raise
        kept = decode(KeptEnvironment, json.loads(note))
        if not re.fullmatch(r"\w+", kept.name):
            raise BatchxError(f"{kept.name!r} is no name of an environment.")
        if not is_complete(self.prefix, kept.name):
            with tempfile.TemporaryDirectory(dir=self.prefix, prefix=".fetch-") as folder:
                archive = Path(folder, "archive.tar.gz")
                transfer.fetch_blob(kept.archive, archive)
                place_environment(archive, self.prefix, kept.name)
        self._mark(content, kept.name)
        return kept.name

    def _keep(self, store: ObjectStore, content: str, name: str, archive: Path) -> None:
        key_name = self._make_key_name(content)
        note_key = self._root.get_environment_key(key_name)
        is_replaced = content in self._wrong or content in self._found
        is_owed = is_replaced or not store.has_object(note_key)
        if is_owed:
            pack_environment(self.prefix, name, archive)
        self._mark(content, name)
        self._unlock(content)  # the others of this host need not wait for the upload
        if not is_owed:
            return
        with Transfer(store, choose_transfer_memory()) as transfer:
            blob = transfer.send_file(
                archive,
                lambda sha256: self._root.get_environment_archive_key(key_name, sha256),
                may_exist=True,
            )
        note = json.dumps(encode(KeptEnvironment(name, blob))).encode()
        if is_replaced:
            store.write_bytes(note_key, note)
        else:
            store.create_bytes(note_key, note)

    def _make_key_name(self, content: str) -> str:
        return f"{content[:32]}-{_hash(str(self.prefix))[:12]}"

    def _get_mark(self, content: str) -> Path:
        return self.prefix / f"{content}.name"

    def _mark(self, content: str, name: str) -> None:
        """Note which folder holds an environment, for later jobs of this host."""
        mark = self._get_mark(content)
        temporary = mark.with_suffix(f".{os.getpid()}")
        temporary.write_text(name, encoding="ascii")
        temporary.replace(mark)

    def _lock(self, content: str) -> None:
        lock = os.open(self.prefix / f"{content}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        self._locks[content] = lock
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("Another job of this host is making a conda environment: waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)

    def _unlock(self, content: str) -> None:
        lock = self._locks.pop(content, None)
        if lock is not None:
            fcntl.flock(lock, fcntl.LOCK_UN)  # closing alone would leave it to a forked process
            os.close(lock)


def _identify(rule: str, wildcards: Mapping[str, Any]) -> tuple[str, ...]:
    return (rule, *(f"{name}={value}" for name, value in sorted(wildcards.items())))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _say(text: str) -> None:
    print(f"batchx: {text}", file=sys.stderr, flush=True)  # noqa: T201
