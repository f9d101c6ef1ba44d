"""The source archive: the same bytes for the same files, and paths that hold in the job."""

import os
import tarfile
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.storage.absent import Listing
from snakemake_executor_plugin_batchx.storage.sources import (
    PADDING,
    SourceArchive,
    pack_sources,
    unpack_sources,
)


def write_file(path: Path, text: str, *, mode: int = 0o644, mtime_s: int = 1_700_000_000) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    os.utime(path, (mtime_s, mtime_s))
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """A workflow in `secret/project/flow` that uses `secret/shared`."""
    top = tmp_path / "secret"
    return [
        write_file(top / "project" / "flow" / "Snakefile", "include: '../../shared/common.smk'\n"),
        write_file(top / "shared" / "common.smk", "X = 1\n"),
        write_file(top / "project" / "flow" / "scripts" / "run.sh", "#!/bin/sh\n", mode=0o755),
    ]


def pack(tmp_path: Path, files: list[str]) -> SourceArchive:
    flow = str(tmp_path / "secret" / "project" / "flow")
    return pack_sources(files, flow, os.path.join(flow, "out"), tmp_path / "sources.tar.gz")


def list_members(archive: SourceArchive) -> list[tarfile.TarInfo]:
    with tarfile.open(archive.path) as members:
        return members.getmembers()


def test_the_same_files_give_the_same_bytes(tmp_path: Path, files: list[str]) -> None:
    assert pack(tmp_path, files) == pack(tmp_path, files[::-1])


def test_another_content_gives_another_hash(tmp_path: Path, files: list[str]) -> None:
    before = pack(tmp_path, files)
    write_file(Path(files[1]), "X = 2\n")
    assert pack(tmp_path, files).sha256 != before.sha256


def test_relative_paths_hold_in_the_job(tmp_path: Path, files: list[str]) -> None:
    archive = pack(tmp_path, files)
    assert (archive.start_dir, archive.work_dir) == ("project/flow", "project/flow/out")
    top = unpack_sources(archive.path, tmp_path / "scratch", archive.depth).top
    start = top / archive.start_dir
    assert (start / "Snakefile").read_text(encoding="utf-8").startswith("include:")
    assert (start / "../../shared/common.smk").read_text(encoding="utf-8") == "X = 1\n"


def test_paths_above_the_sources_stay_in_the_scratch(tmp_path: Path, files: list[str]) -> None:
    archive = pack(tmp_path, files)
    assert archive.depth == len((tmp_path / "secret").parts) - 1
    scratch = tmp_path / "scratch"
    top = unpack_sources(archive.path, scratch, archive.depth).top
    # As many `..` as lead to the root on the head.
    highest = Path(os.path.normpath(top / "/".join([".."] * archive.depth)))
    assert scratch in highest.parents


def test_the_heads_directory_names_do_not_travel(tmp_path: Path, files: list[str]) -> None:
    archive = pack(tmp_path, files)
    names = [member.name for member in list_members(archive)]
    assert names == ["project/flow/Snakefile", "project/flow/scripts/run.sh", "shared/common.smk"]
    scratch = tmp_path / "scratch"
    top = unpack_sources(archive.path, scratch, archive.depth).top
    assert set(top.relative_to(scratch).parts) == {"w", PADDING}


def test_no_owner_travels_but_mode_and_time_do(tmp_path: Path, files: list[str]) -> None:
    archive = pack(tmp_path, files)
    for member in list_members(archive):
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")
    top = unpack_sources(archive.path, tmp_path / "scratch", archive.depth).top
    status = (top / "project/flow/scripts/run.sh").stat()
    assert status.st_mode & 0o777 == 0o755
    assert status.st_mtime == 1_700_000_000


def test_links_travel_as_the_files_they_lead_to(tmp_path: Path, files: list[str]) -> None:
    outside = write_file(tmp_path / "elsewhere" / "tool.py", "print()\n")
    symbolic = tmp_path / "secret" / "project" / "link.py"
    symbolic.symlink_to(outside)
    hard = tmp_path / "secret" / "project" / "hard.smk"
    os.link(files[1], hard)
    archive = pack(tmp_path, [*files, str(symbolic), str(hard)])
    top = unpack_sources(archive.path, tmp_path / "scratch", archive.depth).top
    link = top / "project" / "link.py"
    assert not link.is_symlink()
    assert link.read_text(encoding="utf-8") == "print()\n"
    assert (top / "project" / "hard.smk").read_text(encoding="utf-8") == "X = 1\n"


@pytest.mark.parametrize("name", ["größe.smk", os.fsdecode(b"caf\xe9.smk"), "n" * 150 + ".smk"])
def test_any_name_travels(tmp_path: Path, files: list[str], name: str) -> None:
    odd = write_file(tmp_path / "secret" / name, "odd\n")
    archive = pack(tmp_path, [*files, odd])
    top = unpack_sources(archive.path, tmp_path / "scratch", archive.depth).top
    assert (top / name).read_text(encoding="utf-8") == "odd\n"


def test_a_workflow_without_files_is_an_empty_archive(tmp_path: Path) -> None:
    archive = pack_sources([], str(tmp_path), str(tmp_path), tmp_path / "sources.tar.gz")
    assert (archive.start_dir, archive.work_dir) == (".", ".")
    top = unpack_sources(archive.path, tmp_path / "scratch", archive.depth).top
    assert list(top.iterdir()) == []


def test_sources_at_the_root_need_no_padding(tmp_path: Path) -> None:
    archive = pack_sources([], "/one", "/two", tmp_path / "sources.tar.gz")
    assert (archive.depth, archive.start_dir, archive.work_dir) == (0, "one", "two")
    assert unpack_sources(archive.path, tmp_path, 0).top == tmp_path / "w"


def test_listings_travel_below_the_top_or_with_their_path(tmp_path: Path) -> None:
    work = tmp_path / "project"
    odd = os.fsdecode(b"caf\xe9")
    near = Listing(str(tmp_path / "reads"), ("a", odd), ("sub",))
    far = Listing("/data/far", ("f",), (), keeps_path=True)
    path = tmp_path / "sources.tar.gz"
    archive = pack_sources([], str(work), str(work), path, listings=[near, far])
    # What is listed above the project widens the archive's top.
    assert archive.work_dir == "project"
    unpacked = unpack_sources(path, tmp_path / "scratch", archive.depth)
    assert unpacked.listings == (Listing("reads", ("a", odd), ("sub",)), far)
    assert list(unpacked.top.iterdir()) == []


def test_fetched_sources_become_a_cache_outside_the_workflow(tmp_path: Path) -> None:
    fetched = write_file(tmp_path / "x", "fetched\n")
    work, path = str(tmp_path / "project"), tmp_path / "sources.tar.gz"
    archive = pack_sources([], work, work, path, fetched=[("runtime/https/x", fetched)])
    unpacked = unpack_sources(path, tmp_path / "scratch", archive.depth)
    assert unpacked.cache is not None
    assert (unpacked.cache / "runtime/https/x").read_text(encoding="utf-8") == "fetched\n"
    assert list(unpacked.top.iterdir()) == []


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"gone\.smk"):
        pack_sources([str(tmp_path / "gone.smk")], "/", "/", tmp_path / "sources.tar.gz")
