"""Tables of what a run tells: failures, causes of waiting, the journal."""

import re
from collections import defaultdict
from collections.abc import Iterable

from snakemake_executor_plugin_batchx.batch.waiting import CAUSES
from snakemake_executor_plugin_batchx.checks.table import CHECKS
from snakemake_executor_plugin_batchx.journal_fields import (
    COMMON,
    EVENTS,
    JOB_FIELDS,
    START_FIELDS,
    USAGE_FIELDS,
    FieldRow,
)
from snakemake_executor_plugin_batchx.plan.failure_row import KINDS, FailureRow
from snakemake_executor_plugin_batchx.plan.failures import FAILURES
from snakemake_executor_plugin_batchx.reference.markdown import (
    ABSENT,
    make_table,
    mark_code,
    quote,
)

IN_GENERAL = defaultdict(
    str,
    command="its command",
    image="…",
    memory_mib="…",
    exit_code="…",
    given_reason="…",
    problem="that sentence is told",
)
"""What stands for the facts of a job in the table of failures; the rest is left out."""

COMMAND = re.compile(r"aws batch [a-z-]+(?: --[a-z-]+ [\w…]+)*")

VERBS = {"environments_are": "environment is", "jobs_stand": "other jobs stand"}
"""What stands in a cause of waiting for one thing or several (batch/queue_view.py)."""


def make_journal_tables() -> str:
    """Return the events of the journal, each with its fields."""
    tables = [_make_fields("Every line", COMMON)]
    tables += [_make_fields(f"`{each.name}`: {each.meaning}", each.fields) for each in EVENTS]
    tables += [
        _make_fields("Each of `jobs`", JOB_FIELDS),
        _make_fields("Each of `starts`", START_FIELDS),
        _make_fields("`usage`", USAGE_FIELDS),
    ]
    return "\n".join(tables)


def make_failures_table() -> str:
    """Return the table of failures."""
    return make_table(
        ("kind", "sign (AWS's words)", "what is told", "what to do", "who tries again"),
        map(_list_failure_cells, FAILURES),
    )


def make_kinds_table() -> str:
    """Return the kinds of verdicts."""
    return make_table(("kind", "meaning"), ((quote(kind), each) for kind, each in KINDS.items()))


def make_waiting_table() -> str:
    """Return the causes for which jobs wait, as they are told."""
    return make_table(
        ("what is said", "what to do", "in the log"),
        (
            (
                f"[{fill_blanks(cause.clause)}]({cause.source})",
                mark_code(COMMAND.sub(r"`\g<0>`", fill_blanks(cause.fix))),
                ("info" if cause.is_usual else "warning") if cause.is_told else ABSENT,
            )
            for cause in CAUSES
        ),
    )


def make_checks_table() -> str:
    """Return the checks of `batchx doctor`, each with what it takes."""
    return make_table(
        ("check", "what is looked at", "permissions", "at the start of a run"),
        (
            (
                quote(check.name),
                check.meaning,
                ", ".join(map(_quote_permission, check.permissions)) or ABSENT,
                "yes" if check.in_run else "no",
            )
            for check in CHECKS
        ),
    )


def fill_blanks(text: str) -> str:
    """Return a text with an ellipsis for each of its values, words for one that is its verb."""
    return re.sub(r"\{(\w+)\}", lambda found: VERBS.get(found[1], "…"), text)


def _list_failure_cells(row: FailureRow) -> list[str]:
    sentence = row.sentence.format_map(IN_GENERAL)
    return [
        row.kind,
        quote(row.shown),
        mark_code(sentence[0].upper() + sentence[1:]) + ".",
        mark_code(row.advice.format_map(IN_GENERAL)) or ABSENT,
        row.retried_by,
    ]


def _make_fields(title: str, rows: Iterable[FieldRow]) -> str:
    table = make_table(
        ("field", "type", "meaning"),
        (
            (
                quote(row.name),
                f"{row.kind} or null" if row.is_null else row.kind,
                f"{row.meaning} (may be missing)" if row.is_optional else row.meaning,
            )
            for row in rows
        ),
    )
    return f"**{title}.**\n\n{table}"


def _quote_permission(text: str) -> str:
    """Return a permission, the words after it not in backquotes."""
    name, blank, remark = text.partition(" ")
    return f"{quote(name)}{blank}{remark}"
