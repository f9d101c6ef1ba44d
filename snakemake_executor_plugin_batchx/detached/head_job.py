"""The Batch job of a head: its image, its definition and its submission."""

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from snakemake_executor_plugin_batchx.account_build.kept import NOTE, keep_layers
from snakemake_executor_plugin_batchx.account_build.order import AccountBuild, choose_image
from snakemake_executor_plugin_batchx.account_build.recipe import plan_recipe
from snakemake_executor_plugin_batchx.batch.definitions import Definitions
from snakemake_executor_plugin_batchx.batch.queues import Queues
from snakemake_executor_plugin_batchx.delivery import Delivery, open_delivery
from snakemake_executor_plugin_batchx.detached.order import (
    HEAD_JOB_PREFIX,
    HeadJob,
    make_retry_strategy,
)
from snakemake_executor_plugin_batchx.detached.site import Say, Site
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.detached import STARTER
from snakemake_executor_plugin_batchx.plan.definition import DefinitionSettings
from snakemake_executor_plugin_batchx.plan.image import NO_IMAGE, JobImage
from snakemake_executor_plugin_batchx.plan.job_options import JobOptions
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import JobRequest, RequestPlanner, Wish
from snakemake_executor_plugin_batchx.plan.resources import Demand
from snakemake_executor_plugin_batchx.plan.submission import plan_submission
from snakemake_executor_plugin_batchx.registry_images import provide_layers
from snakemake_executor_plugin_batchx.runtime.cache import find_cache_dir
from snakemake_executor_plugin_batchx.runtime.interpreter import inspect_machine
from snakemake_executor_plugin_batchx.runtime.layer import LayerFile
from snakemake_executor_plugin_batchx.settings import ExecutorSettings
from snakemake_executor_plugin_batchx.storage.transfer import Transfer

RULE = "batchx-head"
"""What stands for the rule in the name of its definition."""

LABEL = "The head"

OF_JOBS = (
    *("options", "volumes", "secrets", "consumables", "platform_version", "priority"),
    *("queue", "fallback_queue", "runnable_timeout", "array", "retries", "memory_overhead"),
)
"""Settings that are about the jobs of rules alone."""


@dataclass(frozen=True)
class HeadWish:
    """What a head needs: an image (None: a public one of Python), vCPUs, memory in MiB."""

    image: str | None = None
    vcpus: float = 1
    memory_mib: int = 2048


@dataclass(frozen=True)
class PreparedHead:
    """What a head is submitted with; `python` is the runtime's interpreter in its container."""

    definition_arn: str
    request: JobRequest
    python: str
    queue: str


class HeadPlanner:
    """Prepares the job of a head, and submits it.

    `options` are those of the run's settings. Methods raise BatchxError for what the user can mend.
    """

    def __init__(
        self, site: Site, settings: ExecutorSettings, options: JobOptions, wish: HeadWish, say: Say
    ) -> None:
        self._site = site
        self._settings = settings
        self._wish = wish
        self._say = say
        self._tags = dict(options.tags or ())
        self._queues = Queues(site.batch, site.session.region)
        self.queue = settings.head_queue or site.session.job_queue
        own = replace(options, **dict.fromkeys(OF_JOBS), job_role=settings.head_role)
        self._planner = RequestPlanner(own, self.queue, self._queues.get, os.environ)

    def check(self) -> Platform:
        """Return what the head's queue is, and see that it can run it."""
        named = "--batchx-head-queue" if self._settings.head_queue else ""
        problems = self._queues.inspect({self.queue: named})
        if problems:
            raise BatchxError(" ".join(problems))
        self._plan_request(NO_IMAGE)
        platform = self._queues.get(self.queue)
        if platform.is_fargate and not self._settings.head_role:
            raise BatchxError(
                f"Queue {self.queue} is on Fargate, where a head has no role but its own: give "
                "--batchx-head-role ARN, a role with what batchx policy head prints."
            )
        return platform

    def prepare(self) -> PreparedHead:
        """Make image and definition ready, which tells of wrong images, roles and rights."""
        platform = self.check()
        wished = self._wish.image or choose_image(f"{sys.version_info[0]}.{sys.version_info[1]}")
        need = self._planner.choose_image(Wish(LABEL, container=wished), self.queue)
        delivery = self._open_delivery(platform)
        image = delivery.images.provide(need, LABEL)
        self._keep_runtime(platform, need.architecture)
        request = self._plan_request(image)
        of_definition = DefinitionSettings(self._tags, runtime_volume=delivery.volume)
        definitions = Definitions(self._site.batch, of_definition)
        definition_arn = definitions.provide(RULE, image, request)
        return PreparedHead(definition_arn, request, delivery.python, platform.queue)

    def submit(
        self, head: PreparedHead, detached_id: str, url: str, tags: Mapping[str, str]
    ) -> HeadJob:
        """Submit the head of a detached run, whose things are at `url`."""
        options = self._site.session.s3_options.encode()
        words = [self._site.session.region, url, *([options] if options else [])]
        submission: dict[str, Any] = plan_submission(
            name=HEAD_JOB_PREFIX + detached_id,
            definition_arn=head.definition_arn,
            command=[head.python, "-I", "-X", "utf8", "-m", STARTER, *words],
            request=head.request,
            tags=tags,
        )
        submission["retryStrategy"] = make_retry_strategy()
        return HeadJob(self._site.batch.submit_job(submission), head.queue)

    def _plan_request(self, image: JobImage) -> JobRequest:
        demand = Demand(threads=self._wish.vcpus, memory_mib=self._wish.memory_mib)
        return self._planner.plan(Wish(LABEL, demand), self.queue, image)

    def _open_delivery(self, platform: Platform) -> Delivery:
        return open_delivery(
            self._settings,
            platform.local_runner,
            self._site.session,
            self._site.batch,
            self._make_build().provide,
            lambda text: self._say(text.removeprefix("batchx: ")),
        )

    def _keep_runtime(self, platform: Platform, architecture: str) -> None:
        """Have the runtime's layers in S3, where the head, which cannot build them, finds them."""
        way = self._settings.runtime or ("layer" if platform.local_runner is None else "")
        if way != "layer" or platform.local_runner == "process" or self._settings.runtime_image:
            return
        store, recipe = self._site.store, plan_recipe(architecture)
        prefix = self._site.root.get_runtime_prefix(recipe.name)
        with Transfer(store) as transfer:
            is_kept = bool(transfer.find_existing([f"{prefix}/{NOTE}"]))
        if not is_kept:
            keep_layers(store, prefix, self._provide_layers(architecture))

    def _provide_layers(self, architecture: str) -> tuple[LayerFile, ...]:
        build = self._make_build().provide
        return provide_layers(architecture, inspect_machine(), build, self._say)

    def _make_build(self) -> AccountBuild:
        site = self._site
        return AccountBuild(
            batch=site.batch,
            definitions=Definitions(site.batch, DefinitionSettings(self._tags)),
            store=site.store,
            root=site.root,
            region=site.session.region,
            plan_request=lambda demand, _: self._planner.plan(
                Wish("The job runtime", demand), self.queue, NO_IMAGE
            ),
            tags={},
            cache_dir=find_cache_dir(os.environ),
            say=self._say,
            clock=time.monotonic,
            sleep=time.sleep,
        )
