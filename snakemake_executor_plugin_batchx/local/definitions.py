"""Job definitions: names with revisions, ACTIVE until deregistered.

Source: https://docs.aws.amazon.com/batch/latest/userguide/job_definitions.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from snakemake_executor_plugin_batchx.local.checks import (
    check_bound,
    check_kib,
    check_pattern,
    check_tags,
)
from snakemake_executor_plugin_batchx.local.consumables import MEMBER, ConsumableStore
from snakemake_executor_plugin_batchx.local.container_rules import (
    check_container_properties,
    check_ecs_properties,
)
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.identity import Identity, make_token, read_token
from snakemake_executor_plugin_batchx.local.platform_rules import LATEST
from snakemake_executor_plugin_batchx.local.shapes import JsonObject

# Members of RegisterJobDefinition that are returned as they were given.
KEPT_MEMBERS = (
    "parameters",
    "schedulingPriority",
    "containerProperties",
    "ecsProperties",
    "retryStrategy",
    "propagateTags",
    "timeout",
    "platformCapabilities",
    "consumableResourceProperties",
)
EMPTY_LISTS = (
    "command",
    "volumes",
    "environment",
    "mountPoints",
    "ulimits",
    "resourceRequirements",
    "secrets",
)
"""Members of a container that Batch answers with as empty lists where they were not given."""
INNER_EMPTY_LISTS = {
    "linuxParameters": ("devices", "tmpfs"),
    "logConfiguration": ("secretOptions",),
}
"""Likewise, within members that were given.

