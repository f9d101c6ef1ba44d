"""The embedded CloudFormation: moto's, with stacks that are made, changed and deleted as in AWS.

moto keeps one table of kinds of resources a process, as it keeps one account; so does this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend, Stack
from moto.cloudformation.parsing import MAX_UPDATE_ATTEMPTS, ResourceMap, get_model_map
from moto.s3.models import FakeBucket

from snakemake_executor_plugin_batchx.local.bucket_policies import judge_request
from snakemake_executor_plugin_batchx.local.stack_batch import Call, list_batch_models
from snakemake_executor_plugin_batchx.local.stack_moto import list_moto_models

_load = ResourceMap.load_parameters
_make = Stack.create_resources
_update = ResourceMap.update
_delete = CloudFormationBackend.delete_stack
_change = CloudFormationBackend.update_stack
_list_parameters = Stack.parameter_list.fget

NO_UPDATES = "No updates are to be performed."
"""https://github.com/ministackorg/ministack/pull/1639"""


def serve_stack_resources(call: Call) -> None:
    """Has stacks make their resources of Batch by ``call``, and take their steps as in AWS."""
    models: dict[str, type] = get_model_map()
    models.update(list_moto_models())
    models.update(list_batch_models(call))
    # No job of ours is submitted with one, and moto's could not be found.
    models.pop("AWS::Batch::JobDefinition", None)
    FakeBucket.get_permission = judge_request
    Stack.create_resources = make_stack
    ResourceMap.load_parameters = load_parameters
    Stack.parameter_list = property(list_parameters)
    ResourceMap.update = update_in_order
    CloudFormationBackend.delete_stack = delete_stack
    CloudFormationBackend.update_stack = update_stack
    CloudFormationBackend.execute_change_set = execute_change_set


def load_parameters(resources: Any) -> None:
    """Gives parameters their values; moto has lists by default as texts."""
    _load(resources)
    values = resources.resolved_parameters
    for name, parameter in resources._template.get("Parameters", {}).items():
        if "List" in parameter["Type"] and isinstance(values[name], str):
            values[name] = [each.strip() for each in values[name].split(",")]
            resources._parsed_resources[name] = values[name]


def list_parameters(stack: Any) -> list[dict[str, Any]]:
    """The values of a stack's parameters as they were given: lists with commas between."""
    return [
        {**each, "ParameterValue": ",".join(value)}
        if isinstance(value := each["ParameterValue"], list)
        else each
        for each in _list_parameters(stack)
    ]


def make_stack(stack: Any) -> None:
    """Makes a stack's resources; where one cannot be made, none stays, and its state says so."""
    try:
        _make(stack)
    except Exception as error:  # noqa: BLE001 - whatever moto or Batch has against it
        _tell(stack, "CREATE_FAILED", error)
        stack.resource_map.delete()
        stack.template_dict = {**stack.template_dict, "Outputs": {}}
        stack.output_map = stack._create_output_map()
        _tell(stack, "ROLLBACK_COMPLETE", None)


def update_stack(
    backend: Any,
    name: str,
    template: str,
    role_arn: str | None,
    parameters: list[dict[str, Any]],
    tags: dict[str, str] | None,
) -> Any:
    """Updates a stack, or refuses to where nothing would change."""
    stack = backend.get_stack(name)
    wanted = backend._resolve_update_parameters(stack, parameters)
    is_same = stack.has_template(template) and stack.has_parameters(wanted)
    if is_same and tags in (None, {}, stack.tags):
        raise ValidationError(message=NO_UPDATES)
    return _change(backend, name, template, role_arn, parameters, tags)


def execute_change_set(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
    """Makes or updates a stack as the calls without a change set do.

    moto's own forgets outputs and description, and leaves what it has made where the rest fails.
    """
    change_set = _find_change_set(backend, change_set_name, stack_name)
    stack = backend.stacks[change_set.stack_id]
    if change_set.change_set_type == "CREATE":
        stack.template, stack.parameters = change_set.template, change_set.parameters
        stack._parse_template()
        stack.resource_map = stack._create_resource_map()
        stack.output_map = stack._create_output_map()
        stack._add_stack_event("CREATE_IN_PROGRESS", "User Initiated")
        stack.create_resources()
    else:
        stack.update(
            change_set.template, change_set.role_arn, change_set.parameters, change_set.tags
        )
    change_set.execution_status = "EXECUTE_COMPLETE"


def _find_change_set(backend: Any, name: str, stack_name: str | None) -> Any:
    for each in backend.change_sets.values():
        is_named = name in {each.change_set_id, each.change_set_name}
        if is_named and stack_name in {None, each.stack_id, each.stack_name}:
            return each
    raise ValidationError(message=f"ChangeSet [{name}] does not exist")


def update_in_order(
    resources: Any, template: dict[str, Any], parameters: dict[str, Any] | None = None
) -> None:
    """Makes what is new, changes what is there, and then deletes what others used until now."""
    old, new = resources._resource_json_map, template["Resources"]
    removed = {name: value for name, value in old.items() if name not in new}
    _update(resources, {**template, "Resources": {**removed, **new}}, parameters)
    resources._template, resources._resource_json_map = template, new
    parsed = resources._parsed_resources
    _repeat(
        lambda name: resources._delete_resource(parsed.pop(name), removed[name]),
        list(removed),
        parsed,
    )


def _repeat(act: Callable[[str], None], names: list[str], parsed: dict[str, Any]) -> None:
    """Acts on each; those that others still need are tried again after these."""
    for attempt in range(MAX_UPDATE_ATTEMPTS):
        refused = []
        for name in names:
            resource = parsed[name]
            try:
                act(name)
            except Exception:
                parsed[name] = resource
                if attempt + 1 == MAX_UPDATE_ATTEMPTS:
                    raise
                refused.append(name)
        names = refused


def delete_stack(backend: Any, name_or_stack_id: str) -> None:
    """Deletes a stack; where something cannot be deleted, it stays as DELETE_FAILED."""
    found = backend.stacks.get(name_or_stack_id)
    try:
        _delete(backend, name_or_stack_id)
    except Exception as error:
        if found is None:
            raise
        backend.stacks[found.stack_id] = found
        _tell(found, "DELETE_FAILED", error)


def _tell(stack: Any, status: str, error: Exception | None) -> None:
    reason = getattr(error, "message", str(error)) if error else None
    stack._add_stack_event(status, reason)
    stack.status = status
