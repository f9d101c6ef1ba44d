"""The host's cache: one job fetches, all get the right file, and nothing breaks a job."""

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cache_worker import MTIME_NS, SIZE, make_content, want

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.cache_slot import read_boot, take_lock
from snakemake_executor_plugin_batchx.job.host_cache import (
    PATIENCE_SECONDS,
    HostCache,
    open_host_cache,
)
from snakemake_executor_plugin_batchx.spec import HostCacheSpec
from snakemake_executor_plugin_batchx.storage.kept_files import Wanted

WORKER = Path(__file__).with_name("cache_worker.py")
PLENTY = 100 * SIZE
WAIT_SECONDS = 60


@dataclass
class Source:
    """What a job fetches from; counts the fetches by name."""

    contents: dict[str, bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    failure: Callable[[Path], None] = lambda _: None

    def fetch_all(self, errands: Sequence[tuple[Wanted, Path]]) -> None:
        for wanted, path in errands:
            name = wanted.target.name
            self.fetched.append(name)
            self.failure(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.contents.get(name) or make_content(name))


@dataclass
class Host:
    """A host's folder, and what its jobs fetched."""

    folder: Path
    source: Source = field(default_factory=Source)
    jobs: int = 0

    @property
    def cache_folder(self) -> Path:
        return self.folder / "cache"

    @contextlib.contextmanager
    def run_job(
        self, *names: str, bound: int = PLENTY, identity: str = "", boot: str = "boot"
    ) -> Iterator[list[Path]]:
        """Yield the files of a job that wants them, while it runs."""
        self.jobs += 1
        work = self.folder / f"job-{self.jobs}"
        cache = HostCache(self.cache_folder, bound, boot=boot)
        with contextlib.closing(cache):
            wanted = [want(name, work, identity) for name in names]
            cache.provide_all(wanted, self.source.fetch_all)
            yield [each.target for each in wanted]

    def take_fetched(self) -> list[str]:
        fetched, self.source.fetched = self.source.fetched, []
        return fetched

    def list_kept(self) -> dict[str, Path]:
        return {path.name: path for path in self.cache_folder.glob("batchx-1/*/file-*/*")}

    def set_last_use(self, name: str, seconds: float) -> None:
        os.utime(self.list_kept()[name].parents[1] / "lock", (seconds, seconds))

    def list_parts(self) -> list[Path]:
        return list(self.cache_folder.glob("batchx-1/*/part-*"))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@dataclass
class Worker:
    process: subprocess.Popen[str]

    def read_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def finish(self) -> list[str]:
        """End the job when its files are placed; return the inodes of those."""
        said, problems = self.process.communicate(timeout=WAIT_SECONDS)
        assert self.process.returncode == 0, problems
        return [line.split()[1] for line in said.splitlines() if line.startswith("placed")]


@contextlib.contextmanager
def start_workers(
    host: Host,
    names: Sequence[Sequence[str]],
    *,
    bound: int = PLENTY,
    gate: str = "",
    user: int | None = None,
) -> Iterator[list[Worker]]:
    """Run a process for each sequence of names, all at once."""
    with contextlib.ExitStack() as stack:
        workers = []
        for number, wanted in enumerate(names):
            arguments = [host.cache_folder, bound, host.folder / f"work-{number}"]
            arguments += [host.folder / "log", gate, os.geteuid() if user is None else user]
            arguments += wanted
            process = subprocess.Popen(
                [sys.executable, str(WORKER), *map(str, arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            workers.append(Worker(process))
        yield workers


def read_log(host: Host) -> list[str]:
    return (host.folder / "log").read_text().split()


# Many at once


def test_of_many_jobs_at_once_one_fetches(host: Host) -> None:
    with start_workers(host, [["a", "b"], ["b", "a"], ["a"], ["b"]]) as workers:
        placed = [worker.finish() for worker in workers]
    assert [len(inodes) for inodes in placed] == [2, 2, 1, 1]
    assert len({inode for inodes in placed for inode in inodes}) == 2  # hard links all
    assert sorted(read_log(host)) == ["a", "b"]
    assert host.list_parts() == []


def test_when_the_fetching_job_is_killed_a_waiting_one_goes_on(host: Host) -> None:
    gate = host.folder / "gate"
    with start_workers(host, [["a"]], gate=str(gate)) as (first,):
        assert first.read_line() == "fetching"
        with start_workers(host, [["a"]]) as (second,):
            assert second.process.stderr is not None
            assert "waiting" in second.process.stderr.readline()
            assert read_log(host) == ["a"]
            first.process.send_signal(signal.SIGKILL)
            assert second.read_line() == "fetching"
            second.finish()
    assert read_log(host) == ["a", "a"]
    assert (list(host.list_kept()), host.list_parts()) == (["a"], [])


def test_what_a_killed_job_left_goes_when_another_needs_room(host: Host) -> None:
    with start_workers(host, [["a"]], gate=str(host.folder / "gate")) as (first,):
        assert first.read_line() == "fetching"
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
    assert len(host.list_parts()) == 1
    with host.run_job("b", bound=SIZE):
        assert host.list_parts() == []
        assert list(host.list_kept()) == ["b"]
    assert [path.name for path in (host.cache_folder / "batchx-1").glob("*/lock")] == ["lock"]


def test_jobs_that_begin_at_once_keep_to_the_bound_together(host: Host) -> None:
    gate = host.folder / "gate"
    names = [["a"], ["b"], ["c"], ["d"]]
    with start_workers(host, names, bound=2 * SIZE, gate=str(gate)) as workers:
        for worker in workers:
            assert worker.read_line() == "fetching"
        assert len(host.list_parts()) == 2
        gate.touch()
        for worker in workers:
            worker.finish()
    assert len(host.list_kept()) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_users_share_what_one_of_them_fetched() -> None:
    with tempfile.TemporaryDirectory() as folder:
        host = Host(Path(folder))
        host.folder.chmod(0o777)
        for number, user in enumerate((0, 65534, 65533)):
            names = [["a"], ["a", "b"], ["b", "c"]][number]
            with start_workers(host, [names], user=user, bound=2 * SIZE) as (worker,):
                worker.finish()
            (host.folder / "log").chmod(0o666)
            shutil.rmtree(host.folder / "work-0")
        assert read_log(host) == ["a", "b", "c"]
        assert set(host.list_kept()) == {"b", "c"}


# What is kept


def test_a_file_has_its_time_and_mode(host: Host) -> None:
    with host.run_job("a") as (target,):
        status = target.stat()
        assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o644, MTIME_NS)
        assert target.samefile(host.list_kept()["a"])
    assert target.read_bytes() == make_content("a")  # the job's own name of it


def test_all_may_read_it_and_a_future_time_is_of_now(host: Host, tmp_path: Path) -> None:
    now_ns = MTIME_NS + 1000
    wanted = replace(want("a", tmp_path), mtime_ns=now_ns + 10**12, mode=0o700)
    for clock_ns in (lambda: now_ns, lambda: now_ns + 10**9):
        cache = HostCache(host.cache_folder, PLENTY, clock_ns=clock_ns)
        with contextlib.closing(cache):
            cache.provide_all([wanted], host.source.fetch_all)
        assert (wanted.target.stat().st_mode & 0o777) == 0o744
        assert wanted.target.stat().st_mtime_ns == now_ns
    assert host.take_fetched() == ["a"]


def test_one_content_under_two_names_and_in_two_folders(host: Host, tmp_path: Path) -> None:
    first = want("a", tmp_path / "x")
    second = replace(first, target=tmp_path / "y" / "a")
    other = replace(first, target=tmp_path / "x" / "b.gz")
    cache = HostCache(host.cache_folder, PLENTY)
    with contextlib.closing(cache):
        linked = cache.provide_all([first, second, other], host.source.fetch_all)
    assert linked == {first.target, second.target, other.target}
    assert host.take_fetched() == ["a", "b.gz"]


def test_a_replaced_object_is_fetched_anew(host: Host) -> None:
    for identity in ("s3://b/a etag-1", "s3://b/a etag-1", "s3://b/a etag-2"):
        with host.run_job("a", identity=identity):
            pass
    assert host.take_fetched() == ["a", "a"]


def test_small_files_are_left_to_each_job(host: Host, tmp_path: Path) -> None:
    small = replace(want("a", tmp_path), size=100)
    cache = HostCache(host.cache_folder, PLENTY)
    with contextlib.closing(cache):
        assert cache.provide_all([small], host.source.fetch_all) == set()
    assert (host.take_fetched(), host.list_kept()) == (["a"], {})


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def write_over(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"x")


DAMAGES: dict[str, Callable[[Path], None]] = {
    "written over": write_over,
    "longer": append,
    "shorter": lambda path: os.truncate(path, 5),
    "touched": os.utime,
    "gone": lambda path: path.unlink(),
    "something beside it": lambda path: path.with_name("a.fai").touch(),
    "no file": lambda path: (path.unlink(), path.mkdir())[0],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_was_changed_is_fetched_anew(host: Host, damage: Callable[[Path], None]) -> None:
    with host.run_job("a"):
        pass
    kept = host.list_kept()["a"]
    damage(kept)
    with host.run_job("a") as (target,):
        assert target.read_bytes() == make_content("a")
    assert host.take_fetched() == ["a", "a"]
    assert [path.stat().st_mtime_ns for path in host.list_kept().values()] == [MTIME_NS]


def test_what_was_changed_under_a_job_stays_until_it_ends(host: Host) -> None:
    with host.run_job("a") as (first,):
        kept = host.list_kept()["a"]
        write_over(kept)
        with host.run_job("a") as (second,):
            assert second.read_bytes() == make_content("a")
        assert first.samefile(kept)
    with host.run_job("a") as (third,):
        assert third.samefile(host.list_kept()["a"])
    assert host.take_fetched() == ["a", "a", "a"]


def test_what_came_before_the_host_last_started_does_not_count(host: Host) -> None:
    for boot in ("one", "one", "two"):
        with host.run_job("a", boot=boot):
            pass
    assert host.take_fetched() == ["a", "a"]
    assert len(host.list_kept()) == 1
    assert read_boot() == read_boot() != ""


# Room


def test_what_was_unused_for_longest_goes(host: Host) -> None:
    for name in "abc":
        with host.run_job(name):
            pass
    for name, seconds in (("a", 10), ("b", 20), ("c", 30)):
        host.set_last_use(name, seconds)
    with host.run_job("a", bound=3 * SIZE):
        pass
    with host.run_job("d", bound=3 * SIZE):
        pass
    assert set(host.list_kept()) == {"a", "c", "d"}


def test_what_a_job_uses_stays_and_nothing_goes_in_vain(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    with host.run_job("a", "b"):
        host.set_last_use("a", 10)
    with host.run_job("b"):
        large = replace(want("c", host.folder), size=2 * SIZE)
        host.source.contents["c"] = make_content("c") * 2
        cache = HostCache(host.cache_folder, 2 * SIZE)
        with contextlib.closing(cache):
            assert cache.provide_all([large], host.source.fetch_all) == set()
        assert large.target.stat().st_size == 2 * SIZE
        assert set(host.list_kept()) == {"a", "b"}
    assert (
        "there is no room for c in the host's cache: fetched without it" in capsys.readouterr().err
    )


def test_a_file_larger_than_the_bound_is_fetched_without(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    with host.run_job("a", bound=SIZE - 1) as (target,):
        assert target.read_bytes() == make_content("a")
    assert host.list_kept() == {}
    assert "a is larger than all that the host's cache may hold" in capsys.readouterr().err


def test_a_disk_that_would_be_too_full_keeps_its_rest(host: Host) -> None:
    disk = os.statvfs(host.folder)
    size = disk.f_bavail * disk.f_frsize
    wanted = replace(want("a", host.folder / "x"), size=size)
    cache = HostCache(host.cache_folder, 2 * size)
    with contextlib.closing(cache):
        assert cache.provide_all([wanted], host.source.fetch_all) == set()
    assert host.take_fetched() == ["a"]


# What goes wrong


def test_a_full_disk_on_the_way_is_no_failure(
    host: Host, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill(path: Path) -> None:
        if path.is_relative_to(host.cache_folder):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    host.source.failure = fill
    with host.run_job("a") as (target,):
        assert target.read_bytes() == make_content("a")
    assert (host.list_kept(), host.list_parts()) == ({}, [])
    told = capsys.readouterr().err
    assert "cannot be written ([Errno 28] No space left on device" in told
    assert told.count("fetched without it") == 1


def test_what_cannot_be_fetched_fails_and_leaves_nothing(host: Host) -> None:
    def refuse(_: Path) -> None:
        raise BatchxError("no such object")

    host.source.failure = refuse
    with pytest.raises(BatchxError, match="no such object"), host.run_job("a"):
        pass
    assert list((host.cache_folder / "batchx-1").glob("*/*")) == []
    host.source.failure = lambda _: None
    with host.run_job("a") as (target,):
        assert target.samefile(host.list_kept()["a"])


def test_what_arrives_in_another_size_is_refused(host: Host) -> None:
    host.source.contents["a"] = b"short"
    with pytest.raises(BatchxError, match="a arrived with 5 bytes instead of"), host.run_job("a"):
        pass
    assert host.list_kept() == {}


def test_a_job_does_not_wait_for_one_that_stands_still(
    host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = want("a", tmp_path / "work")
    with host.run_job("a"):
        pass
    slot = host.list_kept()["a"].parents[1]
    shutil.rmtree(host.list_kept()["a"].parent)
    holder = take_lock(slot / "lock", is_shared=False)
    assert holder is not None
    part = slot / f"part-{SIZE}"
    part.mkdir()
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if now[0] < 100:  # it goes on for a while
            (part / "half").write_bytes(b"x" * int(now[0]))

    cache = HostCache(host.cache_folder, PLENTY, clock=lambda: now[0], sleep=sleep)
    with contextlib.closing(cache):
        assert cache.provide_all([wanted], host.source.fetch_all) == set()
    assert wanted.target.read_bytes() == make_content("a")
    assert 100 + PATIENCE_SECONDS < now[0] < 110 + PATIENCE_SECONDS
    assert "the job that fetches a for this host stands still" in capsys.readouterr().err
    holder.release()


def test_without_a_folder_there_is_no_cache_and_a_line_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with open_host_cache(HostCacheSpec(str(tmp_path / "file"), "/x", None, ())) as cache:
        assert cache is None
    assert "the host's cache cannot be used" in capsys.readouterr().err
    with open_host_cache(None) as cache:
        assert cache is None
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(
    not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat("/tmp").st_dev,
    reason="needs a second file system",
)
def test_from_another_file_system_a_link_leads_to_the_read_only_mount(host: Host) -> None:
    shown = host.folder / "read-only"
    shown.symlink_to(host.cache_folder)  # the same folder by another path, as a bind mount is
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        wanted = want("a", Path(folder))
        cache = HostCache(host.cache_folder, PLENTY, shown)
        with contextlib.closing(cache):
            assert cache.provide_all([wanted], host.source.fetch_all) == {wanted.target}
            assert os.readlink(wanted.target).startswith(str(shown))
            assert wanted.target.stat().st_mtime_ns == MTIME_NS
            assert wanted.target.name == Path(os.readlink(wanted.target)).name
            assert cache.has_linked(wanted.target)
        assert not wanted.target.is_symlink()
