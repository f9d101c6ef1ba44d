"""Files that a host keeps for the jobs that run on it, so that one of them fetches each.

The first job that needs a file fetches it, others that come meanwhile wait for it, and later ones
find it. A lock is held for as long as a job uses a file, and falls with its process. Whatever is
wrong with the cache (no room, a folder that cannot be written, a holder that does not go on), the
job fetches its files as if there were none, and its log says so.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from snakemake_executor_plugin_batchx.job.cache_plan import Claim, Plan
from snakemake_executor_plugin_batchx.job.cache_room import Room
from snakemake_executor_plugin_batchx.job.cache_slot import (
    Lock,
    Slot,
    make_open_folder,
    read_boot,
)
from snakemake_executor_plugin_batchx.spec import SMALL_FILE_BYTES, HostCacheSpec
from snakemake_executor_plugin_batchx.storage.kept_files import FetchAll, Wanted
from snakemake_executor_plugin_batchx.storage.temporary import name_temporary

VERSION_FOLDER = "batchx-1"
"""Everything is below this: the user's folder may hold other things."""

MIN_BYTES = SMALL_FILE_BYTES
"""Smaller files are fetched by each job: that is one request, hardly more than a lock."""

POLL_SECONDS = 0.1

PATIENCE_SECONDS = 60.0
PATIENCE_BYTES_PER_SECOND = 50_000_000
"""How long a fetch may show no progress: a file that has arrived is read once more to be verified,
by a slow disk."""

GIB = 1024**3


