"""The template: what cfn-lint says of it, its limits, and what must be true of its parts."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from cfnlint.api import ManualArgs, lint
from cfnlint.helpers import REGIONS

from snakemake_executor_plugin_batchx.infra.options import StackOptions
from snakemake_executor_plugin_batchx.infra.template import (
    MAX_BODY_BYTES,
    list_kinds_of_resources,
    list_values,
    make_template,
    plan_parts,
    render_template,
)
from snakemake_executor_plugin_batchx.permissions.policy import (
    MAX_INLINE_CHARACTERS,
    MAX_MANAGED_CHARACTERS,
    count_characters,
)

SWITCHES = ("is_spot", "is_fargate", "is_gpu", "is_arm")
NETWORKS: tuple[dict[str, Any], ...] = (
    {"zones": 2},
    {"zones": 3},
    {"vpc": "vpc-0123456789abcdef0", "subnets": ("subnet-0123456789abcdef0",)},
)
REPOSITORIES: tuple[dict[str, Any], ...] = ({}, {"pulled_repositories": ("lab/*", "tools")})
ALL = dict.fromkeys(SWITCHES, True)

COMBINATIONS = [
    StackOptions(**dict(zip(SWITCHES, values, strict=True)), **network, **repositories)
    for number, values in enumerate(itertools.product((False, True), repeat=len(SWITCHES)))
    for network in NETWORKS
    for repositories in (REPOSITORIES[number % 2],)
]
"""All switches with all networks."""

LINTED = [
    options
    for number, options in enumerate(COMBINATIONS)
    if number % len(NETWORKS) == number // len(NETWORKS) % len(NETWORKS)
]
"""All switches, each set of them with the next network: a linter takes seconds."""

PAGE = Path(__file__).parents[2] / "docs" / "permissions.md"

PLACES = ("us-east-1", "cn-north-1", "us-gov-west-1")

SAMPLES = {
    "AWS::Partition": "aws-us-gov",
    "AWS::Region": "us-gov-west-1",
    "AWS::AccountId": "123456789012",
}


def show(options: StackOptions) -> str:
    switches = [name.removeprefix("is_") for name in SWITCHES if getattr(options, name)]
    return "-".join([*switches, "own" if options.vpc else f"new{options.zones}"])


def make(options: StackOptions) -> dict[str, Any]:
    return make_template(plan_parts(options))


def fill(value: Any) -> Any:
    """Put something as long as the real thing into the place of what CloudFormation fills in."""
    if isinstance(value, dict):
        if "Fn::Sub" in value:
            text = value["Fn::Sub"]
            for name, sample in SAMPLES.items():
                text = text.replace(f"${{{name}}}", sample)
            return text.replace("${Bucket}", "b" * 63)
        if "Ref" in value or "Fn::GetAtt" in value:
            return SAMPLES.get(value.get("Ref", ""), "x" * 120)
        return {key: fill(each) for key, each in value.items()}
    return [fill(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("options", LINTED, ids=show)
def test_cfn_lint_has_nothing_to_say(options: StackOptions) -> None:
    text = render_template(plan_parts(options))
    config = ManualArgs(regions=list(PLACES), include_checks=["I"])
    assert lint(text, config=config) == []


@pytest.mark.parametrize("network", NETWORKS[1:], ids=("three", "own"))
def test_cfn_lint_has_nothing_to_say_in_any_region(network: dict[str, Any]) -> None:
    text = render_template(plan_parts(StackOptions(**ALL, **network)))
    assert set(PLACES) <= set(REGIONS)
    config = ManualArgs(regions=list(REGIONS), include_checks=["I"])
    assert lint(text, config=config) == []


def test_cfn_lint_would_say_it() -> None:
    text = render_template(plan_parts(StackOptions())).replace("MinvCpus: 0", "MinvCpus: none")
    assert lint(text, config=ManualArgs(regions=["us-east-1"]))


@pytest.mark.parametrize("options", COMBINATIONS, ids=show)
def test_what_is_written_is_what_was_planned(options: StackOptions) -> None:
    parts = plan_parts(options)
    text = render_template(parts)
    assert yaml.safe_load(text) == make_template(parts)
    assert len(text.encode()) <= MAX_BODY_BYTES
    assert max(map(len, text.splitlines())) < 140
    for part in parts:
        assert f"  # {part.title}. " in text


def test_partition_and_domain_are_never_written_out() -> None:
    text = json.dumps(make(StackOptions(**ALL)))
    assert "arn:aws:" not in text
    assert text.count("amazonaws.com") == text.count("ecs-tasks.amazonaws.com")


@pytest.mark.parametrize("options", COMBINATIONS, ids=show)
def test_every_policy_is_short_enough(options: StackOptions) -> None:
    resources = make(options)["Resources"]
    head = fill(resources["HeadPolicy"]["Properties"]["PolicyDocument"])
    assert count_characters(head) <= MAX_MANAGED_CHARACTERS
    for name in ("JobRole", "ExecutionRole", "InstanceRole", "HeadRole"):
        (policy,) = resources[name]["Properties"]["Policies"]
        assert count_characters(fill(policy["PolicyDocument"])) <= MAX_INLINE_CHARACTERS


@pytest.mark.parametrize("options", COMBINATIONS, ids=show)
def test_queues_are_as_batch_takes_them(options: StackOptions) -> None:
    resources = make(options)["Resources"]
    queues = {
        name: each["Properties"]
        for name, each in resources.items()
        if each["Type"] == "AWS::Batch::JobQueue"
    }
    for queue in queues.values():
        order = [each["ComputeEnvironment"]["Ref"] for each in queue["ComputeEnvironmentOrder"]]
        kinds = [resources[name]["Properties"]["ComputeResources"] for name in order]
        assert 1 <= len(order) <= 3
        assert len({each["Type"].startswith("FARGATE") for each in kinds}) == 1
        assert len({json.dumps(each.get("InstanceTypes")) for each in kinds}) == 1
    first = queues["Queue"]["ComputeEnvironmentOrder"][0]["ComputeEnvironment"]["Ref"]
    assert first == ("Spot" if options.is_spot else "OnDemand")
    assert ("OnDemandQueue" in queues) == options.is_spot


def test_nothing_has_a_name_that_would_stand_in_the_way_of_its_successor() -> None:
    named = {
        name
        for name, each in make(StackOptions(**ALL))["Resources"].items()
        for property_name in each["Properties"]
        if property_name.endswith("Name") and property_name != "ServiceName"
    }
    assert named == {"LogGroup"}, "whose name follows from the stack's, and never changes"


def test_environments_scale_to_nothing_and_are_changed_in_place() -> None:
    environments = [
        each["Properties"]
        for each in make(StackOptions(**ALL))["Resources"].values()
        if each["Type"] == "AWS::Batch::ComputeEnvironment"
    ]
    assert len(environments) == 8
    for each in environments:
        resources = each["ComputeResources"]
        assert each["ReplaceComputeEnvironment"] is False
        assert "ServiceRole" not in each
        assert "SpotIamFleetRole" not in resources
        assert resources.get("MinvCpus", 0) == 0
        if not resources["Type"].startswith("FARGATE"):
            assert each["UpdatePolicy"] == {
                "TerminateJobsOnUpdate": False,
                "JobExecutionTimeoutMinutes": 7200,
            }
            assert resources["AllocationStrategy"] in {
                "BEST_FIT_PROGRESSIVE",
                "SPOT_PRICE_CAPACITY_OPTIMIZED",
            }


def test_jobs_have_a_way_out_before_they_start_and_until_they_are_gone() -> None:
    resources = make(StackOptions(zones=3))["Resources"]
    needed = resources["OnDemand"]["DependsOn"]
    assert needed == ["InternetRoute", "Subnet1Route", "Subnet2Route", "Subnet3Route"]
    assert "SecurityGroupIngress" not in resources["SecurityGroup"]["Properties"]


def test_only_the_area_of_batchx_expires() -> None:
    bucket = make(StackOptions(expire_days=7))["Resources"]["Bucket"]["Properties"]
    rules = bucket["LifecycleConfiguration"]["Rules"]
    expiring = [rule for rule in rules if "ExpirationInDays" in rule]
    assert [rule["Prefix"] for rule in expiring] == [".batchx/"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())


def test_roles_are_assumed_in_this_account_only() -> None:
    resources = make(StackOptions())["Resources"]
    for name in ("JobRole", "ExecutionRole"):
        (trust,) = resources[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "ecs-tasks.amazonaws.com"}
        assert trust["Condition"] == {
            "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
        }


def test_the_page_of_permissions_says_to_trust_the_same() -> None:
    text = PAGE.read_text(encoding="utf-8")
    written = [json.loads(each) for each in re.findall(r"<<'EOF'\n(.*?) +EOF\n", text, re.DOTALL)]
    resources = make(StackOptions())["Resources"]
    (job, execution, instance, head) = (
        resources[name]["Properties"]["AssumeRolePolicyDocument"]
        for name in ("JobRole", "ExecutionRole", "InstanceRole", "HeadRole")
    )
    named = json.dumps([job, instance]).replace('{"Ref": "AWS::AccountId"}', '"123456789012"')
    named = named.replace('{"Fn::Sub": "ec2.${AWS::URLSuffix}"}', '"ec2.amazonaws.com"')
    assert job == execution == head
    assert written == json.loads(named)


def test_instances_may_only_be_instances() -> None:
    """Jobs share the host's network, so the instance metadata gives them this role."""
    resources = make(StackOptions(**ALL))["Resources"]
    (policy,) = resources["InstanceRole"]["Properties"]["Policies"]
    actions = [each["Action"] for each in policy["PolicyDocument"]["Statement"]]
    flat = {a for each in actions for a in ([each] if isinstance(each, str) else each)}
    assert {action.partition(":")[0] for action in flat} == {"ecs"}


