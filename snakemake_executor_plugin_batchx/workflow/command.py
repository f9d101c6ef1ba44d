"""The arguments of the Snakemake that runs inside a job.

Snakemake's own spawner writes them as a shell command for a machine that looks like the head. We
take its parts as a list and mend what only holds on the head.
"""

import os
import shlex
from collections.abc import Iterable
from typing import Any

JOB_EXECUTOR = "batchx-guard"
"""The name under which the job registers its executor (job/executor.py)."""


SETS = ("--rerun-triggers", "--allowed-rules", "--target-jobs", "--unneeded-temp-files")
"""Options whose values Snakemake keeps in sets: sorted, so that the same job has the same
arguments in the next run, and with them the same name."""


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
    start_dir = workflow.workdir_init
    argv = shlex.split(executor.get_job_args(job)) + shlex.split(
        workflow.spawned_job_args_factory.general_args(
            executor_common_settings=executor.common_settings
        )
    )
    argv = replace_option(argv, "--cores", [str(max(1, int(job.threads)))])
    # The head's --directory is where the job starts; it still has to win over `workdir:`.
    argv = replace_option(argv, "--directory", ["."])
    argv = replace_option(
        argv,
        "--configfiles",
        [os.path.relpath(path, start_dir) for path in workflow.overwrite_configfiles],
    )
    # The ILP solver is a program of the head's.
    argv = replace_option(argv, "--scheduler", ["greedy"])
    # Inside the container there is no network file system to wait for.
    argv = [*replace_option(argv, "--latency-wait", None), "--latency-wait", "0"]
    # The container is the environment already.
    methods = [m for m in take_option(argv, "--deployment-method") if m != "apptainer"]
    argv = replace_option(argv, "--deployment-method", methods or None)
    if "--verbose" not in argv:
        # The log is the tool's; what Snakemake would say reaches the head in the result.
        argv = [*argv, "--quiet", "all"]
    if not job.is_group():
        # The head waits for every output, so none may be dropped inside the job.
        argv = replace_option(argv, "--unneeded-temp-files", None)
    snakefile = workflow.main_snakefile
    if os.path.isabs(snakefile):
        snakefile = os.path.relpath(snakefile, start_dir)
    for option in SETS:
        argv = replace_option(argv, option, sorted(take_option(argv, option)))
    fixed = ["--snakefile", snakefile, "--mode", "remote", "--executor", JOB_EXECUTOR]
    return (*fixed, *argv)
