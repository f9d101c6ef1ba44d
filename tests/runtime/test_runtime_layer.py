"""Layers: the same files give the same bytes, whoever packs them and when."""

import gzip
import hashlib
import os
import tarfile
from pathlib import Path

from snakemake_executor_plugin_batchx.runtime.layer import pack_layer, read_note, write_note


def make_tree(folder: Path, *names: str, mode: int = 0o644, time: float = 1e9) -> Path:
    folder.mkdir()
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
        path.chmod(mode)
        os.utime(path, (time, time))
    return folder


def test_same_content_same_digest(tmp_path: Path) -> None:
    first = make_tree(tmp_path / "first", "a/b.txt", "c.txt", "a-b.txt")
    second = make_tree(tmp_path / "second", "c.txt", "a-b.txt", "a/b.txt", mode=0o600, time=2e9)
    one = pack_layer(first, tmp_path / "one.tar.gz")
    two = pack_layer(second, tmp_path / "two.tar.gz")
    assert (one.digest, one.diff_id, one.size) == (two.digest, two.diff_id, two.size)


def test_digests_are_of_file_and_tar(tmp_path: Path) -> None:
    layer = pack_layer(make_tree(tmp_path / "tree", "a.txt"), tmp_path / "layer.tar.gz")
    data = layer.path.read_bytes()
    assert layer.size == len(data)
    assert layer.digest == f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert layer.diff_id == f"sha256:{hashlib.sha256(gzip.decompress(data)).hexdigest()}"


def test_members(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree", "bin/tool", "long/" + "n" * 150)
    (tree / "bin" / "tool").chmod(0o700)
    (tree / "bin" / "link").symlink_to("tool")
    (tree / "empty").mkdir()
    layer = pack_layer(tree, tmp_path / "layer.tar.gz", "batchx/plugin")
    with tarfile.open(layer.path) as tar:
        members = {member.name: member for member in tar}
        assert list(members) == [
            "batchx",
            "batchx/plugin",
            "batchx/plugin/bin",
            "batchx/plugin/bin/link",
            "batchx/plugin/bin/tool",
            "batchx/plugin/empty",
            "batchx/plugin/long",
            "batchx/plugin/long/" + "n" * 150,
        ]
        tool = tar.extractfile("batchx/plugin/bin/tool")
        assert tool is not None
        assert tool.read() == b"content of bin/tool"
    assert members["batchx/plugin/bin/tool"].mode == 0o755
    assert members["batchx/plugin/bin/link"].linkname == "tool"
    assert members["batchx/plugin/empty"].isdir()
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members.values()} == {
        (0, 0, "", "", 0)
    }


def test_note(tmp_path: Path) -> None:
    layer = pack_layer(make_tree(tmp_path / "tree", "a.txt"), tmp_path / "layer.tar.gz")
    write_note(layer, tmp_path / "layer.json")
    assert read_note(tmp_path / "layer.json") == layer
