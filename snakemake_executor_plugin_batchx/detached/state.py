"""What a head has in `.snakemake`, and what of the folder goes with it, as one object."""

import io
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.detached.folder import decode_entries, encode_entries
from snakemake_executor_plugin_batchx.spec import Entry

COMPRESSION_LEVEL = 4

FOLDER = "folder.json.gz"
JOURNALS = "batchx"
INCOMPLETE = "incomplete"
RECORDS = ("metadata", INCOMPLETE)
"""Snakemake's records of outputs, and of those that are not complete, by folders of
`.snakemake` (snakemake/persistence/file.py)."""

DATABASE = "metadata.db"
"""Both in one, where Snakemake keeps them so (snakemake/persistence/db.py)."""


@dataclass(frozen=True)
class State:
    """A state: entries of the folder, journals by the names of their files, Snakemake's records.

    `records` are files by their paths below `.snakemake`.
    """

    entries: tuple[Entry, ...]
    journals: Mapping[str, bytes]
    records: Mapping[str, bytes]


def read_records(snakemake_dir: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the journals and Snakemake's records, as they are now.

    In this order: what a journal says to be reported, Snakemake has recorded.
    """
    journals = {
        path.name: path.read_bytes() for path in sorted((snakemake_dir / JOURNALS).glob("*.jsonl"))
    }
    records = dict(_iter_records(snakemake_dir))
    return journals, records


def _iter_records(snakemake_dir: Path) -> Iterator[tuple[str, bytes]]:
    database = snakemake_dir / DATABASE
    if database.exists():
        yield DATABASE, copy_database(database)
    for folder in RECORDS:
        for path in sorted((snakemake_dir / folder).rglob("*")):
            with suppress(FileNotFoundError):  # it was removed just now
                if path.is_file():
                    yield path.relative_to(snakemake_dir).as_posix(), path.read_bytes()


def copy_database(path: Path) -> bytes:
    """Return an SQLite database as a file would have it that nobody is writing."""
    with (
        tempfile.TemporaryDirectory(prefix="batchx-") as folder,
        closing(sqlite3.connect(path)) as source,
    ):
        copy = Path(folder, DATABASE)
        with closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        return copy.read_bytes()


def pack_state(state: State) -> bytes:
    """Return a state as tar.gz."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=COMPRESSION_LEVEL) as archive:
        _add(archive, FOLDER, encode_entries(state.entries))
        for name, content in state.journals.items():
            _add(archive, f"{JOURNALS}/{name}", content)
        for path, content in state.records.items():
            _add(archive, path, content)
    return packed.getvalue()


def unpack_state(data: bytes) -> State:
    """Return the state of `pack_state`."""
    members: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        for member in archive:
            content = archive.extractfile(member)
            members[member.name] = content.read() if content else b""
    entries = decode_entries(members.pop(FOLDER))
    start = f"{JOURNALS}/"
    journals = {n.removeprefix(start): c for n, c in members.items() if n.startswith(start)}
    records = {name: c for name, c in members.items() if not name.startswith(start)}
    return State(entries, journals, records)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def place_records(
    snakemake_dir: Path, records: Mapping[str, bytes], emptied: Sequence[str] = RECORDS
) -> None:
    """Write Snakemake's records of a state; others that are in the `emptied` folders go."""
    for folder in emptied:
        for path in (snakemake_dir / folder).rglob("*"):
            is_gone = path.relative_to(snakemake_dir).as_posix() not in records
            if is_gone and path.is_file():
                path.unlink()
    place_files(snakemake_dir, records)


def place_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def list_run_ids(journals: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of runs by the names of their journals."""
    return tuple(name.removesuffix(".jsonl") for name in journals)
