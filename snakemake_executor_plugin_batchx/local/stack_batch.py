"""Resources of AWS Batch in the embedded CloudFormation: made, changed and deleted by our Batch.

moto's own would be kept by moto's Batch, which nobody can reach here.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Batch.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from moto.cloudformation.exceptions import (
    UnformattedGetAttTemplateException,
    ValidationError,
)

from snakemake_executor_plugin_batchx.local.errors import BatchError
from snakemake_executor_plugin_batchx.local.shapes import JsonObject

Call = Callable[[str, JsonObject], JsonObject]

TEXT_MAPS = frozenset({"Tags", "Parameters", "Options"})
"""Members whose keys are the user's own."""

REPLACING = {
    "AWS::Batch::ComputeEnvironment": ("ComputeEnvironmentName", "Type", "Tags"),
    "AWS::Batch::JobQueue": ("JobQueueName", "JobQueueType", "Tags"),
}
"""Properties that CloudFormation changes by replacing the resource."""

ONLY_CLOUDFORMATION = frozenset({"ReplaceComputeEnvironment"})
ONLY_UPDATES = frozenset({"UpdatePolicy", "UpdateToLatestImageVersion"})


def make_member(value: Any, left_out: frozenset[str]) -> Any:
    """Return what CloudFormation calls ``MaxvCpus`` and so on in the words of Batch's API."""
    if isinstance(value, Mapping):
        return {
            name[0].lower() + name[1:]: (
                dict(each) if name in TEXT_MAPS else make_member(each, left_out)
            )
            for name, each in value.items()
            if name not in left_out
        }
    if isinstance(value, list):
        return [make_member(each, left_out) for each in value]
    return value


class BatchResource:
    """A queue or a compute environment that a stack made. ``Ref`` gives its ARN."""

    call: ClassVar[Call]
    kind: ClassVar[str]
    named: ClassVar[str]

    def __init__(self, arn: str, properties: Mapping[str, Any]) -> None:
        self.arn = arn
        self.properties = properties

    @classmethod
    def ask(cls, operation: str, request: JsonObject) -> JsonObject:
        """Calls Batch.

        Raises:
            ValidationError: Batch refuses.
        """
        try:
            return cls.call(operation, request)
        except BatchError as error:
            raise ValidationError(
                message=f"{cls.cloudformation_type()}: {error.message}"
            ) from error

    @property
    def physical_resource_id(self) -> str:
        """What ``Ref`` gives."""
        return self.arn

    @classmethod
    def cloudformation_type(cls) -> str:
        """The type in templates."""
        return f"AWS::Batch::{cls.kind}"

    @classmethod
    def cloudformation_name_type(cls) -> str:
        """The property that names it."""
        return f"{cls.kind}Name"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """True for what ``Fn::GetAtt`` gives."""
        return attr == f"{cls.kind}Arn"

    def get_cfn_attribute(self, attribute_name: str) -> str:
        """What ``Fn::GetAtt`` gives."""
        if not self.has_cfn_attr(attribute_name):
            raise UnformattedGetAttTemplateException
        return self.arn

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: dict[str, Any],
        _account_id: str,
        _region_name: str,
        **_rest: Any,
    ) -> BatchResource:
        """Makes one as a template says."""
        properties = cloudformation_json["Properties"]
        request = make_member(properties, ONLY_CLOUDFORMATION | ONLY_UPDATES)
        request[f"{cls.named}Name"] = resource_name
        answer = cls.ask(f"Create{cls.kind}", request)
        return cls(answer[f"{cls.named}Arn"], properties)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: BatchResource,
        new_resource_name: str,
        cloudformation_json: dict[str, Any],
        account_id: str,
        region_name: str,
    ) -> BatchResource:
        """Changes one in place.

        Raises:
            ValidationError: AWS would make a new one instead, which this does not.
        """
        properties = cloudformation_json["Properties"]
        kept = REPLACING[cls.cloudformation_type()]
        for name in kept:
            if properties.get(name) != original_resource.properties.get(name):
                message = f"The embedded CloudFormation cannot change {name} of {cls.kind}"
                raise ValidationError(message=message)
        request = make_member(properties, ONLY_CLOUDFORMATION | {*kept})
        cls.ask(f"Update{cls.kind}", request | {cls.named: original_resource.arn})
        return cls(original_resource.arn, properties)

    def delete(self, _account_id: str, _region_name: str) -> None:
        """Disables and deletes it, as CloudFormation does."""
        self.ask(f"Update{self.kind}", {self.named: self.arn, "state": "DISABLED"})
        self.ask(f"Delete{self.kind}", {self.named: self.arn})

    @classmethod
    def delete_from_cloudformation_json(cls, *_: Any) -> None:
        """Never called: resources know how to delete themselves."""

    def is_created(self) -> bool:
        """True at once."""
        return True


def list_batch_models(call: Call) -> dict[str, type[BatchResource]]:
    """The resources of Batch that stacks may hold, kept by the Batch that answers ``call``."""
    kinds = {"ComputeEnvironment": "computeEnvironment", "JobQueue": "jobQueue"}
    return {
        f"AWS::Batch::{kind}": type(
            f"Stack{kind}",
            (BatchResource,),
            {"call": staticmethod(call), "kind": kind, "named": named},
        )
        for kind, named in kinds.items()
    }
