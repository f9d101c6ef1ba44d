"""Trees of any names, sizes, modes and links arrive as they were, in both directions."""

import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.job.files import collect_products, place_inputs
from snakemake_executor_plugin_batchx.spec import (
    SMALL_FILE_BYTES,
    Entry,
    Product,
    Result,
    Usage,
    decode,
    encode,
)
from snakemake_executor_plugin_batchx.storage.fetch import Fetcher, make_result_packet
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.mirror import Mirror
from snakemake_executor_plugin_batchx.storage.stage import Stager
from snakemake_executor_plugin_batchx.storage.transfer import Transfer

ROOT = S3Root("bucket", ".batchx")
USAGE = Usage(1.0, 0.5, 0.1, 0.1, 10, 20, None, 0)
LATE_NS = 4_000_000_000_000_000_000


@dataclass(frozen=True)
class File:
    content: bytes
    mode: int


@dataclass(frozen=True)
class Folder:
    content: Mapping[str, Any]
    mode: int


@dataclass(frozen=True)
class Link:
    """A link to one of the paths of its tree, or to a path in it where nothing is."""

    choice: int
    is_dangling: bool


letters = st.characters(codec="utf-8", exclude_characters="/\0")
any_bytes = st.lists(st.integers(1, 255).filter(lambda byte: byte != ord("/")), max_size=255)
names = (
    st.text(letters, min_size=1, max_size=60)
    | any_bytes.filter(len).map(lambda values: os.fsdecode(bytes(values)))
).filter(lambda name: name not in {".", ".."})
contents = st.binary(max_size=100) | st.builds(
    lambda fill, size: fill * size,
    st.binary(min_size=1, max_size=1),
    st.sampled_from((SMALL_FILE_BYTES, SMALL_FILE_BYTES + 1)),
)
# Without reading it, nobody can send a file.
files = st.builds(File, contents, st.integers(0, 0o777).map(lambda mode: mode | 0o400))
links = st.builds(Link, st.integers(0, 50), st.booleans())


def folders_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Folder]:
    mode = st.integers(0, 0o777).map(lambda mode: mode | 0o500)
    return st.builds(Folder, st.dictionaries(names, inner, max_size=4), mode)


nodes = st.recursive(files | links, folders_of, max_leaves=8)
trees = st.dictionaries(names, files | folders_of(nodes), max_size=3)


def list_paths(content: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the paths of a tree, parents first."""
    paths = []
    for name, node in content.items():
        paths.append(prefix + name)
        if isinstance(node, Folder):
            paths += list_paths(node.content, f"{prefix}{name}/")
    return paths


def build(base: Path, content: Mapping[str, Any]) -> None:
    """Make a tree on disk. Links stay below the entry of `base` in which they are."""
    for top, node in content.items():
        build_node(base, top, node, list_paths({top: node}))


def build_node(base: Path, path: str, node: Any, aims: list[str]) -> None:
    full = os.path.join(base, path)
    if isinstance(node, Link):
        aim = f"{aims[0]}/not there" if node.is_dangling else aims[node.choice % len(aims)]
        os.symlink(os.path.relpath(aim, os.path.dirname(path)), full)
        return
    if isinstance(node, Folder):
        os.mkdir(full)
        for name, inner in node.content.items():
            build_node(base, os.path.join(path, name), inner, aims)
    else:
        Path(full).write_bytes(node.content)
    os.chmod(full, node.mode)


def read_tree(base: Path, path: str = "") -> dict[str, tuple[Any, ...]]:
    """Return what is below a folder: kind, permissions and content by path."""
    found: dict[str, tuple[Any, ...]] = {}
    for name in os.listdir(base / path):
        inner = os.path.join(path, name)
        status = os.lstat(base / inner)
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISLNK(status.st_mode):
            found[inner] = ("link", os.readlink(base / inner))
        elif stat.S_ISDIR(status.st_mode):
            found[inner] = ("dir", mode)
            found |= read_tree(base, inner)
        else:
            found[inner] = ("file", mode, (base / inner).read_bytes())
    return found


def list_times(base: Path) -> dict[str, int]:
    return {path: os.lstat(base / path).st_mtime_ns for path in read_tree(base)}


@dataclass(frozen=True)
class Sides:
    """A head's folder, a job's folder, and what is between them."""

    head: Path
    job: Path
    store: MemoryStore
    mirror: Mirror
    transfer: Transfer


@contextmanager
def open_sides() -> Iterator[Sides]:
    with tempfile.TemporaryDirectory() as folder:
        head, job = Path(folder, "head"), Path(folder, "job")
        head.mkdir()
        job.mkdir()
        store = MemoryStore()
        with (
            Mirror(Path(folder, "mirror"), "s3://bucket/.batchx", "run1") as mirror,
            Transfer(store) as transfer,
        ):
            yield Sides(head, job, store, mirror, transfer)


@settings(deadline=None, max_examples=60)
@given(trees)
def test_inputs_arrive_in_the_job_as_they_are_on_the_head(tree: dict[str, Any]) -> None:
    with open_sides() as sides:
        build(sides.head, tree)
        stager = Stager(ROOT, sides.mirror, sides.transfer, str(sides.head), "run1")
        staged = stager.stage_inputs(list(tree), "Rule map")
        entries = [decode(Entry, json.loads(json.dumps(encode(entry)))) for entry in staged]
        place_inputs(sides.transfer, sides.job, entries, now_ns=LATE_NS)
        assert read_tree(sides.job) == read_tree(sides.head)
        assert list_times(sides.job) == list_times(sides.head)


@settings(deadline=None, max_examples=60)
@given(trees)
def test_products_arrive_on_the_head_as_the_job_made_them(tree: dict[str, Any]) -> None:
    with open_sides() as sides:
        build(sides.job, tree)
        products = [Product(path, "output") for path in tree]
        collected = collect_products(sides.transfer, sides.job, products, ROOT)
        result = Result(1, 1, 0, None, "", collected.entries, USAGE)
        sides.store.write_bytes("result", make_result_packet(result, collected.parts))
        fetcher = Fetcher(sides.store, sides.mirror, sides.transfer, str(sides.head), lambda _: {})
        fetched = fetcher.fetch_result("result")
        fetcher.place_files(fetched, products, now_ns=LATE_NS, newest_ns=0)
        assert read_tree(sides.head) == read_tree(sides.job)
        assert set(list_times(sides.head).values()) <= {LATE_NS}
