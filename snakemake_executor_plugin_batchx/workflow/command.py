"""The arguments of the Snakemake that runs inside a job.

Snakemake's own spawner writes them as a shell command for a machine that looks like the head. We
take its parts as a list and mend what only holds on the head.
"""

import ast
import os
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

from snakemake.spawn_jobs import SpawnedJobArgsFactory

from snakemake_executor_plugin_batchx.workflow.steps import list_steps
from snakemake_executor_plugin_batchx.workflow.storage_files import list_inner_files

JOB_EXECUTOR = "batchx-guard"
"""The name under which the job registers its executor (job/executor.py)."""


UNNEEDED = "--unneeded-temp-files"

SETS = ("--rerun-triggers", "--allowed-rules", "--target-jobs", UNNEEDED)
"""Options whose values Snakemake keeps in sets: sorted, so that the same job has the same
arguments in the next run, and with them the same name."""


HEAD_ONLY = ("--latency-wait", "--shadow-prefix", "--conda-prefix", "--apptainer-prefix", "--cache")
"""Options that name places of the head's, or mean nothing inside a container: taken out."""


LITERAL_OR_WORD = re.compile(
    r"""'(?:[^'\\]|\\.)*'(?!\S) | "(?:[^"\\]|\\.)*"(?!\S) | [^\s'"]\S*""", re.VERBOSE
)


def replace_option(argv: list[str], option: str, values: Iterable[str] | None) -> list[str]:
    """Return `argv` with the values of an option replaced; None takes the option out.

    An option's values end at the next option. An option that is not there is not added.
    """
    if option not in argv:
        return argv
    start = argv.index(option)
    end = start + 1
    while end < len(argv) and not argv[end].startswith("--"):
        end += 1
    return argv[:start] + ([] if values is None else [option, *values]) + argv[end:]


def take_option(argv: list[str], option: str) -> list[str]:
    """Return the values of an option in `argv`, none where it is missing."""
    without = replace_option(argv, option, None)
    count = len(argv) - len(without)
    start = argv.index(option) if count else 0
    return argv[start + 1 : start + count]


def split_literals(text: str) -> list[str]:
    """Split arguments of which some are Python literals, as Snakemake writes the values of a job.

    A shell would read quotes and backslashes in them otherwise
    (snakemake_interface_executor_plugins/utils.py, format_cli_value).
    """
    words = (match.group() for match in LITERAL_OR_WORD.finditer(text))
    return [str(ast.literal_eval(word)) if word[0] in "'\"" else word for word in words]


def make_job_argv(job: Any, executor: Any) -> tuple[str, ...]:
    """Return the arguments for `snakemake` inside the job.

    `executor` is our executor (a RealExecutor): its `get_job_args` and the workflow's
    `general_args` are what Snakemake itself would send
    (snakemake_interface_executor_plugins/executors/real.py, format_job_exec).
    """
    workflow = executor.workflow
    factory = JobArgsFactory(workflow)
    argv = split_literals(executor.get_job_args(job))
    argv += shlex.split(factory.general_args(executor_common_settings=executor.common_settings))
    for option, values in _list_replacements(argv, job, workflow):
        argv = replace_option(argv, option, values)
    unneeded = _list_unneeded(argv, job)
    if unneeded:
        argv = [*replace_option(argv, UNNEEDED, None), UNNEEDED, *unneeded]
    for option in SETS:
        argv = replace_option(argv, option, sorted(take_option(argv, option)))
    argv += _list_additions(job, workflow)
    if "--verbose" not in argv:
        # The log is the tool's; what Snakemake would say reaches the head in the result.
        argv += ["--quiet", "all"]
    snakefile = workflow.main_snakefile
    if os.path.isabs(snakefile):
        snakefile = os.path.relpath(snakefile, workflow.workdir_init)
    head = ("--snakefile", snakefile, "--mode", "remote", "--executor", JOB_EXECUTOR)
    if not _has_misread_value(job):
        return (*head, *argv)
    # Snakemake writes wildcards with commas between them, and reads one in a value as another
    # wildcard; quotes at a value's ends it takes for its own (snakemake/target_jobs.py). Such
    # jobs are named by a file that they make.
    argv = replace_option(argv, "--target-jobs", None)
    return (*_iter_target_files(job, workflow), *head, *argv)


