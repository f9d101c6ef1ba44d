"""What a job asks of Batch, image and command apart: options, resources and platform together."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from snakemake_executor_plugin_batchx.plan.architecture import Architecture
from snakemake_executor_plugin_batchx.plan.capacity import iter_capacity_reasons
from snakemake_executor_plugin_batchx.plan.container_options import ContainerOptions
from snakemake_executor_plugin_batchx.plan.fit import (
    choose_architecture,
    iter_consumable_reasons,
    iter_mount_reasons,
    iter_name_reasons,
    iter_need_reasons,
    iter_platform_reasons,
    iter_role_reasons,
    iter_scratch_reasons,
    iter_size_reasons,
    iter_tag_reasons,
    iter_template_reasons,
)
from snakemake_executor_plugin_batchx.plan.image import ImageNeed, JobImage
from snakemake_executor_plugin_batchx.plan.job_options import (
    NO_OPTIONS,
    JobOptions,
    drop_needless,
    name_source,
)
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.resources import (
    DEFAULT_OVERHEAD_MIB,
    NO_DEMAND,
    BatchResources,
    Demand,
    plan_resources,
)
from snakemake_executor_plugin_batchx.plan.values import Problems, WrongValueError

FindPlatform = Callable[[str], Platform]
"""Returns what a queue is. Raises BatchxError for one that cannot be used."""

DEFAULT_QUEUE = "--batchx-job-queue"

NO_CONTAINER_OPTIONS = ContainerOptions()

DEFAULT_SCRATCH = "/tmp"  # noqa: S108 - where containers work that have no TMPDIR
"""Where jobs work unless --batchx-scratch says so (job/scratch.py)."""


@dataclass(frozen=True)
class JobRequest:
    """What definition and submission say of a job.

    Jobs with equal requests, rules and images may share a definition and go into one array.
    `passed` are environment variables with values of the head's: they travel in the job's spec.
    `notes` is what the user should know: sizes that were rounded, say.
    """

    platform: Platform
    resources: BatchResources
    options: JobOptions = NO_OPTIONS
    architecture: Architecture = "amd64"
    passed: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    notes: tuple[str, ...] = ()

    @property
    def container(self) -> ContainerOptions:
        """The options of the container."""
        return self.options.options or NO_CONTAINER_OPTIONS


@dataclass(frozen=True)
class Wish:
    """What a job asks for itself: its rule's resources, as they were read.

    With `is_queue_mapped` the queue is that of the site's module map, with `is_grouped` it is of
    one rule in a group, which other rules' resources decide as well.
    """

    label: str
    demand: Demand = NO_DEMAND
    options: JobOptions = NO_OPTIONS
    container: str = ""
    is_queue_mapped: bool = False
    is_grouped: bool = False

    @property
    def queue_source(self) -> str:
        """Who names its queue."""
        return (
            f"{'--batchx-module-map' if self.is_queue_mapped else 'batchx_queue'} of {self.label}"
        )


@dataclass(frozen=True)
class RequestPlanner:
    """Plans what jobs ask of Batch.

    `defaults` are the run's settings, `default_queue` is the queue as Batch knows it where a job
    names none, `environment` the head's variables, for `-e NAME`. With `has_one_queue` (an embedded
    Batch that the run started) all jobs go there, whatever their rules say of queues. `scratch` is
    the folder of containers in which jobs work. Safe to use from many threads if `find_platform`
    is.
    """

    defaults: JobOptions
    default_queue: str
    find_platform: FindPlatform
    environment: Mapping[str, str] = field(repr=False)
    has_one_queue: bool = False
    scratch: str = DEFAULT_SCRATCH

    def list_queues(self, wish: Wish) -> list[str]:
        """Return the queues that a job may go to: its own, then one to fall back on."""
        return list(self.name_queues(wish))

    def name_queues(self, wish: Wish) -> dict[str, str]:
        """Return the same queues, each with who names it."""
        if self.has_one_queue:
            return {self.default_queue: DEFAULT_QUEUE}
        own, fallback = wish.options.queue, wish.options.fallback_queue
        named = {own: wish.queue_source} if own else {self.default_queue: DEFAULT_QUEUE}
        if fallback:
            named.setdefault(fallback, f"batchx_fallback_queue of {wish.label}")
        elif self.defaults.fallback_queue:
            named.setdefault(self.defaults.fallback_queue, "--batchx-fallback-queue")
        return named

    def choose_image(self, wish: Wish, queue: str) -> ImageNeed:
        """Return what image a job needs on a queue. Raises BatchxError for a wrong processor."""
        platform = self.find_platform(queue)
        options = self._choose_own(wish, platform).over(self._choose_defaults(platform))
        problems = Problems(wish.label, partial(name_source, wish.options))
        architecture: Architecture = "amd64"
        with problems:
            architecture = choose_architecture(options, platform)
        problems.raise_all()
        return ImageNeed(wish.container, architecture, options.registry_credentials or ())

    def _choose_own(self, wish: Wish, platform: Platform) -> JobOptions:
        """Return what a rule asks for itself, without what is for queues that it does not get."""
        if not self.has_one_queue:
            return wish.options
        # Nor are there consumable resources in an account that the run itself has made.
        return replace(drop_needless(wish.options, platform), arch=None, consumables=None)

    def _choose_defaults(self, platform: Platform) -> JobOptions:
        """Return what the settings ask of jobs on a queue; of EC2 they choose no processor."""
        defaults = drop_needless(self.defaults, platform)
        if platform.architecture:
            defaults = replace(defaults, arch=None)
        return replace(defaults, consumables=None) if self.has_one_queue else defaults

    def plan(self, wish: Wish, queue: str, image: JobImage) -> JobRequest:
        """Return what a job asks of a queue. Raises BatchxError, a sentence for each mistake."""
        platform = self.find_platform(queue)
        own = self._choose_own(wish, platform)
        options = own.over(self._choose_defaults(platform))
        overhead_mib = options.memory_overhead
        if overhead_mib is None:
            overhead_mib = DEFAULT_OVERHEAD_MIB
        problems = Problems(wish.label, partial(name_source, own))
        request = JobRequest(platform, BatchResources(1, 1), options)
        container = request.container
        with problems:
            resources, notes = plan_resources(
                wish.demand, platform, overhead_mib, image.make_template()
            )
            problems.add_reasons(
                f"batchx_options {e}" for e in container.list_problems(resources.memory_mib)
            )
            request = JobRequest(
                platform,
                resources,
                options,
                choose_architecture(options, platform),
                notes=(*notes, *container.notes),
            )
        with problems:
            passed = pass_values(container, self.environment)
            request = replace(request, passed=passed)
        problems.add_reasons(iter_need_reasons(own, options, platform))
        problems.add_reasons(iter_scratch_reasons(options, container, self.scratch))
        problems.add_reasons(_iter_misfits(request, image))
        problems.raise_all()
        return request


def _iter_misfits(request: JobRequest, image: JobImage) -> Iterator[str]:
    """Yield what does not go together of options, queue and image."""
    options, container, platform = request.options, request.container, request.platform
    yield from iter_capacity_reasons(request.resources, platform)
    yield from iter_platform_reasons(options, container, platform)
    yield from iter_role_reasons(options, platform, image)
    yield from iter_mount_reasons(options, container, image)
    yield from iter_name_reasons(options, container)
    yield from iter_consumable_reasons(options, image)
    yield from iter_size_reasons(options, container, image)
    yield from iter_tag_reasons(options, image)
    yield from iter_template_reasons(image, platform, request.architecture)


def pass_values(
    container: ContainerOptions, environment: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Return the variables that `-e NAME` takes from the head.

    Raises WrongValueError for those that it has not.
    """
    missing = [name for name in container.passed_names if name not in environment]
    if missing:
        raise WrongValueError(
            *(
                f"batchx_options holds -e {name}, but {name} is not set on this machine: set it, "
                f"or give a value (-e {name}=…)"
                for name in missing
            )
        )
    return tuple((name, environment[name]) for name in container.passed_names)
