"""The guard: Snakemake's local executor, which runs only what the head submitted.

The job parses the workflow again. If it then sees another job than the head did (a file that was
listed while parsing and is not there, a random number, another time of day), running it would
give a wrong result with exit code 0. So each rule instance is compared with what the head saw.
"""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from snakemake.executors.local import Executor as LocalExecutor
from snakemake.executors.local import common_settings
from snakemake_interface_common.exceptions import WorkflowError

from snakemake_executor_plugin_batchx.job.child import OnReady
from snakemake_executor_plugin_batchx.job.image import find_python_problem, is_in_image
from snakemake_executor_plugin_batchx.job.note import Note, NotePage
from snakemake_executor_plugin_batchx.job.places import Places
from snakemake_executor_plugin_batchx.job.step import describe_step
from snakemake_executor_plugin_batchx.job.values import describe_values, find_changed_value
from snakemake_executor_plugin_batchx.spec import ExpectedStep
from snakemake_executor_plugin_batchx.storage.room import find_full_disk

PLUGIN_NAME = "snakemake_executor_plugin_batchx_guard"
"""The full name, as Snakemake's registry wants it; `--executor batchx-guard` in arguments."""

SHOWN_NAMES = 5

KINDS = ("input", "output", "log", "benchmark")


def find_difference(seen: ExpectedStep, expected: Sequence[ExpectedStep]) -> str | None:
    """Return a sentence where what the job sees is not what the head submitted, else None."""
    same = [e for e in expected if (e.rule, e.wildcards) == (seen.rule, seen.wildcards)]
    what = f"rule {seen.rule}"
    if seen.wildcards:
        what += " (" + ", ".join(f"{k}={v}" for k, v in seen.wildcards.items()) + ")"
    if not same:
        return f"This job wants to run {what}, which your machine did not submit with it."
    for kind in ("output", "log", "benchmark") if same[0].is_open else KINDS:
        head, here = (_as_set(getattr(step, kind)) for step in (same[0], seen))
        if head != here:
            return (
                f"The {kind} of {what} is not what your machine submitted: only there "
                f"{_show(head - here)}, only here {_show(here - head)}. Does the workflow, while "
                "it is parsed, look at files that are no input of the rule?"
            )
    changed = find_changed_value(seen.values, same[0].values)
    if changed:
        return (
            f"In {what}: {changed} Does the workflow take it from files that are no input of the "
            "rule, from the environment (name the variable in envvars:), or from your machine?"
        )
    return None


def _as_set(value: tuple[str, ...] | str | None) -> set[str]:
    if value is None:
        return set()
    return {value} if isinstance(value, str) else set(value)


def _show(names: set[str]) -> str:
    if not names:
        return "nothing"
    shown = sorted(names)[:SHOWN_NAMES]
    return ", ".join(shown) + (f" and {len(names) - SHOWN_NAMES} more" if names - {*shown} else "")


def find_exit_code(error: BaseException) -> int | None:
    """Return the exit code of the program whose failure led to `error`, as a shell would say it."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        code = getattr(cause, "returncode", None)
        if isinstance(code, int):
            return 128 - code if code < 0 else code
        cause = cause.__cause__ or cause.__context__
    return None


def list_missing_outputs(step: Any) -> list[str]:
    """Return the outputs that a rule owed and did not make, when its command has ended.

    Snakemake checks the same, a little later, in words about latency of file systems. Outputs of
    shadow rules still lie elsewhere, touch() makes its own: those are left to Snakemake.
    """
    if step.is_shadow:
        return []
    made_otherwise = ("pipe", "service", "touch")
    return [
        str(file)
        for file in step.output
        if not file.is_storage
        and not any(file.flags.get(flag) for flag in made_otherwise)
        and not os.path.lexists(file)
    ]


def _refuse_difference(
    step: Any, steps: Sequence[ExpectedStep], places: Places, page: NotePage
) -> None:
    seen = replace(describe_step(step), values=describe_values(step, places))
    difference = find_difference(seen, steps)
    if difference:
        page.write(Note(1, difference))
        raise WorkflowError(difference)


def _find_problem(step: Any, code: int) -> str | None:
    """Return why a tool failed, where more is known than its exit code.

    To be asked at once: Snakemake removes what the tool has made.
    """
    full = None
    with contextlib.suppress(OSError):  # the folder has gone, or its server
        full = find_full_disk(os.getcwd())
    if full:
        return f"{full} where its command worked, which ended with exit code {code}."
    return find_python_problem(step, os.environ["PATH"]) if is_in_image() else None


def make_guard(
    steps: Sequence[ExpectedStep], page: NotePage, on_ready: OnReady, places: Places
) -> SimpleNamespace:
    """Return an executor plugin that runs only `steps` and notes why a job failed.

    It leaves a note of that on `page` for the entry.
    """

    class Executor(LocalExecutor):  # type: ignore[misc]
        """Snakemake's local executor behind the guard."""

        def __post_init__(self) -> None:
            super().__post_init__()
            on_ready(list(self.workflow.dag.jobs))

        def run_job(self, job: Any) -> None:
            for step in job.jobs if job.is_group() else [job]:
                _refuse_difference(step, steps, places, page)
                # `retries:` of a rule wins over --retries 0, but trying again is the head's.
                step.rule.restart_times = 0
            super().run_job(job)

        def cached_or_run(self, job: Any, run_func: Any, *args: Any) -> None:
            try:
                super().cached_or_run(job, run_func, *args)
            except BaseException as error:
                code = find_exit_code(error)
                # A service is ended when its last reader is done: that is no failure.
                if code and not job.is_service:
                    page.write(Note(code, _find_problem(job, code), job.rule.name))
                raise
            missing = list_missing_outputs(job)
            if missing:
                problem = f"Rule {job.rule.name} ended well but did not make {', '.join(missing)}."
                page.write(Note(1, problem))

    return SimpleNamespace(Executor=Executor, common_settings=common_settings)
