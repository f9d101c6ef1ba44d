"""Folders of this machine that stand for EFS and S3 Files file systems.

One for each file system, and one for each access point, as it has a root of its own; made at first
use below the folder that all jobs of a server share, and gone with it.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable
from pathlib import Path

from snakemake_executor_plugin_batchx.local.shapes import JsonObject
from snakemake_executor_plugin_batchx.local.volume_rules import EFS, S3_FILES

FOLDER = ".file-systems"
EVERYBODY = 0o1777
"""Users of images are not ours: all may write there, as in /tmp."""


def find_shared_folder(volume: JsonObject, shared_folder: str) -> Path | None:
    """The folder that stands for a volume's file system; None for a volume of another kind."""
    if EFS in volume:
        settings = volume[EFS]
        name = settings["fileSystemId"]
        access_point = settings.get("authorizationConfig", {}).get("accessPointId", "")
    elif S3_FILES in volume:
        settings = volume[S3_FILES]
        name = settings["fileSystemArn"].rpartition("/")[2]
        access_point = settings.get("accessPointArn", "").rpartition("/")[2]
    else:
        return None
    # Nothing leads out of the file system.
    inside = posixpath.normpath(posixpath.join("/", settings.get("rootDirectory", "")))
    return Path(shared_folder, FOLDER, access_point or name, inside.lstrip("/"))


def provide_shared_folders(volumes: Iterable[JsonObject], shared_folder: str) -> None:
    """Makes the folders of volumes that are not there yet.

    Raises:
        OSError: the system refuses.
    """
    for volume in volumes:
        folder = find_shared_folder(volume, shared_folder)
        if folder is not None:
            _make_open(folder, Path(shared_folder))


def _make_open(folder: Path, top: Path) -> None:
    """Makes a folder and those above it, up to ``top``, for everybody to write to."""
    if folder == top or folder.is_dir():
        return
    _make_open(folder.parent, top)
    folder.mkdir(exist_ok=True)
    # Whatever the umask; a job may have made it, and may be another user.
    if folder.stat().st_uid == os.geteuid():
        folder.chmod(EVERYBODY)
