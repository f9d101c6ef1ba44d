"""Conda environments kept for the jobs that follow: packed, restored, locked, never wrong."""

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.job.environment_archive import (
    DONE_SUFFIX,
    is_complete,
    pack_environment,
    place_environment,
)
from snakemake_executor_plugin_batchx.job.environments import (
    SHARED_FOLDER,
    EnvironmentCache,
    choose_prefix,
    open_environments,
)
from snakemake_executor_plugin_batchx.spec import StepEnvironment
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.transfer import Transfer

NAME = "0123456789abcdef0123456789abcdef_"
CONTENT = "c" * 64
NEEDED = [StepEnvironment("map", {"sample": "a"}, CONTENT)]
ROOT = S3Root("bucket", "root/.batchx")
DEADLINE_SECONDS = 30


def make_environment(prefix: Path, name: str = NAME) -> Path:
    """Make a folder as conda and Snakemake leave it."""
    folder = prefix / name
    (folder / "bin").mkdir(parents=True)
    (folder / "lib").mkdir()
    tool = folder / "bin" / "tool"
    tool.write_text(f"#!{folder}/bin/python\n")
    tool.chmod(0o755)
    (folder / "bin" / "same-tool").hardlink_to(tool)
    (folder / "bin" / "also").symlink_to("tool")
    (folder / "lib" / "absolute").symlink_to(tool)
    (folder / "empty").mkdir()
    (prefix / f"{name}.yaml").write_text("dependencies: [tool]\n")
    (prefix / f"{name}{DONE_SUFFIX}").touch()
    return folder


def make_job(prefix: Path, name: str = NAME, sample: str = "a") -> SimpleNamespace:
    """Return a job as the child's Snakemake has it."""
    return SimpleNamespace(
        rule=SimpleNamespace(name="map"),
        wildcards_dict={"sample": sample},
        conda_env=SimpleNamespace(address=str(prefix / name)),
    )


@contextmanager
def open_cache(prefix: Path, store: MemoryStore) -> Iterator[EnvironmentCache]:
    """Begin as a job does: everything that is kept stands now."""
    with open_environments(prefix, ROOT, NEEDED) as cache, Transfer(store) as transfer:
        assert cache is not None
        cache.restore(transfer, store)
        yield cache


def keep_one(prefix: Path, store: MemoryStore, name: str = NAME) -> None:
    """Be the job that makes an environment."""
    with open_cache(prefix, store) as cache:
        make_environment(prefix, name)
        cache.keep_made(store, [make_job(prefix, name)])


def clear(prefix: Path) -> None:
    """Be another host: the prefix is empty."""
    prefix.rename(prefix.with_name(f"gone-{len(os.listdir(prefix.parent))}"))


def list_calls(store: MemoryStore, action: Callable[[], None]) -> dict[str, int]:
    before = store.calls.copy()
    action()
    return dict(store.calls - before)


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return tmp_path / "prefix"


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def test_an_archive_brings_back_links_and_modes(tmp_path: Path, prefix: Path) -> None:
    folder = make_environment(prefix)
    archive = tmp_path / "archive.tar.gz"
    pack_environment(prefix, NAME, archive)
    clear(prefix)
    prefix.mkdir()
    place_environment(archive, prefix, NAME)
    assert is_complete(prefix, NAME)
    tool = folder / "bin" / "tool"
    assert tool.read_text() == f"#!{folder}/bin/python\n"
    assert tool.stat().st_mode & 0o777 == 0o755
    assert tool.samefile(folder / "bin" / "same-tool")
    assert os.readlink(folder / "bin" / "also") == "tool"
    assert os.readlink(folder / "lib" / "absolute") == str(tool)
    assert (folder / "empty").is_dir()
    assert (prefix / f"{NAME}.yaml").is_file()


def test_what_is_broken_is_replaced_by_an_archive(tmp_path: Path, prefix: Path) -> None:
    make_environment(prefix)
    archive = tmp_path / "archive.tar.gz"
    pack_environment(prefix, NAME, archive)
    (prefix / NAME / "leftover").touch()
    (prefix / f"{NAME}{DONE_SUFFIX}").unlink()
    place_environment(archive, prefix, NAME)
    assert is_complete(prefix, NAME)
    assert not (prefix / NAME / "leftover").exists()


def test_what_one_host_made_stands_on_the_next(prefix: Path, store: MemoryStore) -> None:
    keep_one(prefix, store)
    clear(prefix)
    with open_cache(prefix, store):
        assert is_complete(prefix, NAME)
    assert not [name for name in os.listdir(prefix) if name.startswith(".")]


def test_the_next_job_of_a_host_asks_nobody(prefix: Path, store: MemoryStore) -> None:
    keep_one(prefix, store)

    def run_next() -> None:
        with open_cache(prefix, store) as cache:
            cache.keep_made(store, [make_job(prefix)])

    assert list_calls(store, run_next) == {}


def test_an_environment_of_another_prefix_is_not_taken(prefix: Path, store: MemoryStore) -> None:
    keep_one(prefix, store)
    other = prefix.with_name("other")
    with open_cache(other, store):
        assert not is_complete(other, NAME)


def test_what_was_not_finished_is_not_kept(prefix: Path, store: MemoryStore) -> None:
    with open_cache(prefix, store) as cache:
        make_environment(prefix)
        (prefix / f"{NAME}{DONE_SUFFIX}").unlink()
        cache.keep_made(store, [make_job(prefix), make_job(prefix, sample="unknown")])
    assert store.objects == {}


