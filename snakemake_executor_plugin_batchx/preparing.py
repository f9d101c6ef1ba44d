"""A job on its way to its submission: inputs staged, image and definition provided, spec made."""

import json
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.plan.host_cache import plan_host_cache
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.names import (
    make_array_name,
    make_fingerprint,
    make_job_name,
    make_work_key,
)
from snakemake_executor_plugin_batchx.plan.resources import BatchResources, plan_resources
from snakemake_executor_plugin_batchx.plan.submission import make_job_command, plan_submission
from snakemake_executor_plugin_batchx.ports import Ports, RunContext
from snakemake_executor_plugin_batchx.spec import (
    Entry,
    HostCacheSpec,
    JobSpec,
    encode,
    make_packet,
)

ARRAY_RESOURCE = "batchx_array"
"""The resource by which a rule keeps its jobs out of arrays."""

ARRAY_VALUES = {"on": True, "off": False, True: True, False: False}


@dataclass(frozen=True)
class ReadyJob:
    """A job that can be submitted: alone, or with others of an equal `array_key`."""

    job: TrackedJob
    spec: bytes
    image: JobImage
    resources: BatchResources
    is_single: bool
    cache_folder: str | None = None

    @property
    def rule(self) -> str:
        """The job's rules in one word."""
        return "-".join(self.job.description.rules)

    @property
    def array_key(self) -> Hashable:
        """What jobs of one array have in common: all of SubmitJob but name and command."""
        return self.rule, self.image.image, self.resources, self.cache_folder


@dataclass(frozen=True)
class ReadyGroup:
    """A SubmitJob request, and the spec object that its command names."""

    request: dict[str, Any]
    spec_key: str
    packet: bytes


class Preparer:
    """Makes jobs ready. Safe to use from many threads."""

    def __init__(self, context: RunContext, ports: Ports) -> None:
        self._context = context
        self._ports = ports

    def prepare(self, job: TrackedJob) -> ReadyJob:
        """Stage a job's inputs and make its spec; sets what is known of it then.

        Raises BatchxError for what the user can mend.
        """
        description, context = job.description, self._context
        label = description.label
        image = self._ports.images.provide(description.container or "", label)
        resources = plan_resources(description.resources, label, image.find_memory_mib())
        is_single = not (context.has_arrays and read_array_resource(description.resources, label))
        host_cache = plan_host_cache(description, context.cache_folder, image.template)
        inputs = self._ports.stager.stage_inputs(description.inputs, label)
        job.image = image.base
        job.memory_mib = resources.memory_mib
        job.newest_input_ns = max((entry.mtime_ns for entry in inputs), default=0)
        job.prefix = context.root.get_submission_prefix(context.run_id, job.submission)
        job.spec_key = f"{job.prefix}/spec"
        spec = _make_spec(job, inputs, host_cache)
        job.fingerprint = make_fingerprint(
            spec=spec,
            sources=context.shared.list_source_hashes(),
            resources=encode(resources),
            work_dir=context.work_dir,
        )
        job.work = make_work_key(description.steps, context.work_dir)
        text = json.dumps(encode(spec), separators=(",", ":"))
        cache_folder = host_cache.folder if host_cache else None
        return ReadyJob(job, text.encode(), image, resources, is_single, cache_folder)

    def plan_group(self, group: list[ReadyJob]) -> ReadyGroup:
        """Return the request for jobs of one array key, or for one job.

        Sets name and spec of the jobs. Raises AwsError where Batch refuses their definition.
        """
        context, first = self._context, group[0]
        definition_arn = self._ports.definitions.provide(
            first.rule, first.image, first.cache_folder
        )
        spec_key = first.job.spec_key
        fingerprints = [ready.job.fingerprint for ready in group]
        name = make_array_name(first.rule, fingerprints)
        if len(group) == 1:
            name = make_job_name(first.rule, fingerprints[0], first.job.description.attempt)
        for ready in group:
            ready.job.name, ready.job.spec_key = name, spec_key
        url = context.root.make_url(spec_key)
        request = plan_submission(
            name=name,
            queue=context.job_queue,
            definition_arn=definition_arn,
            command=make_job_command(
                context.python, context.region, url, context.s3_options.encode()
            ),
            resources=first.resources,
            tags=context.tags,
            size=len(group),
        )
        packet = make_packet(encode(context.shared), [ready.spec for ready in group])
        return ReadyGroup(request, spec_key, packet)


def _make_spec(
    job: TrackedJob, inputs: tuple[Entry, ...], host_cache: HostCacheSpec | None
) -> JobSpec:
    description = job.description
    return JobSpec(
        argv=description.argv,
        inputs=inputs,
        products=description.products,
        steps=description.steps,
        lease_key=job.lease_key,
        result_key=job.result_key,
        checkpoints=description.checkpoints,
        environments=description.environments,
        image=job.image,
        storage_files=description.storage_files,
        storage_dir=description.storage_dir,
        host_cache=host_cache,
    )


def read_array_resource(resources: dict[str, Any], label: str) -> bool:
    """Tell whether a job may go in an array. Raises BatchxError for a value that says neither."""
    value = resources.get(ARRAY_RESOURCE, True)
    if not isinstance(value, str | bool) or value not in ARRAY_VALUES:
        raise BatchxError(f"{label}: resource {ARRAY_RESOURCE}={value!r} must be 'on' or 'off'.")
    return ARRAY_VALUES[value]
