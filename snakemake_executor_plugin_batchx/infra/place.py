"""Where a stack is, and who is about to make or change it."""

from collections.abc import Mapping

from snakemake_executor_plugin_batchx.denials import read_principal

KINDS = {
    "user": "user",
    "federated-user": "federated user",
    "role": "role",
    "assumed-role": "role",
    "root": "the root user",
}


def describe_place(identity: Mapping[str, str], region: str) -> str:
    """Return account, principal and region, from the answer of GetCallerIdentity.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    return f"account {identity['Account']} ({name_principal(identity['Arn'])}), region {region}"


def name_principal(arn: str) -> str:
    """Return what people call a principal."""
    who = read_principal(arn)
    return arn if who is None else f"{KINDS[who.kind]} {who.name}".rstrip()
