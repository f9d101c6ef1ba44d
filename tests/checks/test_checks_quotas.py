"""Which quota bounds a compute environment, and when it is too small."""

from typing import Any

import pytest

from snakemake_executor_plugin_batchx.checks.quotas import (
    FARGATE_QUOTAS,
    find_quota,
    judge_quota,
    list_quotas,
)


@pytest.mark.parametrize(
    ("kind", "types", "code"),
    [
        ("EC2", ["optimal"], "L-1216C47A"),
        ("EC2", ["m7i.large", "c7g", "r5.xlarge"], "L-1216C47A"),
        ("EC2", ["default_x86_64"], "L-1216C47A"),
        ("SPOT", ["c7i"], "L-34B43A08"),
        ("EC2", ["g5.xlarge", "g4dn"], "L-DB2E81BA"),
        ("SPOT", ["p4d.24xlarge"], "L-7212CCBC"),
        ("EC2", ["im4gn.large", "is4gen"], "L-1216C47A"),
        ("EC2", ["inf2.xlarge"], "L-1945791B"),
        ("EC2", ["x2idn"], "L-7295265B"),
        ("FARGATE", [], "L-3032A538"),
        ("FARGATE_SPOT", [], "L-36FBB829"),
    ],
)
def test_the_quota_of_an_environment(kind: str, types: list[str], code: str) -> None:
    quota = find_quota(kind, types)
    assert quota is not None
    assert quota.code == code


@pytest.mark.parametrize(
    ("kind", "types"),
    [("EC2", ["m5", "g5"]), ("EC2", []), ("EC2", ["trn1"]), ("EKS", ["m5"]), ("", ["m5"])],
)
def test_where_no_single_quota_counts(kind: str, types: list[str]) -> None:
    assert find_quota(kind, types) is None


def make_environment(name: str, kind: str, vcpus: int | None, *types: str) -> dict[str, Any]:
    resources: dict[str, Any] = {"type": kind, "instanceTypes": list(types)}
    if vcpus is not None:
        resources["maxvCpus"] = vcpus
    return {"computeEnvironmentName": name, "computeResources": resources} | {
        "computeEnvironmentArn": f"arn:aws:batch:eu-west-1:1:compute-environment/{name}"
    }


def test_environments_of_one_quota_count_together() -> None:
    quotas = list_quotas(
        [
            make_environment("a", "EC2", 64, "m5"),
            make_environment("b", "EC2", 32, "optimal"),
            make_environment("c", "FARGATE", 16),
            make_environment("d", "EC2", 8, "m5", "g5"),
            {"computeEnvironmentArn": "x/own"},
        ]
    )
    standard = find_quota("EC2", ["m5"])
    assert standard is not None
    assert quotas == {standard: {"a": 64, "b": 32}, FARGATE_QUOTAS["FARGATE"]: {"c": 16}}


def test_a_quota_that_is_too_small_is_a_warning() -> None:
    quota = FARGATE_QUOTAS["FARGATE"]
    assert judge_quota(quota, {"a": 64, "b": 32}, 96.0).status == "ok"
    assert judge_quota(quota, {"a": 64}, None).status == "ok"
    finding = judge_quota(quota, {"a": 64, "b": 33}, 96.0)
    assert finding.status == "warning"
    assert finding.text == (
        "The account may run 96 vCPUs (Fargate On-Demand vCPU resource count), fewer than the 97 "
        "that a, b may grow to"
    )
    assert "--quota-code L-3032A538 --desired-value 97" in finding.fix
