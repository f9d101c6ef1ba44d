"""The arguments of the Snakemake that runs inside a job.

Snakemake's own spawner writes them as a shell command for a machine that looks like the head. We
take its parts as a list and mend what only holds on the head.
"""

import os
import shlex
from collections.abc import Iterable, Iterator
from typing import Any

JOB_EXECUTOR = "batchx-guard"
"""The name under which the job registers its executor (job/executor.py)."""


SETS = ("--rerun-triggers", "--allowed-rules", "--target-jobs", "--unneeded-temp-files")
"""Options whose values Snakemake keeps in sets: sorted, so that the same job has the same
arguments in the next run, and with them the same name."""


HEAD_ONLY = ("--latency-wait", "--shadow-prefix", "--conda-prefix", "--apptainer-prefix", "--cache")
"""Options that name places of the head's, or mean nothing inside a container: taken out."""


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


def make_job_argv(job: Any, executor: Any) -> tuple[str, ...]:
    """Return the arguments for `snakemake` inside the job.

    `executor` is our executor (a RealExecutor): its `get_job_args` and the workflow's
    `general_args` are what Snakemake itself would send
    (snakemake_interface_executor_plugins/executors/real.py, format_job_exec).
    """
    workflow = executor.workflow
    factory = workflow.spawned_job_args_factory
    argv = shlex.split(executor.get_job_args(job))
    argv += shlex.split(factory.general_args(executor_common_settings=executor.common_settings))
    for option, values in _list_replacements(argv, job, workflow):
        argv = replace_option(argv, option, values)
    for option in SETS:
        argv = replace_option(argv, option, sorted(take_option(argv, option)))
    # Inside the container there is no network file system to wait for.
    argv += ["--latency-wait", "0"]
    if "--verbose" not in argv:
        # The log is the tool's; what Snakemake would say reaches the head in the result.
        argv += ["--quiet", "all"]
    snakefile = workflow.main_snakefile
    if os.path.isabs(snakefile):
        snakefile = os.path.relpath(snakefile, workflow.workdir_init)
    return ("--snakefile", snakefile, "--mode", "remote", "--executor", JOB_EXECUTOR, *argv)


def _list_replacements(
    argv: list[str], job: Any, workflow: Any
) -> Iterator[tuple[str, list[str] | None]]:
    """Yield the options of the head's that mean something else in the job; None takes one out."""
    start_dir = workflow.workdir_init
    yield "--cores", [str(max(1, int(job.threads)))]
    # The head's --directory is where the job starts; it still has to win over `workdir:`.
    yield "--directory", ["."]
    configfiles = [os.path.relpath(path, start_dir) for path in workflow.overwrite_configfiles]
    yield "--configfiles", configfiles
    for option in HEAD_ONLY:
        yield option, None
    # The ILP solver is a program of the head's.
    yield "--scheduler", ["greedy"]
    # The container is the environment already.
    methods = [m for m in take_option(argv, "--deployment-method") if m != "apptainer"]
    yield "--deployment-method", methods or None
    if not job.is_group():
        # The head waits for every output, so none may be dropped inside the job.
        yield "--unneeded-temp-files", None
