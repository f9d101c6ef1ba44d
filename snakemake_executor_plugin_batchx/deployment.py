"""What all jobs of a run share, sent once: the workflow's sources and the packages it imports."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.places import list_head_places
from snakemake_executor_plugin_batchx.settings import ALL_LOGS
from snakemake_executor_plugin_batchx.spec import SPEC_VERSION, Blob, PackagesSpec, SharedSpec
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.packages import pack_packages
from snakemake_executor_plugin_batchx.storage.sources import SourceArchive, pack_sources
from snakemake_executor_plugin_batchx.storage.transfer import Transfer
from snakemake_executor_plugin_batchx.workflow.imported import find_imported
from snakemake_executor_plugin_batchx.workflow.listings import collect_listings
from snakemake_executor_plugin_batchx.workflow.parse_audit import ParseRecord
from snakemake_executor_plugin_batchx.workflow.remote_sources import collect_remote_sources
from snakemake_executor_plugin_batchx.workflow.script_trees import FileSize
from snakemake_executor_plugin_batchx.workflow.source_files import (
    collect_source_files,
    find_bases,
)

LARGE_ARCHIVE_BYTES = 200 * 1024 * 1024
SHOWN_FILES = 3


def deploy_sources(
    executor: Any, record: ParseRecord, store: S3Gateway, root: S3Root
) -> SharedSpec:
    """Send the workflow's sources and packages; return what all jobs of the run share.

    Raises BatchxError where a source cannot be read or S3 refuses.
    """
    with (
        Transfer(store) as transfer,
        tempfile.TemporaryDirectory(prefix="batchx-sources-") as folder,
    ):
        archive = _pack(executor, record, Path(folder, "sources.tar.gz"))
        key = root.get_sources_key(archive.sha256)
        if not transfer.find_existing([key]):
            transfer.send_as(archive.path, key)
        packages = _deploy_packages(executor.workflow, record, transfer, root)
    project = _find_project(archive)
    return SharedSpec(
        version=SPEC_VERSION,
        root_prefix=root.prefix,
        sources=Blob(key, 0, archive.size, archive.sha256),
        source_depth=archive.depth,
        start_dir=archive.start_dir,
        work_dir=archive.work_dir,
        scratch=executor.executor_settings.scratch,
        envvars=_select_envvars(executor.envvars()),
        packages=packages,
        places=list_head_places(project),
        project=project,
        keeps_output=executor.executor_settings.logs == ALL_LOGS,
    )


def _find_project(archive: SourceArchive) -> str:
    """Return the folder of this machine that the archive shows."""
    depth = len(PurePath(archive.work_dir).parts)
    return os.path.normpath(os.path.join(os.getcwd(), *[os.pardir] * depth))


def _pack(executor: Any, record: ParseRecord, path: Path) -> SourceArchive:
    workflow, log = executor.workflow, executor.logger
    files = collect_source_files(workflow, record)
    if files.left_out:
        log.warning(tell_left_out(files.left_out))
    base = os.getcwd()
    try:
        archive = pack_sources(
            files.paths,
            workflow.workdir_init,
            base,
            path,
            listings=collect_listings(record, find_bases(workflow), base),
            fetched=collect_remote_sources(workflow),
            outside=files.outside,
        )
    except OSError as error:
        raise BatchxError(f"A source of the workflow cannot be read: {error}") from error
    if archive.size > LARGE_ARCHIVE_BYTES:
        sizes = (FileSize(file, os.path.getsize(file)) for file in files.paths)
        largest = sorted(sizes, key=lambda each: each.size, reverse=True)
        log.warning(tell_large_archive(archive.size, largest))
    return archive


def _deploy_packages(
    workflow: Any, record: ParseRecord, transfer: Transfer, root: S3Root
) -> PackagesSpec | None:
    """Send the packages that parsing imported and jobs may lack; None where there are none."""
    imported = find_imported(workflow, record)
    if not imported.modules:
        return None
    key = root.get_packages_key(imported.make_key())
    if not transfer.find_existing([key]):
        with tempfile.TemporaryDirectory(prefix="batchx-packages-") as folder:
            path = Path(folder, "packages.tar.gz")
            try:
                pack_packages(imported.files, path)
            except OSError as error:
                raise BatchxError(
                    f"A package that the workflow imports cannot be read: {error}"
                ) from error
            transfer.send_as(path, key)
    return PackagesSpec(key, imported.modules)


def tell_large_archive(size: int, files: Sequence[FileSize]) -> str:
    """Return what the user should know of an archive of `size` bytes; largest files first."""
    return (
        f"batchx: every job fetches the workflow's sources, {_show_size(size)} packed. The largest "
        f"files: {_show_files(files)}."
    )


def tell_left_out(files: Sequence[FileSize]) -> str:
    """Return what the user should know of files beside scripts; largest files first."""
    total = sum(file.size for file in files)
    return (
        "batchx: jobs get scripts together with the folders they stand in, but not the data there: "
        f"{len(files)} files ({_show_size(total)}) stay here, the largest {_show_files(files)}. "
        "A rule that reads one of them must name it as an input."
    )


def _show_files(files: Sequence[FileSize]) -> str:
    return ", ".join(
        f"{os.path.relpath(file.path)} ({_show_size(file.size)})" for file in files[:SHOWN_FILES]
    )


def _show_size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def _select_envvars(envvars: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that travel: Snakemake also names storage settings that are not set."""
    return {
        name: value
        for name, value in envvars.items()
        if value or not name.startswith("SNAKEMAKE_STORAGE_")
    }
