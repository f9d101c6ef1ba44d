"""Which checkpoint outputs a job's input functions ask for.

An input function that calls `checkpoints.x.get()` looks into what the checkpoint made. The job,
which evaluates it again, needs the very same files, though they are no inputs of its rule, and
its Snakemake has to know that the checkpoint is done.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from snakemake.io import is_callable


def list_asked_outputs(step: Any) -> list[Any]:
    """Return the outputs of finished checkpoints that the input functions of a step ask for.

    Found by asking the functions again as if no checkpoint had finished: Snakemake then puts the
    first output of the checkpoint that is missing in the place of the function's answer
    (snakemake/rules.py, expand_input). With that one known, the next is asked for, until none is.
    """
    workflow = step.rule.workflow
    created: set[Any] = workflow.checkpoints.created_output
    if not created or not any(map(is_callable, step.rule.input)):
        return []
    asked: list[Any] = []
    with _forget_for_now(created) as finished:
        while targets := [f for f in _find_targets(step) if f in finished and f not in created]:
            for target in targets:
                outputs = _expand_checkpoint(workflow, target)
                created.update(outputs)
                asked += outputs
    return asked


@contextlib.contextmanager
def _forget_for_now(created: set[Any]) -> Iterator[frozenset[Any]]:
    """Empty the set of what checkpoints made, yield what was in it, and fill it again."""
    finished = frozenset(created)
    created.clear()
    try:
        yield finished
    finally:
        created.update(finished)


def _find_targets(step: Any) -> list[Any]:
    inputs, *_ = step.rule.expand_input(step.wildcards_dict, groupid="batchx")
    return [file for file in inputs if file.flags.get("checkpoint_target")]


def _expand_checkpoint(workflow: Any, target: Any) -> list[Any]:
    """Return all outputs of the checkpoint whose first output `target` is."""
    for rule in workflow.rules:
        if rule.is_checkpoint and rule.is_producer(str(target)):
            outputs, _ = rule.expand_output(rule.get_wildcards(str(target)))
            if outputs[0] == target:
                return list(outputs)
    return [target]
