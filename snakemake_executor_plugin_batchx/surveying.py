"""All that the jobs of a run ask of Batch, checked before the first of them is submitted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.plan.image import (
    DEFINITION_SCHEME,
    NO_IMAGE,
    ImageNeed,
    JobImage,
)
from snakemake_executor_plugin_batchx.plan.job_options import JobOptions
from snakemake_executor_plugin_batchx.plan.options import BY_RESOURCE, OPTIONS, PREFIX
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import DEFAULT_QUEUE, RequestPlanner, Wish
from snakemake_executor_plugin_batchx.plan.values import Problems

UNUSED = {
    "has_policy": "none of the run's queues ({queues}) has a scheduling policy",
    "is_fargate": "none of the run's queues ({queues}) is on Fargate",
}
"""What is told of a setting that no queue of the run knows (plan/options.py, `needs`)."""


@dataclass(frozen=True)
class Survey:
    """What the jobs of a run ask for, each kind once. `container_image` is --container-image."""

    planner: RequestPlanner
    wishes: Sequence[Wish]
    container_image: str = ""

    def name_queues(self) -> dict[str, str]:
        """Return the queues that jobs may go to, the default one among them, and who names each."""
        named = {self.planner.default_queue: DEFAULT_QUEUE}
        for wish in self.wishes:
            for queue, who in self.planner.name_queues(wish).items():
                named.setdefault(queue, who)
        return named

    def list_needs(self) -> dict[ImageNeed, str]:
        """Return the images that are needed, each with who asks for it first.

        Of jobs whose queue cannot run them there is nothing to say: `list_problems` tells that.
        """
        needs: dict[ImageNeed, str] = {}
        for wish in self.wishes:
            label = wish.label
            if wish.container and wish.container == self.container_image:
                label += " (which names no container, so --container-image counts)"
            for queue in self.planner.list_queues(wish):
                with Problems():
                    needs.setdefault(self.planner.choose_image(wish, queue), label)
        return needs

    def list_consumables(self) -> dict[tuple[str, int], str]:
        """Return the consumable resources that jobs hold, with how many, and who is the first."""
        held: dict[tuple[str, int], str] = {}
        if not self.planner.has_one_queue:
            for wish in self.wishes:
                options = wish.options.over(self.planner.defaults)
                for each in options.consumables or ():
                    held.setdefault(each, wish.label)
        return held

    def measure_largest(self) -> dict[str, tuple[float, float, float]]:
        """Return the most vCPUs, MiB of memory and GPUs that jobs ask of each queue.

        As far as rules say it; what is added to memory, and what groups ask for, is not in it.
        """
        largest: dict[str, tuple[float, float, float]] = {}
        for wish, queue in self._iter_places():
            demand = wish.demand
            asked = (demand.threads, demand.memory_mib or 0.0, demand.gpus or 0.0)
            vcpus, memory_mib, gpus = map(max, asked, largest.get(queue, (0.0, 0.0, 0.0)))
            largest[queue] = (vcpus, memory_mib, gpus)
        return largest

    def name_values(self, name: str) -> dict[str, str]:
        """Return the values of an option that jobs have, each with who gives it first."""
        option = BY_RESOURCE[PREFIX + name]
        default = getattr(self.planner.defaults, name)
        named = {default: str(option.flag)} if default else {}
        for wish in self.wishes:
            value = getattr(wish.options, name)
            if value:
                named.setdefault(value, f"{option.resource} of {wish.label}")
        return named

    def list_problems(self) -> list[str]:
        """Return a sentence for all that is wrong, as far as it shows before images are there."""
        problems = Problems()
        for wish, queue in self._iter_places():
            if not wish.container.startswith(DEFINITION_SCHEME):
                with problems:
                    self.planner.plan(wish, queue, NO_IMAGE)
        return problems.sentences

    def list_image_problems(self, images: Mapping[ImageNeed, JobImage]) -> list[str]:
        """Return a sentence for all that does not fit the images, and definitions, of jobs."""
        problems = Problems()
        for wish, queue in self._iter_places():
            with problems:
                image = images.get(self.planner.choose_image(wish, queue))
                if image is not None:
                    self.planner.plan(wish, queue, image)
        return problems.sentences

    def _iter_places(self) -> Iterator[tuple[Wish, str]]:
        """Yield where jobs may go; of rules in groups nobody knows before these are formed."""
        for wish in self.wishes:
            if wish.is_grouped:
                continue
            for queue in self.planner.list_queues(wish):
                yield wish, queue


def list_arch_problems(settings: JobOptions, platforms: Iterable[Platform]) -> list[str]:
    """Return a sentence for each queue of another processor, where no queue lets jobs choose it."""
    known = list(platforms)
    if settings.arch is None or any(each.architecture is None for each in known):
        return []
    return [
        f"--batchx-arch is {settings.arch}, but the instances of queue {each.queue} are "
        f"{each.architecture}, and no queue of the run is on Fargate: leave it out."
        for each in known
        if each.architecture != settings.arch
    ]


def list_unused_settings(settings: JobOptions, platforms: Iterable[Platform]) -> list[str]:
    """Return a sentence for each setting that means nothing on any queue of a run."""
    known = list(platforms)
    queues = ", ".join(each.queue for each in known)
    return [
        f"{option.flag} is set, but {UNUSED[option.needs].format(queues=queues)}: leave it out."
        for option in OPTIONS
        if known and option.needs and getattr(settings, option.name) is not None
        if not any(getattr(each, option.needs) for each in known)
    ]
