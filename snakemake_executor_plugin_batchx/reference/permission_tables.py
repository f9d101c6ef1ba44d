"""Tables of permissions: what each call needs, and what its resources are."""

from collections.abc import Iterable, Iterator

from snakemake_executor_plugin_batchx.infra.administration import (
    OWN_ACTIONS,
    RESOURCE_ACTIONS,
    ZONES_ACTION,
)
from snakemake_executor_plugin_batchx.permissions.conditions import CONDITIONS
from snakemake_executor_plugin_batchx.permissions.resources import KINDS
from snakemake_executor_plugin_batchx.permissions.row import (
    ALWAYS,
    DENIED,
    OPTIONAL,
    WITHHELD,
    Holder,
    Permission,
)
from snakemake_executor_plugin_batchx.permissions.scope import S3Place, Scope
from snakemake_executor_plugin_batchx.permissions.table import PERMISSIONS
from snakemake_executor_plugin_batchx.reference.markdown import (
    make_table,
    mark_code,
    quote,
    quote_all,
)
from snakemake_executor_plugin_batchx.reference.permission_words import (
    CONDITION_WORDS,
    KIND_WORDS,
)

IN_GENERAL = Scope(
    "aws",
    "REGION",
    "ACCOUNT",
    queues=("QUEUE",),
    area=S3Place("BUCKET", "PREFIX/.batchx"),
    reads=(S3Place("READ_BUCKET", "FOLDER/NAME"),),
    writes=(S3Place("WRITE_BUCKET", "PREFIX"),),
    repositories=("PULLED",),
    job_roles=("arn:aws:iam::ACCOUNT:role/JOB_ROLE",),
    execution_roles=("arn:aws:iam::ACCOUNT:role/EXECUTION_ROLE",),
    log_groups=("LOG_GROUP",),
    secrets=(
        "arn:aws:secretsmanager:REGION:ACCOUNT:secret:SECRET",
        "arn:aws:ssm:REGION:ACCOUNT:parameter/PARAMETER",
    ),
    logins=("arn:aws:secretsmanager:REGION:ACCOUNT:secret:LOGIN",),
    s3_kms_keys=("arn:aws:kms:REGION:ACCOUNT:key/S3_KEY",),
    secret_kms_keys=("arn:aws:kms:REGION:ACCOUNT:key/SECRET_KEY",),
    consumables=("CONSUMABLE",),
    sets_acl=True,
)
"""What stands for the names of an account."""


def make_permissions_table(holder: Holder) -> str:
    """Return what a holder's calls need; calls that need the same for the same reason share a line.

    The lines of the table of permissions are in its order.
    """
    found: dict[tuple[str, ...], list[str]] = {}
    for row in PERMISSIONS:
        if row.holder == holder:
            found.setdefault(tuple(_list_cells(row)), []).append(quote(row.call))
    lines = ([", ".join(calls), *cells] for cells, calls in found.items())
    return make_table(("call", "action", "resources", "why", "needed"), lines)


def make_arns_table() -> str:
    """Return the kinds of resources: in words, in names of statements, and their ARNs."""
    return make_table(
        ("resources", "name", "are"),
        (
            (mark_code(KIND_WORDS[name]), quote(name), quote_all(list_arns(IN_GENERAL)))
            for name, list_arns in KINDS.items()
        ),
    )


def make_conditions_table() -> str:
    """Return the conditions, as they are for the first resource that they are about."""
    rows = {row.condition: row for row in PERMISSIONS if row.condition}
    return make_table(
        ("condition", "is"),
        (
            (CONDITION_WORDS[name], _show_condition(name, rows[name].resources))
            for name in CONDITIONS
        ),
    )


def make_administration_table() -> str:
    """Return what whoever makes and deletes a stack has to be allowed."""
    rows = {
        "`batchx infra up`": OWN_ACTIONS["up"],
        **{f"`{kind}`": actions for kind, actions in RESOURCE_ACTIONS.items()},
        "the zones of a new VPC": (ZONES_ACTION,),
        "`batchx infra down`": OWN_ACTIONS["down"],
    }
    return make_table(
        ("for", "actions"), ((what, quote_all(actions)) for what, actions in rows.items())
    )


def _list_cells(row: Permission) -> Iterator[str]:
    yield quote_all(row.actions)
    condition = f", {CONDITION_WORDS[row.condition]}" if row.condition else ""
    yield mark_code("; ".join(KIND_WORDS[kind] for kind in row.resources) + condition)
    yield mark_code(row.why)
    yield mark_code(_tell_need(row))


def _tell_need(row: Permission) -> str:
    if row.need == ALWAYS:
        return "always"
    if row.need == DENIED:
        return "forbidden"
    if row.need == WITHHELD:
        return f"not allowed: {row.loss}"
    if row.need == OPTIONAL:
        return f"optional: without it, {row.loss}"
    return f"for {row.setting}" + (f": without it, {row.loss}" if row.loss else "")


def _show_condition(name: str, kinds: Iterable[str]) -> str:
    arn = next(arn for kind in kinds for arn in KINDS[kind](IN_GENERAL))
    made = CONDITIONS[name](IN_GENERAL, arn)
    return "; ".join(
        f"{quote(operator)}: {quote(key)} {quote_all([value] if isinstance(value, str) else value)}"
        for operator, keys in made.items()
        for key, value in keys.items()
    )
