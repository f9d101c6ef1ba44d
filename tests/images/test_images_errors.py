"""The table of refusals against words that registries are known to send."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.images.errors import (
    ROWS,
    Asked,
    explain_refusal,
    read_refusal,
)

MESSAGES = json.loads(
    (Path(__file__).parents[1] / "aws_messages" / "registry.json").read_text(encoding="utf-8")
)
IDS = [f"{m['status']} {m['message'][:30]}" for m in MESSAGES]


def explain(case: dict[str, Any]) -> Any:
    asked = Asked(case["host"], "team/tool", "1", is_push=case["push"], is_logged_in=case["login"])
    return explain_refusal(asked, case["status"], case["code"], case["message"])


@pytest.mark.parametrize("case", MESSAGES, ids=IDS)
def test_words_of_registries_get_their_sentence(case: dict[str, Any]) -> None:
    error = explain(case)
    assert error.kind == case["kind"]
    text = str(error)
    assert "{" not in text
    assert text.endswith(".")
    assert "team/tool" in text or case["kind"] in {"expired", "certificate"}
    host = case["host"].replace("registry-1.docker.io", "docker.io")
    account = "account 123456789012 in eu-west-1"
    assert host in text or account in text or "Docker Hub" in text


def test_every_row_has_a_message() -> None:
    seen = {str(explain(case))[:25] for case in MESSAGES}
    untried = []
    for row in ROWS:
        starts = row.sentence.split("{")[0]
        pattern = re.compile(
            ".*".join(re.escape(part) for part in re.split(r"\{\w+\}", row.sentence)), re.DOTALL
        )
        if not any(pattern.fullmatch(str(explain(case))) for case in MESSAGES):
            untried.append(starts or row.kind)
    assert untried == []
    assert seen


@pytest.mark.parametrize("case", MESSAGES, ids=IDS)
def test_a_verified_message_names_where_it_was_seen(case: dict[str, Any]) -> None:
    assert case["source"].startswith("https://") == case["verified"]


def is_told(case: dict[str, Any]) -> bool:
    """Whether a registry says which permission is lacking: answers to HEAD have no words."""
    return case["kind"] == "permission" and bool(case["message"])


def test_which_permission_is_lacking_is_told() -> None:
    texts = [str(explain(case)) for case in MESSAGES if is_told(case)]
    assert all(
        re.search(r"Role \S+ of account \S+ lacks ecr:(Init\w+|BatchGetImage) on arn:", t)
        for t in texts
    )


def test_a_push_that_ecr_denies_without_words_lacks_what_it_begins_with() -> None:
    asked = Asked("127.0.0.1:5000", "team/tool", is_push=True, is_logged_in=True, is_aws=True)
    error = explain_refusal(asked, 403, "", "")
    assert error.is_denied_push
    assert str(error) == (
        "127.0.0.1:5000/team/tool cannot be pushed: The credentials of this machine lack "
        "ecr:BatchCheckLayerAvailability: add it to their policies (batchx policy head prints "
        "those needed), and see that no other policy denies it."
    )
    elsewhere = Asked("127.0.0.1:5000", "team/tool", is_push=True, is_logged_in=True)
    assert "lets this machine push nothing" in str(explain_refusal(elsewhere, 403, "", ""))


@pytest.mark.parametrize(
    ("locator", "name"),
    [
        ("1", "docker.io/library/debian:1"),
        ("sha256:ab", "docker.io/library/debian@sha256:ab"),
        ("", "docker.io/library/debian"),
    ],
)
def test_images_are_named_as_users_do(locator: str, name: str) -> None:
    assert str(Asked("registry-1.docker.io", "library/debian", locator)) == name


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"errors":[{"code":"DENIED","message":"no"}]}', ("DENIED", "no")),
        (b'{"errors":[]}', ("", "")),
        (b'{"details":"incorrect username or password"}', ("", "incorrect username or password")),
        (b'{"errors":{"a":1}}', None),
        (b"[1]", None),
        (b"Not Authorized\n", ("", "Not Authorized\n")),
        (b"<html>gateway</html>", ("", "")),
        (b"", ("", "")),
        (b"\xff\xfe", None),
    ],
)
def test_error_bodies_of_any_kind_are_read(body: bytes, told: tuple[str, str] | None) -> None:
    found = read_refusal(body)
    assert told is None or found == told
