"""The workflow in the job: its sources, the names it will list, the packages it will import."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from pathlib import Path

from snakemake_executor_plugin_batchx.job.usage import choose_transfer_memory
from snakemake_executor_plugin_batchx.spec import Entry, JobSpec, SharedSpec
from snakemake_executor_plugin_batchx.storage.absent import (
    Placed,
    note_folders,
    place_names,
    remove_names,
    remove_placed,
)
from snakemake_executor_plugin_batchx.storage.absolute import place_absolute
from snakemake_executor_plugin_batchx.storage.packages import add_packages, is_importable
from snakemake_executor_plugin_batchx.storage.sources import (
    HOME_PART,
    RUNTIME_PART,
    unpack_sources,
)
from snakemake_executor_plugin_batchx.storage.transfer import ObjectStore, Transfer

CACHE_VARIABLE = "XDG_CACHE_HOME"
"""Where Snakemake keeps sources of a tag or commit: below `snakemake/snakemake/source-cache` there
(snakemake/workflow.py, source_cache_path; https://specifications.freedesktop.org/basedir-spec/)."""

ABSENT = "absent"
PACKAGES = "packages"


@dataclasses.dataclass(frozen=True)
class Sources:
    """The workflow's sources in place.

    `top` is the top of the archive, `work_dir` what relative paths refer to; `cache` holds what
    the head had fetched from elsewhere, None if nothing.
    """

    top: Path
    work_dir: Path
    cache: Path | None
    placed: Placed
    absent_dir: Path

    def note_inputs(self, inputs: Sequence[Entry]) -> None:
        """Tell what stands for a folder of the head from what is an input of this job."""
        mine = {os.path.normpath(self.work_dir / entry.path) for entry in inputs}
        folders = (f for f in self.placed.folders if os.path.normpath(f) not in mine)
        note_folders(folders, self.absent_dir)

    def clear_names(self, job: JobSpec) -> None:
        """Remove the names that would be in the way of a job's outputs, or within its inputs.

        To be called when the workflow is parsed.
        """
        paths = [product.path for product in job.products]
        paths += [entry.path for entry in job.inputs if entry.kind == "dir"]
        remove_names([str(self.work_dir / path) for path in paths], self.absent_dir)


@contextlib.contextmanager
def open_sources(transfer: Transfer, shared: SharedSpec, scratch: Path) -> Iterator[Sources]:
    """Unpack the sources below `scratch`; what is made outside of it goes again at the end."""
    archive = scratch / "sources.tar.gz"
    transfer.fetch_blob(shared.sources, archive)
    unpacked = unpack_sources(archive, scratch, shared.source_depth)
    archive.unlink()
    top, absent_dir = unpacked.top, scratch / ABSENT
    for folder in (shared.start_dir, shared.work_dir):
        (top / folder).mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        if unpacked.absolute:
            stack.enter_context(place_absolute(unpacked.absolute))
        placed = place_names(unpacked.listings, top, absent_dir)
        stack.callback(remove_placed, placed, top)
        yield Sources(top, top / shared.work_dir, unpacked.cache, placed, absent_dir)


def provide_packages(store: ObjectStore, shared: SharedSpec, scratch: Path) -> Path | None:
    """Let this process import what the workflow imports; return the folder, if one was needed.

    Only if a module is missing here is the archive fetched.
    """
    packages = shared.packages
    if packages is None or all(map(is_importable, packages.modules)):
        return None
    archive, folder = scratch / "packages.tar.gz", scratch / PACKAGES
    with Transfer(store, choose_transfer_memory()) as transfer:
        transfer.fetch_object(packages.key, archive)
    add_packages(archive, folder)
    archive.unlink()
    return folder


def prepare_parsing(
    job: JobSpec, sources: Sources, environment: MutableMapping[str, str]
) -> tuple[JobSpec, Callable[[], None]]:
    """Point the job's Snakemake at the sources that the head fetched from elsewhere.

    `environment` is this process's, which Snakemake inherits. Returns the job to run, and what to
    call in its process when the workflow is parsed.
    """
    cache = sources.cache
    if cache is None:
        return job, lambda: sources.clear_names(job)
    before = environment.get(CACHE_VARIABLE)
    environment[CACHE_VARIABLE] = str(cache / HOME_PART)
    argv = (
        *job.argv,
        *("--runtime-source-cache-path", str(cache / RUNTIME_PART)),
        *("--shared-fs-usage", "source-cache"),
    )

    def end_parsing() -> None:
        sources.clear_names(job)
        # The job's tools keep the cache of their image.
        if before is None:
            del environment[CACHE_VARIABLE]
        else:
            environment[CACHE_VARIABLE] = before

    return dataclasses.replace(job, argv=argv), end_parsing