class JobArgsFactory(SpawnedJobArgsFactory):  # type: ignore[misc]
    """Snakemake's own factory of arguments, with a `--config` that shlex reads as it was given.

    Snakemake writes the user's values as Python literals, in which quotes and backslashes look
    different, and takes the quotes off a value that is quoted itself
    (snakemake_interface_executor_plugins/utils.py, format_cli_value).
    """

    def workflow_property_to_arg(self, name: str, *args: Any, **options: Any) -> str:
        """Return a setting of the workflow as an option with its values, quoted for a shell."""
        if name == "config_settings.config_args":
            values = self.workflow.config_settings.config_args or ()
            return shlex.join(["--config", *values]) if values else ""
        text: str = super().workflow_property_to_arg(name, *args, **options)
        return text


def _list_additions(job: Any, workflow: Any) -> list[str]:
    """Return what Snakemake does not tell its jobs, though they must know it."""
    # Inside the container there is no network file system to wait for, but a service has to come
    # up. What a profile says, the other arguments say already, and some of it is meant for the
    # head alone.
    has_service = any(file.flags.get("service") for s in list_steps(job) for file in s.output)
    wait_seconds = workflow.execution_settings.latency_wait if has_service else 0
    added = ["--latency-wait", str(wait_seconds), "--profile", "none", "--workflow-profile", "none"]
    # Limits on resources cap what a rule sees of them.
    limits = {
        name: limit.value
        for name, limit in workflow.global_resources.items()
        if not name.startswith("_") and limit.value is not None
    }
    if limits:
        added += ["--resources", *(f"{name}={value}" for name, value in sorted(limits.items()))]
    storage_settings = workflow.storage_settings
    flags = {
        "--replace-workflow-config": workflow.config_settings.replace_workflow_config,
        "--not-retrieve-storage": not storage_settings.retrieve_storage,
        # Between the rules of a group, temp() files are removed inside the job.
        "--notemp": storage_settings.notemp,
    }
    added += [flag for flag, is_set in flags.items() if is_set]
    if storage_settings.omit_flags:
        added += ["--omit-flags", *sorted(storage_settings.omit_flags)]
    return added


def _has_misread_value(job: Any) -> bool:
    steps = list_steps(job)
    values = [str(value) for step in steps for value in step.wildcards_dict.values()]
    return any("," in value or value != value.strip("'\"") for value in values)


def _iter_target_files(job: Any, workflow: Any) -> Iterator[str]:
    """Yield an output of each rule instance, as a user would name it as a target."""
    prefix = (workflow.storage_settings.default_storage_prefix or "").rstrip("/") + "/"
    for step in list_steps(job):
        file = step.output[0]
        yield file.storage_object.query.removeprefix(prefix) if file.is_storage else str(file)


def _list_replacements(
    argv: list[str], job: Any, workflow: Any
) -> Iterator[tuple[str, list[str] | None]]:
    """Yield the options of the head's that mean something else in the job; None takes one out."""
    start_dir = workflow.workdir_init
    cores = max(1, int(job.threads))
    if not job.is_group():
        # One job runs at a time, so this only says what `workflow.cores` is: the same as there.
        cores = workflow.resource_settings.cores or cores
    yield "--cores", [str(cores)]
    # The head's --directory is where the job starts; it still has to win over `workdir:`.
    yield "--directory", ["."]
    configfiles = [os.path.relpath(path, start_dir) for path in workflow.overwrite_configfiles]
    yield "--configfiles", configfiles
    for option in HEAD_ONLY:
        yield option, None
    # What the rules here were made with; the public setting is changed after parsing (api.py).
    if set(workflow.resource_settings._parsed_default_resources) == {"tmpdir"}:
        # Nothing was given; the option, however bare, adds Snakemake's own memory and disk.
        yield "--default-resources", None
    # The ILP solver is a program of the head's.
    yield "--scheduler", ["greedy"]
    # The container is the environment already, and need not have a conda for rules without one.
    has_conda = any(step.conda_env_spec for step in list_steps(job))
    needless = {"apptainer"} if has_conda else {"apptainer", "conda"}
    methods = [m for m in take_option(argv, "--deployment-method") if m not in needless]
    yield "--deployment-method", methods or None
    if not job.is_group() or workflow.storage_settings.notemp:
        # The head waits for every output, so none may be dropped inside the job.
        yield UNNEEDED, None


def _list_unneeded(argv: list[str], job: Any) -> list[str]:
    """Return the files that the job's Snakemake must not store."""
    return [*take_option(argv, UNNEEDED), *list_inner_files(list_steps(job))]
