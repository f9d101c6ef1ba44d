"""What the folders held that parsing listed."""

import os
from pathlib import Path

from snakemake_executor_plugin_batchx.storage.absent import Listing
from snakemake_executor_plugin_batchx.storage.tree import is_within
from snakemake_executor_plugin_batchx.workflow.parse_audit import ParseRecord
from snakemake_executor_plugin_batchx.workflow.script_trees import is_skipped
from snakemake_executor_plugin_batchx.workflow.source_files import is_installed


def collect_listings(record: ParseRecord, bases: set[str], work_dir: str) -> list[Listing]:
    """Return the listed folders with the names that were in them, as a job shall see them.

    `bases` are the folders of the project. A folder named relative to the working directory, or
    one of the project, is the job's at the same place below its sources; one named by an absolute
    path is the job's at that path. Hidden folders and installed packages are nobody's data.
    """
    found = []
    for folder in sorted(record.listed):
        inside = [base for base in bases if is_within(folder, base)]
        nearest = max(inside, key=len, default=work_dir)
        below = Path(os.path.relpath(folder, nearest)).parts
        if is_installed(folder) or any(is_skipped(part) for part in below):
            continue
        if inside or folder not in record.listed_absolutely:
            found.append(_make_listing(record, folder, keeps_path=False))
        if folder in record.listed_absolutely:
            found.append(_make_listing(record, folder, keeps_path=True))
    return found


def _make_listing(record: ParseRecord, folder: str, *, keeps_path: bool) -> Listing:
    names = record.listed[folder]
    return Listing(
        folder=folder,
        files=tuple(name for name, is_folder in names if not is_folder),
        # Snakemake, git and Python have folders of their own everywhere.
        folders=tuple(name for name, is_folder in names if is_folder and not is_skipped(name)),
        keeps_path=keeps_path,
    )
