"""The CloudFormation template of a stack, whole."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml  # type: ignore[import-untyped]

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.infra.compute import plan_compute
from snakemake_executor_plugin_batchx.infra.instances import plan_instances
from snakemake_executor_plugin_batchx.infra.network import plan_network
from snakemake_executor_plugin_batchx.infra.options import StackOptions
from snakemake_executor_plugin_batchx.infra.part import STACK_MARK, Part, Values
from snakemake_executor_plugin_batchx.infra.roles import plan_roles
from snakemake_executor_plugin_batchx.infra.storage import plan_bucket, plan_logs

VERSION = "2010-09-09"
DESCRIPTION = f"{STACK_MARK}what Snakemake workflows need to run on AWS Batch"

MAX_BODY_BYTES = 51_200
"""Of a template that comes with the call
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html)."""

COMMENT_CHARACTERS = 96


def plan_parts(options: StackOptions) -> list[Part]:
    """Return the parts of a stack, in the order in which one would explain them."""
    network = plan_network(options)
    return [
        *plan_compute(options, network),
        plan_instances(options),
        network.part,
        plan_bucket(options),
        plan_logs(options),
        plan_roles(options),
    ]


def make_template(parts: Iterable[Part]) -> Values:
    """Return the template as JSON has it."""
    each = list(parts)
    return {
        "AWSTemplateFormatVersion": VERSION,
        "Description": DESCRIPTION,
        "Parameters": _merge(part.parameters for part in each),
        "Resources": _merge(part.resources for part in each),
        "Outputs": _merge(part.outputs for part in each),
    }


def list_values(parts: Iterable[Part]) -> dict[str, str]:
    """Return the parameters' values, as a call takes them.

    An update that leaves one out would have to know whether it changes.
    """
    return {
        name: str(parameter["Default"])
        for part in parts
        for name, parameter in part.parameters.items()
    }


def list_kinds_of_resources(parts: Iterable[Part]) -> dict[str, str]:
    """Return the resources by name, each with its type."""
    return {name: str(value["Type"]) for part in parts for name, value in part.resources.items()}


def _merge(sections: Iterable[Mapping[str, Values]]) -> Values:
    return {name: value for section in sections for name, value in section.items()}


def render_template(parts: Sequence[Part]) -> str:
    """Return the template as YAML, each part with what it is for before it.

    Raises BatchxError where CloudFormation would not take it for its size.
    """
    template = make_template(parts)
    sections = [
        _dump({name: template[name]})
        for name in ("AWSTemplateFormatVersion", "Description", "Parameters")
    ]
    resources = ["Resources:"]
    for part in parts:
        resources += ["", *_comment(f"{part.title}. {part.text}")]
        resources += [_indent(_dump({name: value})) for name, value in part.resources.items()]
    sections += ["\n".join(resources), _dump({"Outputs": template["Outputs"]})]
    text = "\n\n".join(sections) + "\n"
    if len(text.encode()) > MAX_BODY_BYTES:
        raise BatchxError(
            f"The template has {len(text.encode())} bytes, but CloudFormation takes "
            f"{MAX_BODY_BYTES}: leave out a kind of instances, or make a second stack for it."
        )
    return text


def _comment(text: str) -> list[str]:
    lines, line = [], "  #"
    for word in text.split():
        if len(line) + len(word) >= COMMENT_CHARACTERS:
            lines.append(line)
            line = "  #"
        line += f" {word}"
    return [*lines, line]


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" if line else line for line in text.splitlines())


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes texts of several lines as such, and what is there twice twice."""

    def ignore_aliases(self, data: Any) -> bool:
        """Return True: CloudFormation knows no aliases."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _dump(values: Values) -> str:
    text: str = yaml.dump(values, Dumper=_Dumper, sort_keys=False, width=110)
    return text.rstrip("\n")
