"""`batchx sync` against a real S3 server, in all three directions."""

from __future__ import annotations

import contextlib
import http.server
import logging
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import boto3
import pytest
from counting_watcher import CountingWatcher
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

from snakemake_executor_plugin_batchx.cli import main
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.answers import ObjectFacts
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.sync.fetching import open_fetcher
from snakemake_executor_plugin_batchx.storage.sync.filters import Filters
from snakemake_executor_plugin_batchx.storage.sync.places import S3Place
from snakemake_executor_plugin_batchx.storage.sync.plan import Direction, Rules
from snakemake_executor_plugin_batchx.storage.sync.run import Order, run_sync

BUCKET, OTHER_BUCKET = "mine", "other"
LONG_AGO = 1_000_000_000.0


class RequestLog(logging.Handler):
    """What a server in this process was asked, as "GET /bucket/key"."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage().partition('"')[2]
        self.requests.append(" ".join(line.split(" ")[:2]))


@dataclass
class World:
    """An S3, a folder to work in, and the command."""

    url: str
    s3: Any
    folder: Path
    capsys: pytest.CaptureFixture[str]
    log: RequestLog

    def call(self, *args: str) -> tuple[int, str, str]:
        """Run the command; return its exit code and what it printed, the requests in `log`."""
        self.log.requests.clear()
        self.capsys.readouterr()
        code = main(["sync", *args, "--endpoint-url", self.url])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def sync(self, *args: str) -> str:
        """Run the command, which must do well; return the summary."""
        code, out, err = self.call(*args)
        assert code == 0, err
        return (out or err).splitlines()[-1]

    def refuse(self, *args: str) -> str:
        """Run the command, which must fail before anything moves; return its sentence."""
        keys, files = self.list_keys(), list_files(self.folder)
        code, out, err = self.call(*args)
        assert (code, out) == (1, "")
        assert err.count("\n") == 1
        assert self.list_keys() == keys
        assert list_files(self.folder) == files
        return err.removeprefix("batchx: ").rstrip()

    def put(self, *keys: str, body: bytes = b"content", bucket: str = BUCKET) -> None:
        for key in keys:
            self.s3.put_object(Bucket=bucket, Key=key, Body=body)

    def get(self, key: str, bucket: str = BUCKET) -> bytes:
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def list_keys(self, bucket: str = BUCKET) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def clear(self) -> None:
        """Remove all objects."""
        for bucket in (BUCKET, OTHER_BUCKET):
            S3Gateway(self.s3, bucket).delete_objects(self.list_keys(bucket))

    def make(self, *names: str, content: str = "content") -> None:
        """Make files that have been there for long, and folders (`name/`)."""
        for name in names:
            path = self.folder / name
            if name.endswith("/"):
                path.mkdir(parents=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content)
                os.utime(path, (LONG_AGO, LONG_AGO))


def list_files(folder: Path) -> dict[str, bytes]:
    """Return contents by name, empty folders as `name/`."""
    found = {}
    for parent, folders, files in os.walk(folder):
        below = Path(parent).relative_to(folder).as_posix()
        if not folders and not files and below != ".":
            found[f"{below}/"] = b""
        for path in (Path(parent, name) for name in files if Path(parent, name).exists()):
            name = path.name
            found[f"{below}/{name}".removeprefix("./")] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def log() -> Iterator[RequestLog]:
    log = RequestLog()
    logger = logging.getLogger("werkzeug")
    logger.addHandler(log)
    before, logger.level = logger.level, logging.INFO
    yield log
    logger.level = before
    logger.removeHandler(log)


@pytest.fixture
def world(
    moto_url: str,
    log: RequestLog,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.chdir(tmp_path)
    s3 = boto3.client("s3", endpoint_url=moto_url)
    for bucket in (BUCKET, OTHER_BUCKET):
        s3.create_bucket(Bucket=bucket)
    world = World(moto_url, s3, tmp_path, capsys, log)
    yield world
    world.clear()


# The way there and back


def test_there_and_back(world: World) -> None:
    world.make("data/a", "data/a b/ü", "data/a-b", "data/deep/er/\U0001f600", "data/none/at/all/")
    world.make("data/zero", content="")
    assert world.sync("data", f"s3://{BUCKET}/p").startswith("batchx: 5 files, 28 B sent in ")
    names = ["a", "a b/ü", "a-b", "deep/er/\U0001f600", "none/at/all/", "zero"]
    assert world.list_keys() == [f"p/{name}" for name in names]
    assert world.sync(f"s3://{BUCKET}/p", "back").startswith("batchx: 5 files, 28 B fetched in ")
    assert list_files(world.folder / "back") == list_files(world.folder / "data")
    summary = world.sync(f"s3://{BUCKET}/p/", f"s3://{OTHER_BUCKET}")
    assert summary.startswith("batchx: 5 files, 28 B copied in ")
    assert world.list_keys(OTHER_BUCKET) == names


@pytest.mark.parametrize(
    "places",
    [
        ("data", f"s3://{BUCKET}/p"),
        (f"s3://{BUCKET}/p", "back"),
        (f"s3://{BUCKET}/p", f"s3://{OTHER_BUCKET}/q"),
    ],
)
def test_what_is_the_same_stays(world: World, places: tuple[str, str]) -> None:
    world.make("data/a", "data/b/c", "data/none/")
    world.sync("data", f"s3://{BUCKET}/p")
    world.sync(*places)
    assert "0 files, 0 B" in (summary := world.sync(*places))
    assert summary.endswith(", 2 unchanged")
    assert {request.split()[0] for request in world.log.requests} == {"GET"}
    assert len(world.log.requests) <= 2


def test_a_thousand_small_files_that_are_the_same_cost_one_listing(world: World) -> None:
    names = [f"data/{number % 7}/{number}" for number in range(1000)]
    world.make(*names)
    for name in names:
        world.put(name)
    summary = world.sync("data", f"s3://{BUCKET}/data")
    assert summary.endswith(", 1,000 unchanged")
    assert len(world.log.requests) == 1
    assert "list-type=2" in world.log.requests[0]
    for item in world.s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        time = item["LastModified"].timestamp()
        os.utime(world.folder / item["Key"], (time, time))
    summary = world.sync(f"s3://{BUCKET}/data", "data")
    assert summary.endswith(", 1,000 unchanged")
    assert len(world.log.requests) == 1


def test_what_changed_moves(world: World) -> None:
    world.make("data/longer", "data/other", "data/touched", "data/same")
    world.sync("data", f"s3://{BUCKET}/p")
    (world.folder / "data/longer").write_text("more content")
    os.utime(world.folder / "data/longer", (LONG_AGO, LONG_AGO))
    later = world.s3.head_object(Bucket=BUCKET, Key="p/other")["LastModified"].timestamp() + 5
    (world.folder / "data/other").write_text("CONTENT")
    os.utime(world.folder / "data/other", (later, later))
    os.utime(world.folder / "data/touched", (later, later))
    code, out, _ = world.call("data", f"s3://{BUCKET}/p", "--dry-run")
    assert (code, sorted(out.splitlines())) == (
        0,
        [
            "would send 2 files, 19 B; 2 unchanged",
            "would send longer (12 B): 7 B there",
            "would send other (7 B): content differs",
        ],
    )
    assert world.get("p/other") == b"content"
    assert world.sync("data", f"s3://{BUCKET}/p").startswith("batchx: 2 files, 19 B sent")
    assert (world.get("p/longer"), world.get("p/other")) == (b"more content", b"CONTENT")


def test_what_changed_in_s3_is_fetched_and_what_changed_here_is_undone(world: World) -> None:
    world.put("p/there", "p/here", "p/same")
    world.sync(f"s3://{BUCKET}/p", "data")
    data = world.folder / "data"
    stored = {
        name: world.s3.head_object(Bucket=BUCKET, Key=f"p/{name}")["LastModified"].timestamp()
        for name in ("there", "here", "same")
    }
    assert {name: int((data / name).stat().st_mtime) for name in stored} == stored
    (data / "here").write_text("CONTENT")
    os.utime(data / "there", (LONG_AGO, LONG_AGO))
    world.put("p/there", body=b"CONTENT")
    assert world.sync(f"s3://{BUCKET}/p", "data").startswith("batchx: 2 files, 14 B fetched")
    assert list_files(data) == {"there": b"CONTENT", "here": b"content", "same": b"content"}


def test_checksums_find_what_times_hide(world: World) -> None:
    world.make("data/a", "data/b")
    world.sync("data", f"s3://{BUCKET}/p")
    world.make("data/a", content="CONTENT")
    assert "0 files" in world.sync("data", f"s3://{BUCKET}/p")
    assert "1 file," in world.sync("data", f"s3://{BUCKET}/p", "--checksum")
    assert world.get("p/a") == b"CONTENT"
    world.sync(f"s3://{BUCKET}/p", f"s3://{OTHER_BUCKET}/p")
    world.put("p/b", body=b"CONTENT", bucket=OTHER_BUCKET)
    assert "0 files" in world.sync(f"s3://{BUCKET}/p", f"s3://{OTHER_BUCKET}/p")
    assert "1 file," in world.sync(f"s3://{BUCKET}/p", f"s3://{OTHER_BUCKET}/p", "--checksum")
    assert world.get("p/b", OTHER_BUCKET) == b"content"


def test_a_dry_run_moves_nothing_and_says_why(world: World) -> None:
    world.make("data/a", "data/b\nc", "data/none/")
    code, out, _ = world.call("data", f"s3://{BUCKET}/p", "--dry-run")
    assert (code, out.splitlines()) == (
        0,
        [
            "would send a (7 B): new",
            r"would send 'b\nc' (7 B): new",
            "would make none/: new",
            "would send 2 files, 14 B; 0 unchanged",
        ],
    )
    assert world.list_keys() == []
    world.put("p/a", "p/none/", body=b"")
    assert world.sync(f"s3://{BUCKET}/p", "new", "--dry-run").startswith("would fetch 1 file")
    assert not (world.folder / "new").exists()
    world.sync(f"s3://{BUCKET}/p", f"s3://{OTHER_BUCKET}/p", "--dry-run")
    assert world.list_keys(OTHER_BUCKET) == []


def test_patterns(world: World) -> None:
    world.make("data/a.txt", "data/a.log", "data/d/b.txt", "data/d/keep.log")
    patterns = ("--exclude", "*.log", "--include", "d/keep*")
    world.sync("data", f"s3://{BUCKET}/p", *patterns)
    assert world.list_keys() == ["p/a.txt", "p/d/b.txt", "p/d/keep.log"]
    world.sync(f"s3://{BUCKET}/p", "back", "--exclude", "*", "--include", "d/*")
    assert set(list_files(world.folder / "back")) == {"d/b.txt", "d/keep.log"}


def test_executable_files_stay_so(world: World) -> None:
    world.make("data/run.sh", "data/plain")
    world.make("data/large", content="x" * (20 << 20))
    (world.folder / "data/large").chmod(0o711)
    (world.folder / "data/run.sh").chmod(0o750)
    (world.folder / "data/plain").chmod(0o600)
    world.sync("data", f"s3://{BUCKET}/p")
    told = world.s3.head_object(Bucket=BUCKET, Key="p/run.sh")["Metadata"]
    assert told["file-permissions"] == "0100750"
    assert "file-permissions" not in world.s3.head_object(Bucket=BUCKET, Key="p/plain")["Metadata"]
    world.sync(f"s3://{BUCKET}/p", f"s3://{BUCKET}/q")
    world.sync(f"s3://{BUCKET}/q", "back")
    umask = os.umask(0o022)
    os.umask(umask)
    modes = {
        name: stat.S_IMODE((world.folder / "back" / name).stat().st_mode)
        for name in ("run.sh", "large", "plain")
    }
    world.sync(f"s3://{BUCKET}/q", "back")
    assert len(world.log.requests) == 1  # all of them have their objects' times
    assert modes == {"run.sh": 0o750, "large": 0o711, "plain": 0o666 & ~umask}


def test_links_are_followed(world: World) -> None:
    world.make("aside/file", "data/plain")
    os.symlink("../aside", world.folder / "data/link")
    world.sync("data", f"s3://{BUCKET}/p")
    assert world.list_keys() == ["p/link/file", "p/plain"]
    world.put("p/link/file", body=b"new content")
    world.sync(f"s3://{BUCKET}/p", "data")
    assert (world.folder / "data/link").is_symlink()
    assert (world.folder / "aside/file").read_text() == "new content"


# One file


@pytest.mark.parametrize(
    ("target", "key"),
    [
        (f"s3://{BUCKET}", "file.txt"),
        (f"s3://{BUCKET}/p/", "p/file.txt"),
        (f"s3://{BUCKET}/p", "p"),
        (f"s3://{BUCKET}/there", "there/file.txt"),
    ],
)
def test_one_file_is_sent(world: World, target: str, key: str) -> None:
    world.make("data/file.txt")
    world.put("there/other")
    assert "1 file, 7 B sent" in world.sync("data/file.txt", target)
    assert world.get(key) == b"content"
    assert world.sync("data/file.txt", target).endswith("1 unchanged")


@pytest.mark.parametrize(
    ("target", "path"),
    [("new", "new"), ("new/er/", "new/er/file.txt"), ("there", "there/file.txt")],
)
def test_one_object_is_fetched(world: World, target: str, path: str) -> None:
    world.make("there/")
    world.put("p/file.txt", "p/file.txt.gz")
    assert "1 file, 7 B fetched" in world.sync(f"s3://{BUCKET}/p/file.txt", target)
    assert list_files(world.folder).get(path) == b"content"
    assert world.sync(f"s3://{BUCKET}/p/file.txt", target).endswith("1 unchanged")


@pytest.mark.parametrize(
    ("target", "key"),
    [
        (f"s3://{BUCKET}/q", "q"),
        (f"s3://{BUCKET}/q/", "q/file.txt"),
        (f"s3://{BUCKET}", "file.txt"),
    ],
)
def test_one_object_is_copied(world: World, target: str, key: str) -> None:
    world.put("p/file.txt")
    assert "1 file, 7 B copied" in world.sync(f"s3://{BUCKET}/p/file.txt", target)
    assert world.get(key) == b"content"


def test_a_folder_comes_before_an_object_of_its_name(world: World) -> None:
    world.put("p", "p/a", "p-b")
    world.sync(f"s3://{BUCKET}/p", "new")
    assert list_files(world.folder) == {"new/a": b"content"}


# What is refused before anything moves


@pytest.mark.parametrize(
    "key", ["../evil", "a/../../evil", "/etc/evil", "a//b", "a/./b", "z" * 256]
)
def test_keys_that_no_file_can_have(world: World, key: str) -> None:
    world.put("p/ok", f"p/{key}")
    told = world.refuse(f"s3://{BUCKET}/p/", "new")
    assert told.startswith(f"s3://{BUCKET}/p/{key} cannot be a file: ")
    world.sync(f"s3://{BUCKET}/p/", "new", "--exclude", key)
    assert list_files(world.folder) == {"new/ok": b"content"}
    # In S3 they are keys like any other.
    world.sync(f"s3://{BUCKET}/p/", f"s3://{OTHER_BUCKET}/p/")
    assert set(world.list_keys(OTHER_BUCKET)) == {"p/ok", f"p/{key}"}


def test_an_object_that_is_a_folder_of_others(world: World) -> None:
    world.put("p/a", "p/a-b", "p/a/b")
    assert world.refuse(f"s3://{BUCKET}/p", "new") == (
        f"s3://{BUCKET}/p/a cannot be a file: there is s3://{BUCKET}/p/a/b, too; leave it out by "
        "--exclude."
    )
    world.sync(f"s3://{BUCKET}/p", "new", "--exclude", "a")
    assert set(list_files(world.folder)) == {"new/a-b", "new/a/b"}


def test_what_stands_in_the_way(world: World) -> None:
    world.put("p/first", "p/x/y", "p/z")
    world.make("one/x", "two/z/inner", "three")
    assert (
        world.refuse(f"s3://{BUCKET}/p", "one") == "one/x/y cannot be written: one/x is no folder."
    )
    assert world.refuse(f"s3://{BUCKET}/p", "two") == "two/z cannot be written: it is no file here."
    told = world.refuse(f"s3://{BUCKET}/p", "three")
    assert told == "three/first cannot be written: three is no folder."


def test_a_place_that_cannot_be_written(world: World) -> None:
    world.put("p/a")
    assert "/proc/new" in world.refuse(f"s3://{BUCKET}/p", "/proc/new")


def test_files_that_cannot_be_sent(world: World) -> None:
    world.make("data/a", "data/z/")
    os.symlink("nowhere", world.folder / "data/z/link")
    assert world.refuse("data", f"s3://{BUCKET}/p") == (
        "data/z/link is a link that leads nowhere: leave it out by --exclude."
    )
    world.sync("data", f"s3://{BUCKET}/p", "--exclude", "z/*")
    assert world.list_keys() == ["p/a"]


def test_names_that_no_key_can_have(world: World) -> None:
    world.make("data/a", "data/" + os.fsdecode(b"b\xff"))
    told = world.refuse("data", f"s3://{BUCKET}/p")
    assert told.startswith(r"'data/b\udcff' cannot be sent: it is not UTF-8")
    assert "1,024 bytes" in world.refuse("data/a", f"s3://{BUCKET}/{'k' * 1025}")


@pytest.mark.parametrize(
    ("places", "told"),
    [
        (("nope", f"s3://{BUCKET}/p"), "nope cannot be sent: No such file or directory."),
        (("nope/", f"s3://{BUCKET}/p"), "nope/ cannot be sent: No such file or directory."),
        (
            (f"s3://{BUCKET}/nope", "new"),
            f"s3://{BUCKET}/nope cannot be read: there is no object of this name, and none below.",
        ),
        (
            (f"s3://{BUCKET}/nope/", f"s3://{OTHER_BUCKET}/"),
            f"s3://{BUCKET}/nope/ cannot be read: there is nothing below it.",
        ),
        ((f"s3://{BUCKET}-not/", "new"), f"S3 bucket {BUCKET}-not does not exist"),
        (("/dev/null", f"s3://{BUCKET}/"), "/dev/null is neither a file nor a folder."),
    ],
)
def test_sources_that_are_none(world: World, places: tuple[str, str], told: str) -> None:
    assert world.refuse(*places).startswith(told)


@pytest.mark.parametrize(
    "places",
    [
        ("a", "b"),
        ("a", "s3://"),
        (f"s3://{BUCKET}/p", f"s3://{BUCKET}/p"),
        (f"s3://{BUCKET}/p", f"s3://{BUCKET}/p/q"),
        (f"s3://{BUCKET}/p/q", f"s3://{BUCKET}"),
        (f"s3://{BUCKET}/one", f"s3://{BUCKET}/"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(world: World, places: tuple[str, str]) -> None:
    world.put("p/q/a", "one")
    with pytest.raises(SystemExit) as caught:
        world.call(*places)
    assert caught.value.code == 2


def test_who_has_no_credentials_or_profile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    told = world.refuse(".", f"s3://{BUCKET}", "--profile", "nobody")
    assert "--profile 'nobody' is not in ~/.aws/config: name one that is" in told
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    told = world.refuse(".", f"s3://{BUCKET}")
    assert told.startswith("No AWS credentials were found: set --profile, ")


def test_options_reach_s3(world: World) -> None:
    world.make("data/a")
    options = ("--storage-class", "STANDARD_IA", "--path-style", "--region", "us-east-1")
    world.sync("data", f"s3://{BUCKET}/p", *options)
    assert world.s3.head_object(Bucket=BUCKET, Key="p/a")["StorageClass"] == "STANDARD_IA"


def test_empty_places_are_none_too_few(world: World) -> None:
    world.make("empty/")
    assert "0 files" in world.sync("empty", f"s3://{BUCKET}/p")
    assert "0 files" in world.sync(f"s3://{BUCKET}", "new")
    world.put("console/", body=b"")
    assert "0 files" in world.sync(f"s3://{BUCKET}/console", "newer")
    assert (world.folder / "newer").is_dir()


def test_a_disk_that_is_too_small_is_told_before_anything_comes(world: World) -> None:
    world.put("p/a", "p/b", body=b"x" * (3 << 20))
    world.make("data/")
    bucket = S3Gateway(world.s3, BUCKET)
    rules = Rules(Direction.FETCH, Filters())

    def check(free: int) -> None:
        with ExitStack() as stack:
            place, engine = S3Place(BUCKET, "p/"), stack.enter_context(Engine())
            route = open_fetcher(
                place, "data/new", bucket, engine, stack, find_free=lambda _folder: free
            )
            route.check(rules)

    with pytest.raises(BatchxError) as caught:
        check((6 << 20) - 1)
    assert str(caught.value).startswith("data/new/ needs 6.0 MiB, has 6.0 MiB on /")
    check(6 << 20)
    # What is there takes its room already.
    world.make("data/new/a", content="x" * (2 << 20))
    check(4 << 20)


# Servers that list in an order of their own


class Shuffled(S3Gateway):
    """A bucket whose listings come backwards, as those of some servers come by time."""

    def list_below(self, prefix: str) -> Iterator[ObjectFacts]:
        yield from reversed(list(super().list_below(prefix)))


def test_listings_without_order(world: World) -> None:
    names = [f"data/{number}" for number in range(20)]
    world.make(*names)
    world.make("data/empty/")
    places = ["data", S3Place(BUCKET, "p"), S3Place(OTHER_BUCKET, "p"), "back"]
    for source, target in pairwise(places):
        for moved in (20, 0):
            silent = CountingWatcher()
            told: list[object] = []
            for tell in (told.append, None):
                with Engine() as engine:
                    run_sync(
                        Order(source, target, Filters()),
                        engine,
                        lambda bucket: Shuffled(world.s3, bucket),
                        silent,
                        tell,
                    )
            assert len(told) == (moved and moved + 1)
            assert silent.files == moved
            assert moved or silent.unchanged == 21
    assert list_files(world.folder / "back") == list_files(world.folder / "data")


# Whatever the tree


names = st.text(st.sampled_from("aB-. !ü\ufffd\U0001f600"), min_size=1, max_size=4).filter(
    lambda name: name not in {".", ".."}
)
files = st.tuples(st.binary(max_size=20), st.booleans())
trees = st.dictionaries(
    names,
    st.recursive(files, lambda inner: st.dictionaries(names, inner, max_size=4), max_leaves=6),
    max_size=4,
)


def build(folder: Path, tree: dict[str, Any]) -> None:
    folder.mkdir()
    for name, node in tree.items():
        if isinstance(node, dict):
            build(folder / name, node)
        else:
            (folder / name).write_bytes(node[0])
            (folder / name).chmod(0o755 if node[1] else 0o644)
            # S3 tells whole seconds: what is no older than one might have changed since.
            os.utime(folder / name, (LONG_AGO, LONG_AGO))


def list_executable(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.stat().st_mode & 0o100
    }


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(trees)
def test_the_way_through_s3_is_the_identity(world: World, tree: dict[str, Any]) -> None:
    world.clear()
    with tempfile.TemporaryDirectory() as top:
        folder, back = Path(top, "data"), Path(top, "back")
        build(folder, tree)
        places = [str(folder), f"s3://{BUCKET}", f"s3://{OTHER_BUCKET}", str(back)]
        for source, target in pairwise(places):
            world.sync(source, target)
            assert world.sync(source, target).startswith("batchx: 0 files, 0 B")
            assert all(request.startswith("GET /") for request in world.log.requests)
        assert list_files(back) == list_files(folder)
        assert list_executable(back) == list_executable(folder)


# Ctrl-C


@contextlib.contextmanager
def run_stalling_proxy(target: str) -> Iterator[tuple[str, threading.Event]]:
    """Pass GETs and HEADs on, but never answer for the content of objects named "stall"."""
    is_asked, is_over = threading.Event(), threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.split("?")[0].endswith("stall") and self.command == "GET":
                is_asked.set()
                is_over.wait(60)
                return
            request = urllib.request.Request(f"{target}{self.path}", method=self.command)
            for name, value in self.headers.items():
                request.add_header(name, value)
            try:
                answer = urllib.request.urlopen(request)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                body = answer.read()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", is_asked
        finally:
            is_over.set()
            server.shutdown()


def test_ctrl_c_ends_it_at_once_and_leaves_no_half_file(world: World) -> None:
    world.put("p/a", "p/stall")
    code = (
        "import signal, sys\n"
        "from snakemake_executor_plugin_batchx.cli import main\n"
        # Who runs the tests may ignore it, and children inherit that.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "sys.exit(main(['sync', *sys.argv[1:]]))"
    )
    with run_stalling_proxy(world.url) as (url, is_asked):
        child = subprocess.Popen(
            [sys.executable, "-c", code, f"s3://{BUCKET}/p", "new", "--endpoint-url", url],
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert is_asked.wait(60)
            child.send_signal(signal.SIGINT)
            _, err = child.communicate(timeout=20)
        finally:
            child.kill()
    assert child.returncode == 130
    assert err.startswith("batchx: interrupted: ")
    assert err.count("\n") == 1
    assert set(list_files(world.folder)) <= {"new/a"}
