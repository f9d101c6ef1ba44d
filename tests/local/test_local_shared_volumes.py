"""Folders that stand for EFS and S3 Files file systems."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.local.shared_volumes import (
    find_shared_folder,
    provide_shared_folders,
)

S3_FILES = "arn:aws:s3files:us-east-1:123456789012:file-system/fs-2"


def efs(file_system: str = "fs-1", **settings: Any) -> dict[str, Any]:
    return {"name": "v", "efsVolumeConfiguration": {"fileSystemId": file_system, **settings}}


def s3_files(**settings: Any) -> dict[str, Any]:
    return {"name": "v", "s3filesVolumeConfiguration": {"fileSystemArn": S3_FILES, **settings}}


@pytest.mark.parametrize(
    ("volume", "folder"),
    [
        (efs(), "fs-1"),
        (efs(rootDirectory="/"), "fs-1"),
        (efs(rootDirectory="/a/b"), "fs-1/a/b"),
        (efs(authorizationConfig={"accessPointId": "fsap-1"}), "fsap-1"),
        (efs(authorizationConfig={"iam": "ENABLED"}), "fs-1"),
        (s3_files(), "fs-2"),
        (s3_files(rootDirectory="/a"), "fs-2/a"),
        (s3_files(accessPointArn=f"{S3_FILES}/access-point/fsap-2"), "fsap-2"),
    ],
)
def test_each_file_system_and_root_has_a_folder(volume: dict[str, Any], folder: str) -> None:
    found = find_shared_folder(volume, "/shared")
    assert found == Path("/shared/.file-systems", folder)


@pytest.mark.parametrize("host", [{}, {"sourcePath": "/here"}])
def test_volumes_of_the_host_have_none(host: dict[str, str]) -> None:
    assert find_shared_folder({"name": "v", "host": host}, "/shared") is None


@given(parts=st.lists(st.sampled_from(["..", ".", "a", "", "b"])))
def test_no_root_directory_leads_out_of_its_file_system(parts: list[str]) -> None:
    found = find_shared_folder(efs(rootDirectory="/".join(["", *parts])), "/shared")
    assert found is not None
    assert found.is_relative_to("/shared/.file-systems/fs-1")
    assert ".." not in found.parts


def test_folders_are_made_once_for_everybody(tmp_path: Path) -> None:
    volumes = [efs(rootDirectory="/a/b"), s3_files(), {"name": "h", "host": {}}]
    umask = os.umask(0o077)
    try:
        provide_shared_folders(volumes, str(tmp_path))
        (tmp_path / ".file-systems/fs-1/a/b/file").write_text("kept")
        provide_shared_folders(volumes, str(tmp_path))
    finally:
        os.umask(umask)
    made = sorted(path for path in tmp_path.rglob("*") if path.is_dir())
    names = [path.relative_to(tmp_path / ".file-systems").as_posix() for path in made]
    assert names == [".", "fs-1", "fs-1/a", "fs-1/a/b", "fs-2"]
    assert {path.stat().st_mode & 0o7777 for path in made} == {0o1777}
    assert (tmp_path / ".file-systems/fs-1/a/b/file").read_text() == "kept"
