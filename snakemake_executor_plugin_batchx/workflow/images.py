"""The images that a run needs."""

from typing import Any

from snakemake_executor_plugin_batchx.workflow.describe import choose_container
from snakemake_executor_plugin_batchx.workflow.steps import make_label


def list_containers(workflow: Any) -> dict[str, str]:
    """Return each `container:` of the jobs that are to run on Batch, with who asks for it first.

    Jobs that a checkpoint brings later are not among them.
    """
    containers: dict[str, str] = {}
    for job in workflow.dag.needrun_jobs():
        if not job.is_local:
            label = make_label(job)
            containers.setdefault(choose_container([job], label, workflow) or "", label)
    return containers
