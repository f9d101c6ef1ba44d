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
            container = choose_container([job], label, workflow) or ""
            if container == workflow.remote_execution_settings.container_image:
                label += " (which names no container, so --container-image counts)"
            containers.setdefault(container, label)
    return containers
