"""What Snakemake does on this machine around a job that runs here, done for one on Batch."""

import os
from pathlib import Path
from typing import Any

from snakemake_interface_common.exceptions import ApiError

from snakemake_executor_plugin_batchx.workflow.environments import spare_conda_of_head
from snakemake_executor_plugin_batchx.workflow.head_software import keep_software_in_jobs
from snakemake_executor_plugin_batchx.workflow.output_cache import (
    fetch_outputs,
    has_cache,
    store_outputs,
)
from snakemake_executor_plugin_batchx.workflow.steps import list_steps, make_label
from snakemake_executor_plugin_batchx.workflow.storage_files import (
    fetch_checkpoint_outputs,
    keep_updated,
    note_outputs,
)


class HeadDuties:
    """The duties of the head for one workflow (a snakemake.workflow.Workflow)."""

    def __init__(self, workflow: Any) -> None:
        self._workflow = workflow
        self._backups: dict[Any, list[Path]] = {}
        keep_software_in_jobs(workflow.dag)
        spare_conda_of_head(workflow)

    def take_from_cache(self, job: Any) -> bool:
        """Put a job's outputs in place from Snakemake's cache; tell whether it had them."""
        return has_cache(job) and bool(self._workflow.async_run(fetch_outputs(job)))

    def refuse_protected(self, job: Any) -> None:
        """Refuse to replace a protected output.

        Raises ApiError: to fail the job would not do, for Snakemake removes the outputs of a
        failed job.
        """
        protected = next(filter(_is_write_protected, _list_local_outputs(job)), None)
        if protected:
            raise ApiError(
                f"{make_label(job)}: output {protected} is write-protected (protected()): "
                "remove it, or its protection, first."
            )

    def back_up(self, job: Any) -> None:
        """Keep what update() outputs are now, as Snakemake does (snakemake/jobs.py, prepare)."""
        for file in _list_local_outputs(job):
            if file.flags.get("update") and os.path.lexists(file):
                path = Path(file)
                self._workflow.persistence.cleanup_backup(path)
                self._workflow.persistence.backup_output(path)
                self._backups.setdefault(job, []).append(path)

    async def finish(self, job: Any) -> None:
        """Do what has to be done when a job's outputs are there."""
        steps = list_steps(job)
        note_outputs(steps, is_group=job.is_group())
        await fetch_checkpoint_outputs(steps)
        if has_cache(job):
            await store_outputs(job)

    def spare_updated(self, job: Any) -> None:
        """Keep update() outputs in storage from being removed: the job is about to have failed."""
        keep_updated(list_steps(job))

    def forget_backups(self, job: Any) -> None:
        """Remove what was kept of update() outputs: the job has succeeded."""
        for path in self._backups.pop(job, []):
            self._workflow.persistence.cleanup_backup(path)

    def restore_backups(self, job: Any) -> None:
        """Put back what update() outputs were: the job has failed, and they have been removed."""
        for path in self._backups.pop(job, []):
            self._workflow.persistence.restore_output(path)


def _list_local_outputs(job: Any) -> list[Any]:
    return [file for step in list_steps(job) for file in step.output if not file.is_storage]


def _is_write_protected(path: str) -> bool:
    """Tell whether a file is write-protected, as protected() leaves it.

    By its mode bits: the superuser may write anything, and what runs must not depend on who runs
    the head.
    """
    if not os.path.exists(path) or os.path.islink(path):
        return False
    return not os.stat(path).st_mode & 0o222