class HostCache:
    """The cache in a folder of the host. To be closed: until then its files stay.

    `read_folder` is where the same folder is mounted read-only, if it is. Safe to use from many
    threads, for different files.
    """

    def __init__(
        self,
        folder: Path,
        max_bytes: int | None,
        read_folder: Path | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        clock_ns: Callable[[], int] = time.time_ns,
        boot: str | None = None,
    ) -> None:
        self._root = folder / VERSION_FOLDER
        self._boot = boot or read_boot()
        folder.mkdir(parents=True, exist_ok=True)
        make_open_folder(self._root)
        self._shown = self._root
        if read_folder is not None and _is_same_folder(folder, read_folder):
            self._shown = read_folder / VERSION_FOLDER
        self._room = Room(self._root, max_bytes, self._boot, clock, sleep)
        self._clock = clock
        self._sleep = sleep
        self._clock_ns = clock_ns
        self._guard = threading.Lock()
        self._held: list[Lock] = []
        self._links: list[tuple[Path, str]] = []
        self._said: set[str] = set()

    def close(self) -> None:
        """Let go of all files; the symbolic links to them go, too."""
        with self._guard:
            held, self._held = self._held, []
            links, self._links = self._links, []
        for link, aim in links:
            with contextlib.suppress(OSError):
                if os.readlink(link) == aim:
                    link.unlink()
        for lock in held:
            lock.release()

    def has_linked(self, path: Path) -> bool:
        """Tell whether a path is a link into this cache, which a killed job may have left."""
        tops = {os.path.realpath(self._root), os.path.realpath(self._shown)}
        return path.is_symlink() and any(
            os.path.realpath(path).startswith(top + os.sep) for top in tops
        )

    def provide_all(self, wanted: Sequence[Wanted], fetch_all: FetchAll) -> set[Path]:
        """Put files in their places; return the targets that are links into the cache.

        The others `fetch_all` has brought to their targets: mode and time are the caller's to set.
        """
        plan = Plan()
        for each in wanted:
            is_fit = MIN_BYTES < each.size <= self._room.max_bytes
            (plan.open if is_fit else plan.direct).append(each)
            if each.size > self._room.max_bytes:
                self._say(f"{each.target.name} is larger than all that the host's cache may hold")
        while plan.open or plan.direct:
            claims, plan.open = self._look_at_all(plan)
            if claims or plan.direct:
                plan.open += self._fetch(claims, plan, fetch_all)
            elif plan.open and not self._wait_for(plan.open[0]):
                hopeless = plan.open.pop(0)
                self._say(f"the job that fetches {hopeless.target.name} for this host stands still")
                plan.direct.append(hopeless)
        self._tell(wanted, plan)
        return {each.target for each in plan.linked}

    def _look_at_all(self, plan: Plan) -> tuple[list[Claim], list[Wanted]]:
        """Place what is there; return what this job is to fetch for all, and what others fetch.

        What the cache does not help with becomes `direct`.
        """
        locked: list[tuple[Wanted, Slot, Lock]] = []
        busy: list[Wanted] = []
        for wanted in plan.open:
            slot = Slot(self._root / wanted.key, self._boot)
            try:
                found = self._look_at(slot, wanted)
            except OSError as error:
                self._say(f"the host's cache cannot be used ({error})")
                found = "useless"
            if isinstance(found, Lock):
                locked.append((wanted, slot, found))
            else:
                {"linked": plan.linked, "busy": busy, "useless": plan.direct}[found].append(wanted)
        return self._claim_all(locked, plan), busy

    def _look_at(self, slot: Slot, wanted: Wanted) -> Lock | Literal["linked", "busy", "useless"]:
        """Place a file if it is there; else return the lock of its slot, then empty.

        "busy" where another job is at work in it. Raises OSError.
        """
        name, had_file = wanted.target.name, slot.has_file()
        if had_file:
            shared = slot.lock(is_shared=True)
            if shared is None:
                return "busy"
            file = slot.find_file(name, wanted.size)
            if file is not None:
                self._place(file, wanted, shared)
                return "linked"
            shared.release()
        lock = slot.lock(is_shared=False)
        if lock is None and had_file:
            self._say(f"{name} was changed in the host's cache, where a job uses it still")
            return "useless"
        if lock is None:
            return "busy"
        try:
            if slot.find_file(name, wanted.size) is None:
                slot.clear()
                return lock
        except OSError:
            lock.release()
            raise
        lock.release()
        return "busy"  # it has come this moment: look again

    def _place(self, file: Path, wanted: Wanted, lock: Lock) -> None:
        """Make the target a link to a file of the cache, whose lock is kept from now on."""
        lock.note_use()
        with self._guard:
            self._held.append(lock)
        wanted.target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(name_temporary(os.fspath(wanted.target)))
        try:
            os.link(file, temporary)
        except OSError:  # another file system or mount, or a file of another user
            aim = os.fspath(self._shown / file.relative_to(self._root))
            temporary.symlink_to(aim)
            with self._guard:
                self._links.append((wanted.target, aim))
        try:
            temporary.replace(wanted.target)
        finally:
            temporary.unlink(missing_ok=True)  # two names of one file are not replaced

    def _claim_all(self, locked: Sequence[tuple[Wanted, Slot, Lock]], plan: Plan) -> list[Claim]:
        """Take room for files that this job is to fetch; those without room become `direct`."""
        requests = [(slot, wanted.size) for wanted, slot, _ in locked]
        try:
            parts = self._room.reserve_all(requests) if requests else []
        except OSError as error:
            self._say(f"the host's cache cannot be used ({error})")
            parts = [None] * len(locked)
        claims = []
        for (wanted, slot, lock), part in zip(locked, parts, strict=True):
            if part is not None and wanted not in plan.published:
                claims.append(Claim(wanted, slot, lock, part))
                continue
            if part is None:
                self._say(f"there is no room for {wanted.target.name} in the host's cache")
            slot.end_work(lock)
            plan.direct.append(wanted)
        return claims

    def _fetch(self, claims: Sequence[Claim], plan: Plan, fetch_all: FetchAll) -> list[Wanted]:
        """Fetch what was claimed and what is `direct`; return what other jobs find now."""
        direct, plan.direct = [(each, each.target) for each in plan.direct], []
        errands = [(claim.wanted, claim.part / claim.wanted.target.name) for claim in claims]
        plan.fetched.update(each for each, _ in (*errands, *direct))
        with contextlib.ExitStack() as stack:
            for claim in claims:
                stack.callback(claim.slot.end_work, claim.lock)
            try:
                fetch_all([*errands, *direct])
                for claim in claims:
                    self._publish(claim)
            except OSError as error:
                if not claims:
                    raise
                self._say(f"the host's cache cannot be written ({error})")
                direct += [(claim.wanted, claim.wanted.target) for claim in claims]
            else:
                plan.published.update(claim.wanted for claim in claims)
                return [claim.wanted for claim in claims]
        fetch_all(direct)
        return []

    def _publish(self, claim: Claim) -> None:
        wanted = claim.wanted
        claim.slot.publish(
            claim.part,
            wanted.target.name,
            mtime_ns=min(wanted.mtime_ns, self._clock_ns()),
            mode=wanted.mode,
        )

    def _wait_for(self, wanted: Wanted) -> bool:
        """Wait while another job fetches a file; False where that makes no progress any more."""
        slot = Slot(self._root / wanted.key, self._boot)
        patience_seconds = PATIENCE_SECONDS + wanted.size / PATIENCE_BYTES_PER_SECOND
        self._print_once(f"another job of this host fetches {wanted.target.name}: waiting for it.")
        progress, deadline = slot.read_progress(), self._clock() + patience_seconds
        while self._clock() < deadline:
            try:
                lock = slot.lock(is_shared=True)
            except OSError:
                return False
            if lock is not None:
                lock.release()
                return True
            self._sleep(POLL_SECONDS)
            if progress != (progress := slot.read_progress()):
                deadline = self._clock() + patience_seconds
        return False

    def _tell(self, wanted: Sequence[Wanted], plan: Plan) -> None:
        """Say what came from where, if any of it was for the cache."""
        kept = [each for each in wanted if each.size > MIN_BYTES]
        fetched = [each for each in kept if each in plan.fetched]
        found = [each for each in kept if each not in plan.fetched]
        if kept:
            _print(
                f"inputs for the host's cache: {_count(found)} found there, "
                f"{_count(fetched)} fetched."
            )

    def _say(self, why: str) -> None:
        """Say why a job does without the cache."""
        self._print_once(f"{why}: fetched without it.")

    def _print_once(self, text: str) -> None:
        with self._guard:
            is_new = text not in self._said
            self._said.add(text)
        if is_new:
            _print(text)


@contextlib.contextmanager
def open_host_cache(spec: HostCacheSpec | None) -> Iterator[HostCache | None]:
    """Yield the cache that a job's spec names, None where it names none or it cannot be used."""
    cache = None
    if spec is not None:
        try:
            cache = HostCache(Path(spec.folder), spec.max_bytes, Path(spec.read_folder))
        except OSError as error:
            _print(f"the host's cache cannot be used ({error}): fetched without it.")
    try:
        yield cache
    finally:
        if cache is not None:
            cache.close()


def _print(text: str) -> None:
    print(f"batchx: {text}", file=sys.stderr, flush=True)  # noqa: T201


def _is_same_folder(one: Path, other: Path) -> bool:
    """Tell whether two paths are one folder, by another mount as well."""
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _count(files: Sequence[Wanted]) -> str:
    return f"{len(files)} ({sum(each.size for each in files) / GIB:.2f} GiB)"
