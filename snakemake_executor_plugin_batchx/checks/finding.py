"""What a check has found: all right, worth a warning, or in the way of every job."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from snakemake_executor_plugin_batchx.denials import DENIED_CODES

Status = Literal["ok", "warning", "failed"]

UNSEEN = "could not be looked at"

ALL_CALLS = "all calls"
"""Stands for the permission of a check that was waited for in vain."""

UNREACHED_CODES = frozenset(
    {
        *("EndpointConnectionError", "ProxyConnectionError", "ConnectTimeoutError"),
        *("ReadTimeoutError", "ConnectionClosedError", "SSLError", "HTTPClientError"),
        "ResponseParserError",
    }
)
"""What AwsError has as code where no answer of AWS came back, of botocore's exceptions
(https://github.com/boto/botocore/blob/develop/botocore/exceptions.py). The answers that cannot be
parsed are those of a network's own page."""

WAY_TO = "a way to"
ANSWER_TO = "an answer to"

QUOTED_MUST = re.compile(r"(?P<value>.+['\"]) must be (?P<wanted>.+)", re.DOTALL)
"""How sentences on the values of settings go that have no colon (plan/readers.py)."""


@dataclass(frozen=True)
class Finding:
    """What a check of the table (checks/table.py) says of one thing.

    `text` and `fix` are clauses without a period; `fix` is empty where nothing is to be done.
    `lacks` names what kept the check from finding anything, "" where it did: a permission, an
    answer, a way to AWS.
    """

    check: str
    status: Status
    text: str
    fix: str = ""
    lacks: str = ""

    @property
    def is_unreached(self) -> bool:
        """Whether nothing was found because no answer of AWS came back."""
        return self.lacks.startswith(WAY_TO) or self.lacks == f"{ANSWER_TO} {ALL_CALLS}"

    @property
    def sentence(self) -> str:
        """What a run says of it: the finding, and what to do."""
        return f"{self.text}: {self.fix}." if self.fix else f"{self.text}."


def make_ok(check: str, text: str) -> Finding:
    """Return a finding of something that is as it should be."""
    return Finding(check, "ok", text)


def make_warning(check: str, text: str, fix: str) -> Finding:
    """Return a finding that jobs can live with."""
    return Finding(check, "warning", text, fix)


def make_failure(check: str, text: str, fix: str) -> Finding:
    """Return a finding that is in the way of jobs."""
    return Finding(check, "failed", text, fix)


def judge_trouble(check: str, thing: str, permission: str, code: str, said: str) -> Finding:
    """Return the finding where AWS did not tell of a thing: no reason to stop.

    `permission` is what the call takes, `code` AWS's error code, `said` the sentence on it.
    """
    if code in DENIED_CODES:
        told = split_sentence(check, said)
        fix = told.fix or f"allow {permission}"
        text = f"{thing} {UNSEEN}: {told.text}"
        return Finding(check, "warning", text, f"{fix}, or make sure yourself", lacks=permission)
    missing = WAY_TO if code in UNREACHED_CODES else ANSWER_TO
    return Finding(
        check,
        "warning",
        f"{thing} {UNSEEN}: {said.rstrip('.')}",
        "try again, or make sure yourself",
        lacks=f"{missing} {permission}",
    )


def split_sentence(check: str, sentence: str) -> Finding:
    """Return a sentence of a mistake as a failed finding.

    Its fix comes last, after a colon, or is what the value "must be".
    """
    text = sentence.rstrip(".")
    colon, depth = -1, 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and text.startswith(": ", position):
            colon = position
    if colon < 0 and (found := QUOTED_MUST.fullmatch(text)):
        return make_failure(
            check, f"{found['value']} is not valid", f"it must be {found['wanted']}"
        )
    if colon < 0:
        return make_failure(check, text, "")
    return make_failure(check, text[:colon], text[colon + 2 :])


def count_findings(findings: Iterable[Finding]) -> dict[Status, int]:
    """Return how many findings there are of each status."""
    counts: dict[Status, int] = {"ok": 0, "warning": 0, "failed": 0}
    for finding in findings:
        counts[finding.status] += 1
    return counts
