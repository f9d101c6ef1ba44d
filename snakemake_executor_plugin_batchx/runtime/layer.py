"""A folder as a layer of an OCI image: the same files always give the same bytes.

https://github.com/opencontainers/image-spec/blob/main/layer.md
"""

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

COMPRESSION_LEVEL = 6
"""gzip's own default: level 9 takes three times as long for one percent."""


@dataclass(frozen=True)
class LayerFile:
    """A layer as gzip-compressed tar.

    `digest` ("sha256:…") is that of the file, `diff_id` that of the tar in it; `size` in bytes.
    """

    path: Path
    digest: str
    diff_id: str
    size: int


class _HashingWriter(io.RawIOBase):
    """Passes on what is written, and keeps its hash and length."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        super().__init__()
        self._write = write
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        self._hash.update(data)
        self._write(data)
        self.size += len(data)
        return len(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def pack_layer(tree: Path, path: Path, at: str = "batchx") -> LayerFile:
    """Write the layer that puts the content of `tree` at `/<at>` of an image.

    Names are sorted; times, owners and every mode bit but "executable" are left out.
    """
    with path.open("wb") as file:
        packed = _HashingWriter(file.write)
        with gzip.GzipFile("", "wb", COMPRESSION_LEVEL, packed, mtime=0) as zipped:
            plain = _HashingWriter(zipped.write)
            with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                for name, source in _list_members(tree, at):
                    _add_member(tar, name, source)
    return LayerFile(path, packed.digest, plain.digest, packed.size)


def _list_members(tree: Path, at: str) -> Iterator[tuple[str, Path]]:
    """Yield the names in the layer, folders before what they hold."""
    parts = at.split("/")
    for depth in range(1, len(parts)):
        yield "/".join(parts[:depth]), tree
    yield at, tree
    for path in sorted(tree.rglob("*"), key=lambda path: path.relative_to(tree).parts):
        yield f"{at}/{path.relative_to(tree).as_posix()}", path


def _add_member(tar: tarfile.TarFile, name: str, source: Path) -> None:
    member = tarfile.TarInfo(name)
    if source.is_symlink():
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, os.readlink(source), 0o777
        tar.addfile(member)
    elif source.is_dir():
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(member)
    else:
        status = source.stat()
        member.size, member.mode = status.st_size, choose_mode(status.st_mode)
        with source.open("rb") as content:
            tar.addfile(member, content)


def choose_mode(mode: int) -> int:
    """Return the mode that a file gets: readable by all, executable if it was so for anyone."""
    return 0o755 if mode & 0o111 else 0o644


def write_note(layer: LayerFile, path: Path) -> None:
    """Write down what is known of a layer."""
    path.write_text(json.dumps(asdict(layer) | {"path": layer.path.name}), encoding="utf-8")


def read_note(path: Path) -> LayerFile:
    """Return the layer that a note beside it describes. Raises OSError or ValueError."""
    values = json.loads(path.read_text(encoding="utf-8"))
    return LayerFile(path.parent / values.pop("path"), **values)
