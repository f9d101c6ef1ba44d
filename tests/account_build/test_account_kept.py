"""A runtime under the S3 root: never half, never a wrong one."""

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.account_build.kept import (
    NOTE,
    KeptRuntime,
    keep_layers,
    name_file,
)
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.runtime.layer import LayerFile

PREFIX = "root/runtime/abc"


def make_layer_file(path: Path, content: bytes) -> LayerFile:
    packed = gzip.compress(content, mtime=0)
    path.write_bytes(packed)
    digests = [f"sha256:{hashlib.sha256(data).hexdigest()}" for data in (packed, content)]
    return LayerFile(path, digests[0], digests[1], len(packed))


@pytest.fixture
def layers(tmp_path: Path) -> tuple[LayerFile, ...]:
    base = make_layer_file(tmp_path / "base", b"base" * 100)
    return base, make_layer_file(tmp_path / "own", b"own")


@pytest.fixture
def store(layers: tuple[LayerFile, ...]) -> MemoryStore:
    store = MemoryStore()
    keep_layers(store, PREFIX, layers)
    store.calls.clear()
    return store


def open_kept(store: MemoryStore, tmp_path: Path) -> KeptRuntime:
    return KeptRuntime(store, PREFIX, tmp_path / "cache" / "runtime" / "account-abc")


def test_fetched_once(store: MemoryStore, layers: tuple[LayerFile, ...], tmp_path: Path) -> None:
    kept = open_kept(store, tmp_path)
    assert kept.find_cached() is None
    said: list[str] = []
    fetched = kept.fetch(said.append)
    assert fetched is not None
    assert [(f.digest, f.diff_id, f.size) for f in fetched] == [
        (layer.digest, layer.diff_id, layer.size) for layer in layers
    ]
    assert [f.path.read_bytes() for f in fetched] == [layer.path.read_bytes() for layer in layers]
    assert len(said) == 1
    assert dict(store.calls) == {"GetObject": 3}
    assert open_kept(store, tmp_path).find_cached() == fetched


def test_what_was_never_built_takes_one_request(tmp_path: Path) -> None:
    store = MemoryStore()
    assert open_kept(store, tmp_path).fetch(print) is None
    assert dict(store.calls) == {"GetObject": 1}


def test_a_layer_that_expired_is_as_if_never_built(
    store: MemoryStore, layers: tuple[LayerFile, ...], tmp_path: Path
) -> None:
    del store.objects[f"{PREFIX}/{name_file(layers[1].digest)}"]
    kept = open_kept(store, tmp_path)
    assert kept.fetch(lambda _text: None) is None
    assert kept.find_cached() is None


def test_a_damaged_layer_is_refused(
    store: MemoryStore, layers: tuple[LayerFile, ...], tmp_path: Path
) -> None:
    key = f"{PREFIX}/{name_file(layers[0].digest)}"
    store.objects[key] = b"x" * layers[0].size
    kept = open_kept(store, tmp_path)
    with pytest.raises(BatchxError, match=f"{key} in the S3 root's bucket is damaged"):
        kept.fetch(lambda _text: None)
    assert kept.find_cached() is None


def change(**values: object) -> Callable[[dict[str, object]], bytes]:
    return lambda layer: json.dumps({"layers": [{**layer, **values}]}).encode()


@pytest.mark.parametrize(
    "damage",
    [
        lambda _layer: b"not json",
        lambda _layer: b"[]",
        lambda _layer: b'{"layers": []}',
        lambda _layer: b'{"layers": ["x"]}',
        change(digest="sha256:../../etc/passwd"),
        change(digest=7),
        change(diff_id=None),
        change(size="1"),
    ],
)
def test_what_is_no_note_is_refused(
    store: MemoryStore, tmp_path: Path, damage: Callable[[dict[str, object]], bytes]
) -> None:
    key = f"{PREFIX}/{NOTE}"
    store.objects[key] = damage(json.loads(store.objects[key])["layers"][0])
    with pytest.raises(BatchxError, match="is no note of a job runtime"):
        open_kept(store, tmp_path).fetch(print)


def test_a_cache_that_lost_bytes_is_filled_again(store: MemoryStore, tmp_path: Path) -> None:
    kept = open_kept(store, tmp_path)
    fetched = kept.fetch(lambda _text: None)
    assert fetched is not None
    fetched[0].path.write_bytes(b"")
    assert kept.find_cached() is None
    assert kept.fetch(lambda _text: None) == fetched
