"""What a job has to know of the cache that its host keeps of large inputs."""

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.cache_folder import (
    CACHE_RESOURCE,
    READ_FOLDER,
    CacheFolder,
)
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.job import JobDescription
from snakemake_executor_plugin_batchx.plan.request import JobRequest
from snakemake_executor_plugin_batchx.plan.volumes import list_taken
from snakemake_executor_plugin_batchx.spec import HostCacheSpec


def plan_host_cache(
    description: JobDescription, folder: CacheFolder, request: JobRequest, image: JobImage
) -> HostCacheSpec | None:
    """Return what the job has to know of the cache; None where none of its inputs goes through it.

    Raises BatchxError where the folder cannot be mounted.
    """
    if not description.cached_inputs and not any(
        file.is_cached for file in description.storage_files
    ):
        return None
    label = description.label
    if request.platform.is_fargate:
        raise BatchxError(
            f"{label}: inputs marked {CACHE_RESOURCE} need a folder of the host, and Fargate has "
            "none: leave the mark out for this rule, or send it to a queue on EC2 (batchx_queue)."
        )
    mounted = {volume.container_path for volume in request.options.volumes or ()}
    mounted |= {each.path for each in request.container.tmpfs}
    tmpfs = image.container.get("linuxParameters", {}).get("tmpfs", ())
    taken = mounted | list_taken(image.container) | {each["containerPath"] for each in tmpfs}
    for path in (folder.path, READ_FOLDER):
        if path in taken:
            raise BatchxError(
                f"{label}: batchx_volumes, batchx_options or its job definition mounts something "
                f"at {path} already, where the host's cache would be: name another folder by "
                "--batchx-host-cache."
            )
    return HostCacheSpec(folder.path, READ_FOLDER, folder.max_bytes, description.cached_inputs)
