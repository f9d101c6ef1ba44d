"""The table of permissions by itself."""

import pytest

from snakemake_executor_plugin_batchx.permissions.conditions import CONDITIONS
from snakemake_executor_plugin_batchx.permissions.lookup import find_action
from snakemake_executor_plugin_batchx.permissions.resources import KINDS
from snakemake_executor_plugin_batchx.permissions.row import (
    DENIED,
    OPTIONAL,
    SETTING,
    WITHHELD,
    Permission,
)
from snakemake_executor_plugin_batchx.permissions.table import PERMISSIONS
from snakemake_executor_plugin_batchx.reference.permission_words import (
    CONDITION_WORDS,
    KIND_WORDS,
)
from snakemake_executor_plugin_batchx.storage.refusals import ACTIONS


def name_row(row: Permission) -> str:
    return f"{row.holder}-{row.call}-{row.actions[0]}"


def test_every_kind_and_condition_is_used() -> None:
    assert {kind for row in PERMISSIONS for kind in row.resources} == set(KINDS)
    assert {row.condition for row in PERMISSIONS} - {""} == set(CONDITIONS)


def test_every_kind_and_condition_has_words() -> None:
    assert list(KIND_WORDS) == list(KINDS)
    assert list(CONDITION_WORDS) == list(CONDITIONS)


@pytest.mark.parametrize("row", PERMISSIONS, ids=name_row)
def test_rows_say_what_they_have_to(row: Permission) -> None:
    assert row.why.endswith(".")
    assert row.actions
    assert row.resources
    assert bool(row.setting) == (row.need == SETTING)
    assert row.loss or row.need not in {OPTIONAL, WITHHELD}
    assert not row.loss.endswith(".")


def test_no_row_is_there_twice() -> None:
    keys = [(row.holder, row.call, row.actions, row.resources) for row in PERMISSIONS]
    assert len(set(keys)) == len(keys)


def test_a_calls_permission_is_found_by_its_name() -> None:
    assert find_action("batch", "TerminateJobs") == "batch:TerminateJob"
    assert find_action("batch", "CancelJobs") == "batch:CancelJob"
    assert find_action("batch", "SubmitJob") == "batch:SubmitJob"
    assert find_action("logs", "GetLogEvents") == "logs:GetLogEvents"
    assert find_action("batch", "UpdateJobQueue") == "batch:UpdateJobQueue"


@pytest.mark.parametrize(("operation", "action"), ACTIONS.items())
def test_sentences_about_s3_name_the_same_permissions(operation: str, action: str) -> None:
    assert find_action("s3", operation) == action


def test_jobs_may_do_nothing_but_exchange_data() -> None:
    actions = {a for row in PERMISSIONS if row.holder == "job" for a in row.actions}
    assert {action.partition(":")[0] for action in actions} == {"s3", "kms"}
    denied = [row for row in PERMISSIONS if row.need == DENIED]
    assert [(row.holder, row.actions) for row in denied] == [("job", ("s3:DeleteBucket",))]
