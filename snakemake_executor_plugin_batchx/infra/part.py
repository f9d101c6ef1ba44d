"""The parts of a template."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

STACK_TAG = "batchx:stack"
"""Whose value never changes: a change of tags alone replaces queues and compute environments
(https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/2270)."""

STACK_MARK = "batchx infra: "
"""What the descriptions of our templates begin with. CloudFormation keeps it with the stack, even
one that could not be made, and whoever deploys the template brings it along."""

Values = dict[str, Any]
"""A part of a template as JSON has it."""


@dataclass(frozen=True)
class Part:
    """What belongs together: a title, what it is for, and entries of the template's sections."""

    title: str
    text: str
    resources: Mapping[str, Values]
    parameters: Mapping[str, Values] = field(default_factory=dict)
    outputs: Mapping[str, Values] = field(default_factory=dict)


def make_ref(name: str) -> Values:
    """Return a reference to a parameter or to what a resource is called by."""
    return {"Ref": name}


def get_attribute(name: str, attribute: str) -> Values:
    """Return a reference to an attribute of a resource."""
    return {"Fn::GetAtt": [name, attribute]}


def make_tags() -> list[Values]:
    """Return the tags of a resource as most take them."""
    return [{"Key": key, "Value": value} for key, value in make_tag_map().items()]


def make_tag_map() -> Values:
    """Return the tags of a resource as Batch takes them."""
    return {STACK_TAG: make_ref("AWS::StackName")}


def make_output(text: str, value: Any) -> Values:
    """Return an output: what it is, and its value."""
    return {"Description": text, "Value": value}


def make_parameter(kind: str, text: str, default: Any, **rest: Any) -> Values:
    """Return a parameter: its type, what it is for, what it is unless somebody says otherwise."""
    return {"Type": kind, "Description": text, "Default": default, **rest}