What Batch fills in is what terraform-provider-aws overlooks when it compares
(internal/service/batch/container_properties.go).
"""
FARGATE_DEFAULTS = {"fargatePlatformConfiguration": {"platformVersion": LATEST}}
"""What Batch answers with of containerProperties for Fargate; source as above."""
PROPERTY_KINDS = ("containerProperties", "ecsProperties", "eksProperties", "nodeProperties")


@dataclass
class Definition:
    """One revision. ``request`` is what was registered, ``tags`` may change later."""

    name: str
    revision: int
    arn: str
    request: JsonObject
    tags: dict[str, str]
    status: str = "ACTIVE"

    @property
    def is_fargate(self) -> bool:
        """True if the definition is for Fargate; EC2 is the default."""
        return "FARGATE" in self.request.get("platformCapabilities", [])

    def describe(self) -> JsonObject:
        """The definition as DescribeJobDefinitions returns it."""
        kept = {name: self.request[name] for name in KEPT_MEMBERS if name in self.request}
        return {
            "jobDefinitionName": self.name,
            "jobDefinitionArn": self.arn,
            "revision": self.revision,
            "status": self.status,
            "type": self.request["type"],
            "parameters": {},
            "tags": dict(self.tags),
            "containerOrchestrationType": "ECS",
            **kept,
        }


@dataclass
class DefinitionStore:
    """All definitions of the account, by name, oldest revision first."""

    identity: Identity
    consumables: ConsumableStore
    by_name: dict[str, list[Definition]] = field(default_factory=dict)

    def register(self, request: JsonObject) -> JsonObject:
        """RegisterJobDefinition.

        Raises:
            ClientError: for the first rule that the request breaks.
        """
        check_definition(request)
        self.consumables.check(request.get(MEMBER))
        name = request["jobDefinitionName"]
        revisions = self.by_name.setdefault(name, [])
        revision = len(revisions) + 1
        arn = self.identity.make_arn("job-definition", f"{name}:{revision}")
        kept = _fill_in(request)
        definition = Definition(name, revision, arn, kept, dict(request.get("tags", {})))
        revisions.append(definition)
        return {"jobDefinitionName": name, "jobDefinitionArn": arn, "revision": revision}

    def deregister(self, request: JsonObject) -> JsonObject:
        """DeregisterJobDefinition: ``name:revision`` or an ARN becomes INACTIVE.

        Raises:
            ClientError: no such revision.
        """
        definition = self.find_revision(request["jobDefinition"])
        if definition is None:
            raise ClientError(f"JobDefinition {request['jobDefinition']} not found")
        definition.status = "INACTIVE"
        return {}

    def describe(self, request: JsonObject) -> JsonObject:
        """DescribeJobDefinitions, by list or by name and status in pages.

        Unknown names are silently missing.

        Raises:
            ClientError: the list has over 100 entries or stands beside another parameter.
        """
        listed = request.get("jobDefinitions")
        if listed is not None:
            if len(request) > 1:
                raise ClientError("jobDefinitions cannot be used with other parameters")
            check_bound("describe_job_definitions", len(listed))
            found = [self.find_revision(name) for name in listed]
            return {"jobDefinitions": [each.describe() for each in found if each is not None]}
        page_size = request.get("maxResults", 100)
        check_bound("page_of_100", page_size)
        matching = self._list_matching(request.get("jobDefinitionName"), request.get("status"))
        start = int(read_token(request["nextToken"])) if "nextToken" in request else 0
        page = matching[start : start + page_size]
        answer: JsonObject = {"jobDefinitions": [each.describe() for each in page]}
        if start + page_size < len(matching):
            answer["nextToken"] = make_token(start + page_size)
        return answer

    def find_revision(self, name_or_arn: str) -> Definition | None:
        """The revision called ``name:revision`` or by its ARN; None if there is none."""
        text = self.identity.read_name("job-definition", name_or_arn)
        match = re.fullmatch(r"([^:]+):(\d+)", text)
        if match is None:
            return None
        revisions = self.by_name.get(match[1], [])
        index = int(match[2]) - 1
        return revisions[index] if 0 <= index < len(revisions) else None

    def find_for_submit(self, name_or_arn: str) -> Definition:
        """The definition a SubmitJob means: a name alone is its newest ACTIVE revision.

        Raises:
            ClientError: there is none, or it is INACTIVE.
        """
        text = self.identity.read_name("job-definition", name_or_arn)
        if ":" in text:
            definition = self.find_revision(text)
            candidates = [definition] if definition is not None else []
        else:
            candidates = self.by_name.get(text, [])
        active = [each for each in candidates if each.status == "ACTIVE"]
        if not active:
            # Seen in https://github.com/AlexsLemonade/refinebio/issues/2887, also without frame.
            raise ClientError(
                f"JobDefinition name {name_or_arn} does not exist or is not in ACTIVE status",
                is_framed=False,
            )
        return active[-1]

    def _list_matching(self, name: str | None, status: str | None) -> list[Definition]:
        named = self.by_name.get(name, []) if name is not None else None
        everything = [each for revisions in self.by_name.values() for each in revisions]
        candidates = everything if named is None else named[::-1]
        return [each for each in candidates if status in (None, each.status)]


def check_definition(request: JsonObject) -> None:
    """Checks a RegisterJobDefinition against the tables.

    Raises:
        ClientError: for the first rule that it breaks.
    """
    check_pattern("definition_name", request["jobDefinitionName"])
    check_kib("definition_bytes", len(json.dumps(request, separators=(",", ":")).encode()))
    check_tags(request.get("tags", {}))
    if "schedulingPriority" in request:
        check_bound("scheduling_priority", request["schedulingPriority"])
    check_retry_strategy(request.get("retryStrategy"))
    check_timeout(request.get("timeout"))
    capabilities = request.get("platformCapabilities", ["EC2"])
    if "MANAGED_INSTANCES" in capabilities:
        raise ClientError("The embedded Batch has no ECS Managed Instances: EC2 and FARGATE only")
    if capabilities not in (["EC2"], ["FARGATE"]):
        raise ClientError("platformCapabilities should be EC2 or FARGATE")
    kinds = [kind for kind in PROPERTY_KINDS if kind in request]
    if request["type"] != "container" or "eksProperties" in kinds or "nodeProperties" in kinds:
        raise ClientError("The embedded Batch runs containers on ECS only: not multinode, not EKS")
    if len(kinds) != 1:
        raise ClientError("Exactly one of containerProperties and ecsProperties must be given")
    is_fargate = capabilities == ["FARGATE"]
    if kinds == ["ecsProperties"]:
        check_ecs_properties(request["ecsProperties"], is_fargate=is_fargate)
    else:
        check_container_properties(request["containerProperties"], is_fargate=is_fargate)


def check_retry_strategy(strategy: JsonObject | None) -> None:
    """Checks ``retryStrategy`` of a definition or a job.

    Raises:
        ClientError: for the first rule that it breaks.
    """
    if strategy is None:
        return
    if "attempts" not in strategy:
        # AWS's words, as terraform-provider-aws's acceptance tests expect them.
        raise ClientError("RetryAttempts must be provided with retry strategy")
    check_bound("attempts", strategy["attempts"])
    rules = strategy.get("evaluateOnExit", [])
    check_bound("evaluate_on_exit", len(rules))
    for rule in rules:
        for member, row in (
            ("onStatusReason", "glob"),
            ("onReason", "glob"),
            ("onExitCode", "exit_code_glob"),
        ):
            if member in rule:
                check_bound("glob_length", len(rule[member]))
                check_pattern(row, rule[member])
        if rule.keys() == {"action"}:
            raise ClientError("An evaluateOnExit condition must have at least one pattern")


def check_timeout(timeout: JsonObject | None) -> None:
    """Checks ``timeout`` of a definition or a job.

    Raises:
        ClientError: it is below 60 seconds.
    """
    if timeout is not None and "attemptDurationSeconds" in timeout:
        check_bound("timeout_seconds", timeout["attemptDurationSeconds"])


def _fill_in(request: JsonObject) -> JsonObject:
    """A copy of the request with what Batch answers with where it was not given."""
    copy: dict[str, Any] = json.loads(json.dumps(request))
    for task in copy.get("ecsProperties", {}).get("taskProperties", []):
        task["containers"] = [_fill_container(container) for container in task["containers"]]
    if "containerProperties" in copy:
        is_fargate = "FARGATE" in copy.get("platformCapabilities", [])
        defaults = FARGATE_DEFAULTS if is_fargate else {}
        copy["containerProperties"] = {**defaults, **_fill_container(copy["containerProperties"])}
    return copy


def _fill_container(container: JsonObject) -> JsonObject:
    filled = {**_make_empty(EMPTY_LISTS), **container}
    for member, names in INNER_EMPTY_LISTS.items():
        if member in container:
            filled[member] = {**_make_empty(names), **container[member]}
    return filled


def _make_empty(names: Iterable[str]) -> JsonObject:
    return {name: [] for name in names}
