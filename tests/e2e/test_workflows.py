"""Whatever Snakemake can express gives the same on Batch as on the user's machine.

Each folder of tests/workflows is run by Snakemake's local executor and by batchx, in each data
mode: exit codes, the jobs wanted, all files and objects, and "nothing to be done" are compared.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cases import (
    BATCHX,
    LAB_TOKEN,
    LOCAL,
    NOTHING_TO_DO,
    WORKFLOWS,
    Case,
    Side,
    Step,
    find_missing,
    load_case,
)
from runs import Run, Workspace
from stored import iter_stored
from warm_heads import WarmHeads

from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

CASES = [load_case(path.parent.name) for path in sorted(WORKFLOWS.glob("*/case.toml"))]
RUNS = [pytest.param(case, mode, id=f"{case.name}-{mode}") for case in CASES for mode in case.modes]


def make_side(case: Case, workspace: Workspace, heads: WarmHeads, name: str, mode: str) -> Side:
    folder = workspace.folder / name
    folder.mkdir()
    executor = LOCAL if name == "local" else BATCHX
    own = workspace.folder.parent.name
    prefix = f"{own}-{name}" if mode == "s3" else None
    # What workflows address by storage() they keep below their S3 root.
    for place in (f"{own}/kept", prefix):
        if place:
            workspace.allow_data(place)
    side = Side(case, replace(workspace, folder=folder), heads, executor, prefix)
    side.prepare()
    return side


def is_worth_repeating(step: Step, mode: str) -> bool:
    is_wanted = step.again if isinstance(step.again, bool) else mode in step.again
    return is_wanted and not step.fails and not step.refused


def check_words(step: Step, side: str, run: Run) -> None:
    assert (run.exit_code != 0) == step.fails, f"{side}:\n{run.output}"
    if step.says:
        assert step.says in run.output, f"{side}:\n{run.output}"


def check_refusal(step: Step, batchx: Side) -> None:
    before = batchx.see_files(), batchx.see_objects()
    run = batchx.run(*step.args, *step.batchx)
    assert run.exit_code == 1, run.output
    assert step.refused is not None
    assert step.refused in run.output
    assert "Traceback" not in run.output
    assert (batchx.see_files(), batchx.see_objects()) == before


@pytest.fixture(scope="session", autouse=True)
def _nothing_stored_tells_a_secret(embedded_aws: EmbeddedAws) -> Iterator[None]:
    """When all workflows have run: no job, definition, log or object holds what must not leak."""
    yield
    keys = (embedded_aws.secret_access_key, embedded_aws.head_secret_access_key)
    secrets = tuple(each.encode() for each in (LAB_TOKEN, *keys))
    stored = list(iter_stored(embedded_aws))
    assert [place for place, text in stored if any(secret in text for secret in secrets)] == []


@pytest.mark.parametrize(("case", "mode"), RUNS)
def test_same_as_local(case: Case, mode: str, workspace: Workspace, heads: WarmHeads) -> None:
    missing = find_missing(case)
    if missing and not os.environ.get("BATCHX_REQUIRE_TOOLS"):
        pytest.skip(f"{missing} is not installed")
    assert not missing
    local = make_side(case, workspace, heads, "local", mode)
    batchx = make_side(case, workspace, heads, "batchx", mode)
    for step in case.steps:
        for side in (local, batchx):
            side.do_before(step)
        if step.refused:
            check_refusal(step, batchx)
            continue
        here, there = local.run(*step.args), batchx.run(*step.args, *step.batchx)
        check_words(step, "local", here)
        check_words(step, "batchx", there)
        said = f"local:\n{here.output}\nbatchx:\n{there.output}"
        assert batchx.see(there) == local.see(here), said
    last = case.steps[-1]
    if is_worth_repeating(last, mode):
        for side, more in ((local, ()), (batchx, last.batchx)):
            again = side.run(*last.args, *more)
            assert NOTHING_TO_DO in again.output, again.output


def test_there_are_enough() -> None:
    """Sixty are promised."""
    assert len(CASES) >= 60
    assert {path.name for path in Path(WORKFLOWS).iterdir()} == {case.name for case in CASES}
