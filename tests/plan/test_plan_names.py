"""Names: always what AWS takes, and the same for the same content."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.plan.names import (
    RULE_CHARACTERS,
    hash_content,
    make_definition_name,
    make_job_name,
    make_run_id,
    make_slug,
)

AWS_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html (jobName)"""

HASH = hash_content("anything")


@given(st.text(max_size=200), st.integers(1, 10**6))
def test_job_names_are_what_aws_takes(rule: str, attempt: int) -> None:
    name = make_job_name(rule, HASH, attempt)
    assert AWS_NAME.fullmatch(name)
    assert name.endswith(f"-{HASH[:12]}-{attempt}")


@given(st.text(max_size=200))
def test_definition_names_are_what_aws_takes(rule: str) -> None:
    name = make_definition_name(rule, HASH)
    assert AWS_NAME.fullmatch(name)
    assert name.endswith("-" + HASH[:16])


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("map_reads", "map_reads"),
        ("map reads: all", "map_reads_all"),
        ("_private_", "private"),
        ("größe", "gr_e"),
        ("a" * 100, "a" * RULE_CHARACTERS),
        ("a" * (RULE_CHARACTERS - 1) + "-b", "a" * (RULE_CHARACTERS - 1)),
        ("", "job"),
        ("…", "job"),
    ],
)
def test_a_slug_keeps_what_can_be_kept(text: str, slug: str) -> None:
    assert make_slug(text) == slug


def test_a_run_id_sorts_by_time() -> None:
    earlier = make_run_id(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "abcdef01")
    later = make_run_id(datetime(2026, 1, 2, 13, 4, 5, tzinfo=UTC), "000000")
    assert earlier == "20260102T030405-abcdef"
    assert earlier < later
    assert AWS_NAME.fullmatch(earlier)


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.text(max_size=5), plain, max_size=5))
def test_a_hash_does_not_depend_on_the_order_of_keys(value: dict[str, Any]) -> None:
    assert hash_content(dict(reversed(value.items()))) == hash_content(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": "1"}),
        (["a", "b"], ["b", "a"]),
        (["ab", "c"], ["a", "bc"]),
        ({"a": None}, {}),
    ],
)
def test_other_content_has_another_hash(one: Any, other: Any) -> None:
    assert hash_content(one) != hash_content(other)


def test_the_hash_is_the_same_in_every_release() -> None:
    # Definitions and jobs of earlier runs are found by it.
    assert hash_content({"b": [1, "ü"], "a": None}) == (
        "e6079cc869da30fa7778650261b5c569a08642cba6de37e7cffd9ab5d28d87c8"
    )
