"""The objects that a job reads and makes through Snakemake's s3 storage plugin."""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from snakemake_executor_plugin_batchx.spec import StorageFile
from snakemake_executor_plugin_batchx.workflow.steps import iter_made

S3_PLUGIN = "snakemake_storage_plugin_s3"

INSIDE_FLAGS = ("pipe", "service", "nodelocal")
"""Flags of files that live inside one job only, as a group's rules share them."""


def list_storage_files(
    waves: list[list[Any]], asked: Iterable[Any], is_cached: Callable[[Any], bool]
) -> tuple[StorageFile, ...]:
    """Return the s3 plugin's objects that must be there for a job, and those that it makes.

    `asked` are files that its input functions read, `is_cached` tells of those that hosts keep.
    What one rule of a group makes for another is fetched by none; objects that are not to be
    retrieved are the tools' own business.
    """
    made = [(f, at) for at, wave in enumerate(waves) for step in wave for f in iter_made(step)]
    looked_at = list(filter(_is_moved, asked))
    known = {str(f) for f in (*(f for f, _ in made), *looked_at)}
    inputs = (f for wave in waves for step in wave for f in step.input)
    read = [f for f in inputs if _is_moved(f) and str(f) not in known]
    files = [
        *(replace(_describe(f, is_output=True), wave=at) for f, at in made if _is_moved(f)),
        *(replace(_describe(f, is_output=False), is_awaited=True) for f in looked_at),
        *(replace(_describe(f, is_output=False), is_cached=is_cached(f)) for f in read),
    ]
    return tuple(dict.fromkeys(files))


def _is_of_s3_plugin(file: Any) -> bool:
    return file.is_storage and type(file.storage_object.provider).__module__ == S3_PLUGIN


def _is_moved(file: Any) -> bool:
    return (
        _is_of_s3_plugin(file)
        and file.storage_object.retrieve
        and not any(file.flags.get(flag) for flag in INSIDE_FLAGS)
    )


def _describe(file: Any, *, is_output: bool) -> StorageFile:
    item = file.storage_object
    return StorageFile(
        query=item.query,
        provider=item.provider.local_prefix.name,
        is_default=item.provider.is_default,
        is_fetched=not is_output or bool(file.flags.get("update")),
        is_output=is_output,
        was_dir=bool(item._is_dir),
    )


def get_storage_dir(workflow: Any) -> str:
    """Return what relative paths refer to, as seen from where the job's Snakemake starts.

    They differ where the workflow changes the directory (`workdir:`).
    """
    return os.path.relpath(os.getcwd(), workflow.workdir_init)


def list_inner_files(steps: list[Any]) -> list[str]:
    """Return the storage files of a group that are never stored, by the paths Snakemake uses.

    It would store them (snakemake/dag.py, store_storage_outputs): a pipe for ever.
    """
    outputs = (file for step in steps for file in step.output if file.is_storage)
    return [str(f) for f in outputs if any(f.flags.get(flag) for flag in INSIDE_FLAGS)]


async def fetch_checkpoint_outputs(steps: list[Any]) -> None:
    """Bring what checkpoints have made to this machine, whose input functions look at it.

    After a local run of the checkpoint it is here. A function that lists a folder that is not
    here would find nothing, and the jobs behind it would run on nothing.
    """
    for step in steps:
        for file in step.output if step.is_checkpoint else ():
            if file.is_storage:
                await file.retrieve_from_storage()


def keep_updated(steps: list[Any]) -> None:
    """Keep the update() outputs of a failed job in S3, where they are as they were before it.

    Snakemake removes the outputs of a failed job; only where it ran the job itself does it put
    such files back (snakemake/jobs.py, Job.postprocess).
    """
    for step in steps:
        for file in step.output:
            if file.flags.get("update") and _is_of_s3_plugin(file):
                file.storage_object.remove = _remove_nothing


def _remove_nothing() -> None:
    """Stand for the removal of an object that is to stay."""


def note_outputs(steps: list[Any], *, is_group: bool) -> None:
    """Tell the head's s3 plugin what a job that has succeeded has made.

    A file is asked for once (workflow/made_objects.py). Of a directory the plugin remembers the
    answer from before there was anything (its `is_dir`): "not a directory", so that it would ask
    for its time as if it were a file, and fail. Those who read a file have an object of their own
    for it.
    """
    for step in steps:
        outputs = [*step.output, *([step.benchmark] if step.benchmark else [])]
        made = {str(f): [f.storage_object] for f in outputs if _is_moved(f)}
        for file in (f for files in step.dag.depending[step].values() for f in files):
            if str(file) in made and _is_of_s3_plugin(file):
                made[str(file)].append(file.storage_object)
        for file in filter(_is_moved, outputs):
            # In a group Snakemake removes temp() files as soon as their readers are done.
            if file.is_directory or (is_group and file.flags.get("temp")):
                for item in made[str(file)]:
                    item._is_dir = None
            else:
                _note_made(made[str(file)])


def _note_made(items: list[Any]) -> None:
    # Not at the top: who has no such objects need not have the plugin.
    from snakemake_executor_plugin_batchx.workflow.made_objects import (  # noqa: PLC0415
        note_made,
    )

    note_made(items)
