"""What a run stands on: its queues and what its jobs ask for, looked at before the first job."""

import os
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Literal

from snakemake_executor_plugin_batchx.aws.preflight import (
    list_consumable_problems,
    list_root_problems,
)
from snakemake_executor_plugin_batchx.aws.session import AwsSession
from snakemake_executor_plugin_batchx.batch.gateway import BatchGateway
from snakemake_executor_plugin_batchx.batch.queues import Queues
from snakemake_executor_plugin_batchx.delivery import list_mount_problems
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.examination.of_run import RunExamination
from snakemake_executor_plugin_batchx.module_map_file import read_module_map
from snakemake_executor_plugin_batchx.plan.definition import DefinitionSettings
from snakemake_executor_plugin_batchx.plan.image import NO_IMAGE
from snakemake_executor_plugin_batchx.plan.job_options import NO_OPTIONS, JobOptions
from snakemake_executor_plugin_batchx.plan.module_map import EMPTY_MAP, ModuleMap
from snakemake_executor_plugin_batchx.plan.names import name_workflow
from snakemake_executor_plugin_batchx.plan.request import (
    DEFAULT_SCRATCH,
    JobRequest,
    RequestPlanner,
    Wish,
)
from snakemake_executor_plugin_batchx.plan.resources import Demand
from snakemake_executor_plugin_batchx.plan.values import Problems
from snakemake_executor_plugin_batchx.settings import LOCAL_QUEUE
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.surveying import (
    Survey,
    list_arch_problems,
    list_unused_settings,
)
from snakemake_executor_plugin_batchx.version import __version__
from snakemake_executor_plugin_batchx.workflow.survey import survey_wishes

OF_TOOLS = ("options", "volumes", "secrets", "consumables", "platform_version", "priority")
"""Settings that a job of batchx's own has no use for."""


@dataclass(frozen=True)
class Ground:
    """What a run stands on: what its jobs ask for, queues, what the site says of tools.

    `settings` go into every definition.
    """

    planner: RequestPlanner
    survey: Survey
    queues: Queues
    modules: ModuleMap
    settings: DefinitionSettings

    @property
    def local_runner(self) -> Literal["process", "docker"] | None:
        """How an embedded Batch runs the jobs, None on AWS."""
        return self.queues.get(self.planner.default_queue).local_runner

    def plan_for_architecture(self, demand: Demand, architecture: str) -> JobRequest:
        """Return what a job of batchx's own asks for, of a queue that runs an architecture.

        Of the settings what any job needs, and of rules the roles and the share of the first that
        goes there and names them. Raises BatchxError where no queue runs it.
        """
        fitting = [
            each for each in self.queues.list_known() if each.architecture in {architecture, None}
        ]
        if not fitting:
            raise BatchxError(f"No queue of the run has {architecture} instances.")
        queue = min(fitting, key=lambda each: each.has_policy).queue
        there = [wish for wish in self.survey.wishes if queue in self.planner.list_queues(wish)]
        rule = reduce(JobOptions.over, (wish.options for wish in there), NO_OPTIONS)
        own = JobOptions(
            arch=architecture,
            share=rule.share,
            job_role=rule.job_role,
            execution_role=rule.execution_role,
            public_ip=rule.public_ip,
        )
        plain = replace(self.planner.defaults, **dict.fromkeys(OF_TOOLS))
        planner = replace(self.planner, defaults=plain)
        return planner.plan(Wish("The job runtime", demand, own), queue, NO_IMAGE)


def lay_ground(
    executor: Any,
    session: AwsSession,
    gateway: BatchGateway,
    store: S3Gateway,
    probe_key: str,
) -> Ground:
    """Look at all that the run asks for. Raises BatchxError with all that is wrong with it."""
    settings, workflow = executor.executor_settings, executor.workflow
    queues = Queues(gateway, session.region)
    planner = _make_planner(executor, session, queues)
    problems, modules = Problems(), EMPTY_MAP
    with problems:
        modules = read_module_map(settings.module_map) if settings.module_map else EMPTY_MAP
    wishes, mistakes = survey_wishes(workflow, modules)
    survey = Survey(planner, wishes, workflow.remote_execution_settings.container_image or "")
    problems.sentences += mistakes
    examination = RunExamination(session, executor.logger)
    of_queues: list[str] | None = None
    of_others: list[str] = []
    with problems:
        of_queues = queues.inspect(survey.name_queues())
        if not planner.has_one_queue:
            examination.begin(survey, queues.list_views(), store.bucket)
            examination.begin_sizes(queues.name_doubtful_types(survey.measure_largest()))
        of_others += list_consumable_problems(gateway, survey.list_consumables())
    of_others += list_mount_problems(settings.runtime, queues.list_known())
    note = {"run_id": probe_key.split("/")[-2], "batchx": __version__}
    of_others += list_root_problems(store, probe_key, note)
    of_others += examination.finish()
    queues.learn_sizes(survey.measure_largest(), examination.get_sizes())
    if of_queues is not None:
        problems.sentences += [*of_queues, *_list_problems(survey, queues, is_told=bool(of_queues))]
    problems.sentences += of_others
    problems.raise_all()
    workflow_name = name_workflow(workflow.main_snakefile)
    tags = dict(planner.defaults.tags or ())
    of_definitions = DefinitionSettings(tags, workflow=workflow_name, scratch=planner.scratch)
    return Ground(planner, survey, queues, modules, of_definitions)


def _make_planner(executor: Any, session: AwsSession, queues: Queues) -> RequestPlanner:
    settings = executor.executor_settings
    roles = {"job_role": session.job_role, "execution_role": session.execution_role}
    return RequestPlanner(
        replace(executor.job_options, **roles),
        session.job_queue,
        queues.get,
        os.environ,
        has_one_queue=settings.job_queue == LOCAL_QUEUE,
        scratch=settings.scratch or DEFAULT_SCRATCH,
    )


def _list_problems(survey: Survey, queues: Queues, *, is_told: bool) -> list[str]:
    """Return what is wrong with what jobs ask of queues; of these it `is_told` already, if so."""
    settings, known = survey.planner.defaults, queues.list_known
    of_platforms = []
    if not is_told and not survey.planner.has_one_queue:
        of_platforms = [
            *list_unused_settings(settings, known()),
            *list_arch_problems(settings, known()),
        ]
    return [*survey.list_problems(), *of_platforms]