def test_two_hosts_that_make_the_same_at_once_keep_one(prefix: Path, store: MemoryStore) -> None:
    with open_cache(prefix, store) as late:
        clear(prefix)
        keep_one(prefix, store)
        notes = {key: data for key, data in store.objects.items() if key.endswith(".json")}
        late.keep_made(store, [make_job(prefix)])
    assert {key: store.objects[key] for key in notes} == notes
    clear(prefix)
    with open_cache(prefix, store):
        assert is_complete(prefix, NAME)


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


@pytest.mark.parametrize("damage", [cut, flip, lambda _: b""])
@pytest.mark.parametrize("part", [".json", ".tar.gz"])
def test_what_is_damaged_is_made_anew_and_kept_again(
    prefix: Path,
    store: MemoryStore,
    part: str,
    damage: Callable[[bytes], bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    keep_one(prefix, store)
    (key,) = [key for key in store.objects if key.endswith(part)]
    store.objects[key] = damage(store.objects[key])
    clear(prefix)
    with open_cache(prefix, store) as cache:
        assert not is_complete(prefix, NAME)
        assert "cannot be used, so it is made anew" in capsys.readouterr().err
        make_environment(prefix)
        cache.keep_made(store, [make_job(prefix)])
    clear(prefix)
    with open_cache(prefix, store):
        assert is_complete(prefix, NAME)


@pytest.mark.parametrize("name", ["../elsewhere", "", "a/b"])
def test_a_note_that_leads_elsewhere_is_not_followed(
    prefix: Path, store: MemoryStore, name: str
) -> None:
    keep_one(prefix, store)
    (key,) = [key for key in store.objects if key.endswith(".json")]
    note = json.loads(store.objects[key])
    store.objects[key] = json.dumps({**note, "name": name}).encode()
    clear(prefix)
    with open_cache(prefix, store):
        assert os.listdir(prefix) == [f"{CONTENT}.lock"]


def test_what_snakemake_calls_otherwise_by_now_is_kept_anew(
    prefix: Path, store: MemoryStore
) -> None:
    keep_one(prefix, store)
    clear(prefix)
    other = NAME.replace("0", "f")
    keep_one(prefix, store, other)
    clear(prefix)
    with open_cache(prefix, store):
        assert is_complete(prefix, other)
        assert not is_complete(prefix, NAME)


class ClosedStore(MemoryStore):
    """A store that lets nobody in."""

    def create_bytes(self, key: str, data: bytes) -> bool:
        raise StorageError(f"S3 refuses s3:PutObject on {key}.", "AccessDenied")

    def read_bytes(self, key: str) -> bytes:
        raise StorageError(f"S3 refuses s3:GetObject on {key}.", "AccessDenied")


def test_a_cache_that_cannot_be_written_is_no_failure(
    prefix: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = ClosedStore()
    keep_one(prefix, store)
    assert "could not be kept: S3 refuses" in capsys.readouterr().err
    with open_cache(prefix, store) as cache:  # this host has it, all the same
        cache.keep_made(store, [make_job(prefix)])
    assert capsys.readouterr().err == ""


def test_a_prefix_that_cannot_be_ours_is_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with open_environments(tmp_path / name, ROOT, NEEDED) as cache:
            assert cache is None
        assert "Conda environments are not kept" in capsys.readouterr().err


def is_locked(prefix: Path) -> bool:
    with open(prefix / f"{CONTENT}.lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_an_environment_is_locked_until_it_stands(prefix: Path, store: MemoryStore) -> None:
    with open_cache(prefix, store) as cache:
        assert is_locked(prefix)
        make_environment(prefix)
        cache.keep_made(store, [make_job(prefix)])
        assert not is_locked(prefix)
    with open_cache(prefix, store):
        assert not is_locked(prefix)


def test_a_job_that_fails_lets_go(prefix: Path, store: MemoryStore) -> None:
    with open_cache(prefix, store):
        assert is_locked(prefix)
    assert not is_locked(prefix)


def test_a_forked_child_lets_go_for_its_parent(prefix: Path, store: MemoryStore) -> None:
    with open_cache(prefix, store) as cache:
        child = os.fork()
        if child == 0:
            make_environment(prefix)
            cache.keep_made(store, [make_job(prefix)])
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert not is_locked(prefix)


def test_a_second_job_of_the_host_waits_and_finds_it_made(
    prefix: Path, store: MemoryStore, capfd: pytest.CaptureFixture[str]
) -> None:
    found = threading.Event()

    def run_second() -> None:
        with open_cache(prefix, store):
            if is_complete(prefix, NAME):
                found.set()

    second = threading.Thread(target=run_second)
    with open_cache(prefix, store) as cache:
        second.start()
        said, deadline = "", time.monotonic() + DEADLINE_SECONDS
        while "waiting for it" not in said:
            assert time.monotonic() < deadline
            said += capfd.readouterr().err
        assert not found.is_set()
        make_environment(prefix)
        cache.keep_made(store, [make_job(prefix)])
    second.join(DEADLINE_SECONDS)
    assert found.is_set()


def test_the_prefix_is_one_of_image_and_place(tmp_path: Path) -> None:
    shared = {SHARED_FOLDER: str(tmp_path / "shared")}
    prefix = choose_prefix({}, str(tmp_path), "debian:12")
    assert prefix.parent == tmp_path
    assert prefix == choose_prefix({}, str(tmp_path), "debian:12")
    assert prefix != choose_prefix({}, str(tmp_path), "debian:13")
    assert choose_prefix(shared, str(tmp_path), "debian:12").parent == tmp_path / "shared"
    script = Path("/tmp", prefix.name, NAME, "bin", "python3.12")
    assert len(f"#!{script}") < 127