def test_roles_write_to_the_log_group_of_the_stack_only() -> None:
    resources = json.dumps(make(StackOptions(**ALL))["Resources"])
    assert "${LogGroup}:log-stream:*" in resources
    assert "/aws/batch/job" not in resources


def test_who_made_it_and_what_it_pulls_can_be_told_from_the_stack() -> None:
    template = make(StackOptions(pulled_repositories=("lab/*", "tools")))
    assert template["Description"].startswith("batchx infra: ")
    assert template["Outputs"]["PulledRepositories"]["Value"] == "lab/*,tools"
    assert template["Outputs"]["RepositoryPrefix"]["Value"] == "batchx-images/"
    assert "PulledRepositories" not in make(StackOptions())["Outputs"]


def test_values_are_those_of_the_options() -> None:
    options = StackOptions(
        max_vcpus=8, instance_types=("c6id", "m6id"), vpc="vpc-1", subnets=("a",)
    )
    values = list_values(plan_parts(options))
    assert values["MaxVcpus"] == "8"
    assert values["InstanceTypes"] == "c6id,m6id"
    assert values["SubnetIds"] == "a"


def test_everything_bears_the_stack() -> None:
    untaggable = {
        "AWS::EC2::VPCGatewayAttachment",
        "AWS::EC2::Route",
        "AWS::EC2::SubnetRouteTableAssociation",
        "AWS::EC2::VPCEndpoint",
        "AWS::IAM::InstanceProfile",
        "AWS::IAM::ManagedPolicy",
        "AWS::S3::BucketPolicy",
    }
    resources = make(StackOptions(**ALL))["Resources"]
    bare = {each["Type"] for each in resources.values() if "batchx:stack" not in json.dumps(each)}
    assert bare == untaggable
    kinds = list_kinds_of_resources(plan_parts(StackOptions(**ALL)))
    assert kinds["Queue"] == "AWS::Batch::JobQueue"
