"""The CloudFormation calls that make, change and end a stack, and what they answer."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.infra.asking import ask_aws, iter_pages
from snakemake_executor_plugin_batchx.infra.part import STACK_MARK

CAPABILITIES = ["CAPABILITY_IAM"]
"""The stack holds roles; without names, so that the weaker capability is enough."""

NO_SUCH_STACK = re.compile(r"Stack (?:with id|\[?[A-Za-z]).*does not exist")
NO_UPDATES = "No updates are to be performed"

TOKEN = "NextToken"  # noqa: S105 - the name of a member


class StackClient(Protocol):
    """The methods of boto3's CloudFormation client that we use."""

    def describe_stacks(self, **request: str) -> dict[str, Any]: ...  # noqa: D102

    def create_stack(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def update_stack(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def delete_stack(self, **request: str) -> dict[str, Any]: ...  # noqa: D102

    def describe_stack_events(self, **request: str) -> dict[str, Any]: ...  # noqa: D102

    def list_stack_resources(self, **request: str) -> dict[str, Any]: ...  # noqa: D102


@dataclass(frozen=True)
class StackOrder:
    """What a stack is to be: a template, and values of its parameters."""

    body: str
    values: Mapping[str, str]

    def make_request(self) -> dict[str, Any]:
        """Return what CreateStack and UpdateStack take of it."""
        values = self.values.items()
        return {
            "TemplateBody": self.body,
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value} for name, value in values
            ],
            "Capabilities": CAPABILITIES,
        }


@dataclass(frozen=True)
class Stack:
    """A stack: its ARN, its state in CloudFormation's words and why, and its outputs.

    `description` is its template's, `values` are those of its parameters. One that `is_protected`
    cannot be deleted.
    """

    arn: str
    name: str
    status: str
    reason: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    is_protected: bool = False
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_ours(self) -> bool:
        """Whether it was made from a template of ours, by whatever means."""
        return self.description.startswith(STACK_MARK)

    @property
    def is_changing(self) -> bool:
        """Whether CloudFormation is at work on it; one in review waits for somebody."""
        return self.status.endswith("_IN_PROGRESS") and self.status != "REVIEW_IN_PROGRESS"


@dataclass(frozen=True)
class StackEvent:
    """What became of one resource of a stack (or of the stack itself), at some time."""

    identifier: str
    time: datetime
    resource: str
    kind: str
    status: str
    reason: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether something went wrong with this resource itself."""
        return self.status.endswith("_FAILED") and "cancelled" not in self.reason.lower()


class StackGateway:
    """The calls, in one region. Every method raises AwsError where CloudFormation refuses."""

    def __init__(self, client: StackClient) -> None:
        self._client = client

    def find_stack(self, name_or_arn: str) -> Stack | None:
        """Return a stack, one that was deleted by its ARN only; None where there is none.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
        """
        try:
            answer = ask_aws(
                "cloudformation:DescribeStacks",
                lambda: self._client.describe_stacks(StackName=name_or_arn),
            )
        except AwsError as error:
            if NO_SUCH_STACK.search(str(error)):
                return None
            raise
        return interpret_stack(answer["Stacks"][0])

    def list_stacks(self) -> list[Stack]:
        """Return all stacks of the region that are not deleted, whoever's they are."""
        pages = iter_pages("cloudformation:DescribeStacks", self._client.describe_stacks, {}, TOKEN)
        return [interpret_stack(each) for page in pages for each in page["Stacks"]]

    def create_stack(self, name: str, order: StackOrder) -> None:
        """Begin to make a stack.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
        """
        ask_aws(
            "cloudformation:CreateStack",
            lambda: self._client.create_stack(StackName=name, **order.make_request()),
        )

    def update_stack(self, name: str, order: StackOrder) -> bool:
        """Begin to change a stack; return False where there is nothing to change.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
        """
        try:
            ask_aws(
                "cloudformation:UpdateStack",
                lambda: self._client.update_stack(StackName=name, **order.make_request()),
            )
        except AwsError as error:
            if NO_UPDATES in str(error):
                return False
            raise
        return True

    def delete_stack(self, arn: str) -> None:
        """Begin to delete a stack."""
        ask_aws("cloudformation:DeleteStack", lambda: self._client.delete_stack(StackName=arn))

    def list_events(self, arn: str, known: Iterable[str] = ()) -> list[StackEvent]:
        """Return the events of a stack, the oldest first, up to one that is known.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackEvents.html
        """
        seen = set(known)
        found: list[StackEvent] = []
        for page in iter_pages(
            "cloudformation:DescribeStackEvents",
            self._client.describe_stack_events,
            {"StackName": arn},
            TOKEN,
        ):
            for event in map(interpret_event, page["StackEvents"]):
                if event.identifier in seen:
                    return found[::-1]
                found.append(event)
        return found[::-1]

    def list_resources(self, name: str) -> dict[str, str]:
        """Return what a stack holds: the name in its template → the type."""
        pages = iter_pages(
            "cloudformation:ListStackResources",
            self._client.list_stack_resources,
            {"StackName": name},
            TOKEN,
        )
        return {
            each["LogicalResourceId"]: each["ResourceType"]
            for page in pages
            for each in page["StackResourceSummaries"]
            if each.get("ResourceStatus") != "DELETE_COMPLETE"
        }


def interpret_stack(described: Mapping[str, Any]) -> Stack:
    """Turn an entry of DescribeStacks into a Stack."""
    return Stack(
        arn=described["StackId"],
        name=described["StackName"],
        status=described["StackStatus"],
        reason=described.get("StackStatusReason", ""),
        outputs={each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs") or ()},
        description=described.get("Description") or "",
        is_protected=bool(described.get("EnableTerminationProtection")),
        values={
            each["ParameterKey"]: each.get("ParameterValue", "")
            for each in described.get("Parameters") or ()
        },
    )


def interpret_event(described: Mapping[str, Any]) -> StackEvent:
    """Turn an entry of DescribeStackEvents into a StackEvent."""
    return StackEvent(
        identifier=described["EventId"],
        time=described["Timestamp"],
        resource=described["LogicalResourceId"],
        kind=described["ResourceType"],
        status=described["ResourceStatus"],
        reason=described.get("ResourceStatusReason") or "",
    )
