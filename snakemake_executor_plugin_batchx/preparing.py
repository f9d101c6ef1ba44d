"""A job on its way to its submission: inputs staged, image and definition provided, spec made."""

import json
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.packets import make_packet
from snakemake_executor_plugin_batchx.plan.fit import join_consumables
from snakemake_executor_plugin_batchx.plan.host_cache import plan_host_cache
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.names import (
    RULE_TAG,
    hash_content,
    make_array_name,
    make_fingerprint,
    make_job_name,
    make_slug,
    make_work_key,
)
from snakemake_executor_plugin_batchx.plan.request import JobRequest
from snakemake_executor_plugin_batchx.plan.submission import make_job_command, plan_submission
from snakemake_executor_plugin_batchx.ports import Ports, RunContext
from snakemake_executor_plugin_batchx.spec import Entry, HostCacheSpec, JobSpec, encode


@dataclass(frozen=True)
class ReadyJob:
    """A job that can be submitted: alone, or with others of an equal `array_key`."""

    job: TrackedJob
    spec: bytes
    image: JobImage
    request: JobRequest
    cache_folder: str | None = None

    @property
    def rule(self) -> str:
        """The job's rules in one word."""
        return "-".join(self.job.description.rules)

    @property
    def is_single(self) -> bool:
        """Whether the job goes alone, whatever others are like it."""
        return self.request.options.array is False

    @property
    def array_key(self) -> Hashable:
        """What jobs of one array have in common: all of SubmitJob but name and command."""
        return self.rule, self.image.image, self.definition, self.request, self.cache_folder

    @property
    def definition(self) -> str:
        """A hash of what the definition of the user's own says, "" without one."""
        return hash_content(self.image.template) if self.image.template else ""


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
        label, wish, planner = description.label, description.wish, context.planner
        queue, *others = planner.list_queues(wish)
        if job.rounds == 1:
            job.queue, job.fallback_queue = queue, next(iter(others), None)
        image = self._ports.images.provide(planner.choose_image(wish, job.queue), label)
        request = planner.plan(wish, job.queue, image)
        host_cache = plan_host_cache(description, context.cache_folder, request, image)
        inputs = self._ports.stager.stage_inputs(description.inputs, label)
        job.image = image.base
        job.memory_mib = request.resources.memory_mib
        job.resources = request.resources
        job.consumables = tuple(join_consumables(request.options, image))
        job.runnable_timeout_seconds = request.options.runnable_timeout
        job.newest_input_ns = max((entry.mtime_ns for entry in inputs), default=0)
        job.prefix = context.root.get_submission_prefix(context.run_id, job.place)
        job.spec_key = f"{job.prefix}/spec"
        spec = _make_spec(job, inputs, host_cache, request)
        job.fingerprint = make_fingerprint(
            spec=spec,
            sources=context.shared.list_source_hashes(),
            resources=encode(wish.demand),
            surroundings=list_surroundings(request, image),
            work_dir=context.work_dir,
        )
        job.work = make_work_key(description.steps, context.work_dir)
        text = json.dumps(encode(spec), separators=(",", ":"))
        cache_folder = host_cache.folder if host_cache else None
        return ReadyJob(job, text.encode(), image, request, cache_folder)

    def plan_group(self, group: list[ReadyJob]) -> ReadyGroup:
        """Return the request for jobs of one array key, or for one job.

        Sets name and spec of the jobs. Raises AwsError where Batch refuses their definition.
        """
        context, first = self._context, group[0]
        definition_arn = self._ports.definitions.provide(
            first.rule, first.image, first.request, first.cache_folder
        )
        spec_key = first.job.spec_key
        fingerprints = [ready.job.fingerprint for ready in group]
        name = make_array_name(first.rule, fingerprints)
        if len(group) == 1:
            name = make_job_name(first.rule, fingerprints[0], first.job.description.attempt)
        for ready in group:
            ready.job.name, ready.job.spec_key = name, spec_key
        url = context.root.make_url(spec_key)
        submission = plan_submission(
            name=name,
            definition_arn=definition_arn,
            command=make_job_command(
                context.python, context.region, url, context.s3_options.encode()
            ),
            request=first.request,
            tags={**context.tags, RULE_TAG: make_slug(first.rule)},
            size=len(group),
        )
        packet = make_packet(encode(context.shared), [ready.spec for ready in group])
        return ReadyGroup(submission, spec_key, packet)

    def renew_definition(self, ready: ReadyJob, submission: dict[str, Any]) -> None:
        """Name another definition in a request: somebody deregistered that which it names.

        Raises AwsError where Batch refuses it.
        """
        definitions = self._ports.definitions
        definitions.forget(submission["jobDefinition"])
        submission["jobDefinition"] = definitions.provide(
            ready.rule, ready.image, ready.request, ready.cache_folder
        )


def _make_spec(
    job: TrackedJob,
    inputs: tuple[Entry, ...],
    host_cache: HostCacheSpec | None,
    request: JobRequest,
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
        passed=dict(request.passed),
        disk_mib=request.resources.disk_mib,
    )


def list_surroundings(request: JobRequest, image: JobImage) -> list[Any]:
    """Return what of a container may change what a tool makes in it, as plain values.

    Of the head's own variables the names: who changes a password wants no job to run again.
    """
    options = request.options
    return [
        request.architecture,
        encode(replace(request.container, notes=())),
        encode(options.volumes or ()),
        encode(options.secrets or ()),
        image.template,
    ]
