"""A rule instance as plain values, the same way on the head and in the job."""

from typing import Any

from snakemake_executor_plugin_batchx.spec import ExpectedStep


def describe_step(step: Any) -> ExpectedStep:
    """Return what this side's Snakemake sees of a rule instance (a snakemake.jobs.Job)."""
    return ExpectedStep(
        rule=step.rule.name,
        wildcards={name: str(value) for name, value in step.wildcards_dict.items()},
        input=tuple(map(_name_file, step.input)),
        output=tuple(map(_name_file, step.output)),
        log=tuple(map(_name_file, step.log)),
        benchmark=_name_file(step.benchmark) if step.benchmark else None,
        is_open=any(file.flags.get("checkpoint_target") for file in step.input),
    )


def _name_file(file: Any) -> str:
    return str(file.storage_object.query) if file.is_storage else str(file)
