"""Whether the account's quotas of vCPUs let compute environments grow as they may."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.checks.finding import Finding, make_ok, make_warning
from snakemake_executor_plugin_batchx.checks.queues import name_environment
from snakemake_executor_plugin_batchx.checks.table import QUOTA


@dataclass(frozen=True)
class Quota:
    """A quota of Service Quotas: of how many vCPUs an account may run in a region."""

    service: str
    code: str
    title: str


STANDARD = "standard"

EC2_CODES: Mapping[str, tuple[str, str]] = {
    STANDARD: ("L-1216C47A", "L-34B43A08"),
    "f": ("L-74FC7D96", "L-88CF9481"),
    "g": ("L-DB2E81BA", "L-3819A6DF"),
    "vt": ("L-DB2E81BA", "L-3819A6DF"),
    "inf": ("L-1945791B", "L-B5D1601B"),
    "p": ("L-417A185B", "L-7212CCBC"),
    "x": ("L-7295265B", "L-E3A00192"),
}
"""Families of instances by the letters before their number, with the codes of the quotas on demand
and on spot (https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html)."""

STANDARD_FAMILIES = frozenset({*"acdhimrtz", "im", "is"})
"""Not dl, hpc, mac, trn and u: these have quotas of their own."""

FARGATE_QUOTAS = {
    "FARGATE": Quota("fargate", "L-3032A538", "Fargate On-Demand vCPU resource count"),
    "FARGATE_SPOT": Quota("fargate", "L-36FBB829", "Fargate Spot vCPU resource count"),
}
"""https://docs.aws.amazon.com/general/latest/gr/ecs-service.html"""


def list_quotas(environments: Iterable[Mapping[str, Any]]) -> dict[Quota, dict[str, int]]:
    """Return the quotas that bound compute environments, each with their names and maxvCpus.

    Only those are listed whose instances all count to one quota.
    """
    found: dict[Quota, dict[str, int]] = {}
    for environment in environments:
        resources = environment.get("computeResources", {})
        quota = find_quota(str(resources.get("type", "")), resources.get("instanceTypes", ()))
        if quota and "maxvCpus" in resources:
            sizes = found.setdefault(quota, {})
            sizes[name_environment(environment)] = int(resources["maxvCpus"])
    return found


def find_quota(kind: str, instance_types: Iterable[str]) -> Quota | None:
    """Return the quota to which all instances count, None where there are several, or none."""
    if kind in FARGATE_QUOTAS:
        return FARGATE_QUOTAS[kind]
    families = {_find_family(each) for each in instance_types}
    if kind not in {"EC2", "SPOT"} or len(families) != 1:
        return None
    (family,) = families
    if family not in EC2_CODES:
        return None
    on_demand, spot = EC2_CODES[family]
    shown = "Standard" if family == STANDARD else family.upper()
    if kind == "SPOT":
        return Quota("ec2", spot, f"All {shown} Spot Instance Requests")
    return Quota("ec2", on_demand, f"Running On-Demand {shown} instances")


def _find_family(instance_type: str) -> str:
    """Return the row of the table: "standard" for m5.large, "g" for g5, "" for one not known."""
    if instance_type == "optimal" or instance_type.startswith("default_"):
        return STANDARD
    letters = ""
    for character in instance_type:
        if not character.isalpha():
            break
        letters += character
    if letters in EC2_CODES:
        return letters
    return STANDARD if letters in STANDARD_FAMILIES else ""


def judge_quota(quota: Quota, environments: Mapping[str, int], vcpus: float | None) -> Finding:
    """Return what a quota means for compute environments; None where AWS tells of none."""
    wanted = sum(environments.values())
    names = ", ".join(environments)
    if vcpus is None:
        missing = f"AWS tells of no quota {quota.code} ({quota.title})"
        return make_ok(QUOTA, f"{names}: not compared, for {missing}")
    if vcpus < wanted:
        return make_warning(
            QUOTA,
            f"The account may run {vcpus:g} vCPUs ({quota.title}), fewer than the {wanted} that "
            f"{names} may grow to",
            f"ask for more (aws service-quotas request-service-quota-increase --service-code "
            f"{quota.service} --quota-code {quota.code} --desired-value {wanted})",
        )
    return make_ok(QUOTA, f"{vcpus:g} vCPUs ({quota.title}) are enough for {names}")
