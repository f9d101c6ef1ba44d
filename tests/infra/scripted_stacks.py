"""A CloudFormation that follows a script, in AWS's words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

MESSAGES = json.loads(
    (Path(__file__).parents[1] / "aws_messages" / "stacks.json").read_text(encoding="utf-8")
)
ARN = "arn:aws:cloudformation:eu-west-1:123456789012:stack/batchx/1"
BEGIN = datetime(2026, 7, 1, 12, tzinfo=UTC)

Step = tuple[str, list[tuple[str, str, str, str]]]
"""The stack's state from then on, and events: resource, type, state, reason."""


def make_error(about: str, operation: str = "Call") -> ClientError:
    (found,) = [each for each in MESSAGES["errors"] if each["about"] == about]
    said = {"Code": found["code"], "Message": found["message"]}
    return ClientError({"Error": said, "ResponseMetadata": {"HTTPStatusCode": 400}}, operation)


@dataclass
class ScriptedStacks:
    """A client of CloudFormation: each look at the stack is the script's next step."""

    status: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    updates: list[Step] | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    resources: dict[str, str] = field(default_factory=dict)
    page: int = 2
    description: str = ""

    def note(self, call: str, request: dict[str, Any]) -> None:
        self.calls.append((call, request))

    def add_event(self, resource: str, kind: str, status: str, reason: str = "") -> None:
        number = len(self.events)
        self.events.append(
            {
                "EventId": f"e{number}",
                "Timestamp": BEGIN + timedelta(seconds=number),
                "LogicalResourceId": resource,
                "ResourceType": kind,
                "ResourceStatus": status,
                **({"ResourceStatusReason": reason} if reason else {}),
            }
        )

    def describe_stacks(self, **request: str) -> dict[str, Any]:
        self.note("DescribeStacks", request)
        if not self.status:
            raise make_error("no stack", "DescribeStacks")
        if self.steps and request["StackName"] == ARN:
            self.status, events = self.steps.pop(0)
            for event in events:
                self.add_event(*event)
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs.items()]
        stack = {
            "StackId": ARN,
            "StackName": "batchx",
            "StackStatus": self.status,
            "Description": self.description,
            "Outputs": outputs,
        }
        return {"Stacks": [stack]}

    def create_stack(self, **request: Any) -> dict[str, Any]:
        self.note("CreateStack", request)
        self.status = "CREATE_IN_PROGRESS"
        return {"StackId": ARN}

    def update_stack(self, **request: Any) -> dict[str, Any]:
        self.note("UpdateStack", request)
        if self.updates is None:
            raise make_error("no updates", "UpdateStack")
        self.steps = list(self.updates)
        self.status = "UPDATE_IN_PROGRESS"
        return {"StackId": ARN}

    def delete_stack(self, **request: str) -> dict[str, Any]:
        self.note("DeleteStack", request)
        self.status = "DELETE_IN_PROGRESS"
        return {}

    def describe_stack_events(self, **request: str) -> dict[str, Any]:
        self.note("DescribeStackEvents", request)
        return self._cut(self.events[::-1], "StackEvents", request)

    def list_stack_resources(self, **request: str) -> dict[str, Any]:
        self.note("ListStackResources", request)
        found = [
            {"LogicalResourceId": name, "ResourceType": kind, "ResourceStatus": "CREATE_COMPLETE"}
            for name, kind in self.resources.items()
        ]
        return self._cut(found, "StackResourceSummaries", request)

    def _cut(self, found: list[Any], name: str, request: dict[str, Any]) -> dict[str, Any]:
        begin = int(request.get("NextToken", 0))
        end = begin + self.page
        more = {"NextToken": str(end)} if end < len(found) else {}
        return {name: found[begin:end], **more}

    def count(self, call: str) -> int:
        return sum(name == call for name, _ in self.calls)


Tell = Callable[[str], None]
