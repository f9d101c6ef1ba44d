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
    return [_read_word(match.group()) for match in LITERAL_OR_WORD.finditer(text)]


def _read_word(word: str) -> str:
    if word[0] not in "'\"":
        return word
    # Parsing is slow, and for most literals needless.
    return str(ast.literal_eval(word)) if "\\" in word else word[1:-1]


class JobArguments:
    """Makes the arguments for `snakemake` inside each job of a run.

    `executor` is our executor (a RealExecutor): its `get_job_args` and the workflow's
    `general_args` are what Snakemake itself would send
    (snakemake_interface_executor_plugins/executors/real.py, format_job_exec). The latter are the
    same for all jobs, and take long to write, so that is done once.
    """

    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self._workflow = executor.workflow
        self._general: dict[bool, list[str]] = {}

    def make_argv(self, job: Any) -> tuple[str, ...]:
        """Return the arguments for a job (single or group)."""
        steps = list_steps(job)
        argv = split_literals(self._executor.get_job_args(job))
        argv = replace_option(argv, "--cores", [str(_count_cores(job, self._workflow))])
        unneeded = [*_list_unneeded(argv, job, self._workflow), *list_inner_files(steps)]
        argv = replace_option(argv, UNNEEDED, None)
        if unneeded:
            argv += [UNNEEDED, *sorted(unneeded)]
        argv = _sort_sets(argv)
        # Inside the container there is no network file system to wait for, but a service has to
        # come up.
        has_service = any(file.flags.get("service") for s in steps for file in s.output)
        wait_seconds = self._workflow.execution_settings.latency_wait if has_service else 0
        argv += ["--latency-wait", str(wait_seconds)]
        argv += self._provide_general(has_conda=any(step.conda_env_spec for step in steps))
        if not _has_misread_value(steps):
            return tuple(argv)
        # Snakemake writes wildcards with commas between them, and reads one in a value as another
        # wildcard; quotes at a value's ends it takes for its own (snakemake/target_jobs.py). Such
        # jobs are named by a file that they make.
        argv = replace_option(argv, "--target-jobs", None)
        return (*_iter_target_files(steps, self._workflow), *argv)

    def _provide_general(self, *, has_conda: bool) -> list[str]:
        if has_conda not in self._general:
            self._general[has_conda] = self._make_general(has_conda=has_conda)
        return self._general[has_conda]

    def _make_general(self, *, has_conda: bool) -> list[str]:
        """Return what all jobs get, those with and without conda environments."""
        workflow, settings = self._workflow, self._executor.common_settings
        text = JobArgsFactory(workflow).general_args(executor_common_settings=settings)
        argv = shlex.split(text)
        for option, values in _list_replacements(argv, workflow, has_conda=has_conda):
            argv = replace_option(argv, option, values)
        argv = _sort_sets(argv) + _list_additions(workflow)
        if "--verbose" not in argv:
            # The log is the tool's; what Snakemake would say reaches the head in the result.
            argv += ["--quiet", "all"]
        snakefile = workflow.main_snakefile
        if os.path.isabs(snakefile):
            snakefile = os.path.relpath(snakefile, workflow.workdir_init)
        return [*argv, "--snakefile", snakefile, "--mode", "remote", "--executor", JOB_EXECUTOR]


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


def _sort_sets(argv: list[str]) -> list[str]:
    for option in SETS:
        argv = replace_option(argv, option, sorted(take_option(argv, option)))
    return argv


def _list_additions(workflow: Any) -> list[str]:
    """Return what Snakemake does not tell its jobs, though they must know it."""
    # What a profile says, the other arguments say already, and some of it is meant for the head
    # alone.
    added = ["--profile", "none", "--workflow-profile", "none"]
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


def _has_misread_value(steps: list[Any]) -> bool:
    values = [str(value) for step in steps for value in step.wildcards_dict.values()]
    return any("," in value or value != value.strip("'\"") for value in values)


def _iter_target_files(steps: list[Any], workflow: Any) -> Iterator[str]:
    """Yield an output of each rule instance, as a user would name it as a target."""
    prefix = (workflow.storage_settings.default_storage_prefix or "").rstrip("/") + "/"
    for step in steps:
        file = step.output[0]
        yield file.storage_object.query.removeprefix(prefix) if file.is_storage else str(file)


def _count_cores(job: Any, workflow: Any) -> int:
    cores = max(1, int(job.threads))
    if job.is_group():
        return cores
    # One job runs at a time, so this only says what `workflow.cores` is: the same as there.
    return workflow.resource_settings.cores or cores


def _list_replacements(
    argv: list[str], workflow: Any, *, has_conda: bool
) -> Iterator[tuple[str, list[str] | None]]:
    """Yield the options of the head's that mean something else in the job; None takes one out."""
    start_dir = workflow.workdir_init
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
    needless = {"apptainer"} if has_conda else {"apptainer", "conda"}
    methods = [m for m in take_option(argv, "--deployment-method") if m not in needless]
    yield "--deployment-method", methods or None


def _list_unneeded(argv: list[str], job: Any, workflow: Any) -> list[str]:
    """Return the temp() files that Snakemake calls unneeded, as far as the job may drop them."""
    if not job.is_group() or workflow.storage_settings.notemp:
        return []  # the head waits for every output
    return take_option(argv, UNNEEDED)
