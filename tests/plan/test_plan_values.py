"""Mistakes are collected, made into sentences, and told together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.values import Problems, WrongValueError


def tell(problems: Problems) -> list[str]:
    with pytest.raises(BatchxError) as caught:
        problems.raise_all()
    return str(caught.value).split("\n")


def test_reasons_become_sentences_after_the_label() -> None:
    problems = Problems("Rule a")
    problems.add_reasons(["x must be on or off", "y is unknown: did you mean z?"])
    assert tell(problems) == [
        "Rule a: x must be on or off.",
        "Rule a: y is unknown: did you mean z?",
    ]


def test_without_a_label_a_reason_is_the_sentence() -> None:
    problems = Problems()
    problems.add_reasons(["--batchx-array 'x' must be on or off"])
    assert tell(problems) == ["--batchx-array 'x' must be on or off."]


def test_reasons_may_be_reworded_but_not_sentences() -> None:
    problems = Problems("Rule a", lambda reason: reason.replace("x", "--batchx-x"))
    with problems:
        raise WrongValueError("x is wrong")
    with problems:
        raise BatchxError("Rule b: x is wrong.")
    assert tell(problems) == ["Rule a: --batchx-x is wrong.", "Rule b: x is wrong."]


def test_whatever_raises_what_is_told_is_in_order() -> None:
    problems = Problems("Rule a")
    with problems:
        raise WrongValueError("x is wrong", "y is wrong")
    with problems:
        raise BatchxError("Rule b: z is wrong.\nRule b: w is wrong.")
    problems.add_reasons(["v is wrong"])
    assert tell(problems) == [
        "Rule a: x is wrong.",
        "Rule a: y is wrong.",
        "Rule b: z is wrong.",
        "Rule b: w is wrong.",
        "Rule a: v is wrong.",
    ]


def test_nothing_is_raised_of_nothing() -> None:
    problems = Problems("Rule a")
    with problems:
        value = 1
    problems.raise_all()
    assert (value, problems.sentences) == (1, [])


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), KeyboardInterrupt()])
def test_errors_of_our_own_making_are_not_taken_in(error: BaseException) -> None:
    problems = Problems("Rule a")
    with pytest.raises(type(error)), problems:
        raise error
    assert problems.sentences == []


def test_the_same_sentence_is_told_once() -> None:
    problems = Problems("Rule a")
    problems.add_reasons(["x is wrong", "y is wrong", "x is wrong"])
    assert tell(problems) == ["Rule a: x is wrong.", "Rule a: y is wrong."]


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4))
def test_a_wrong_value_keeps_its_reasons(reasons: list[str]) -> None:
    error = WrongValueError(*reasons)
    assert error.reasons == tuple(reasons)
    assert str(error) == "; ".join(reasons)


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=4))
def test_each_sentence_is_a_line(reasons: list[str]) -> None:
    """Values come from users, and may hold line breaks of any kind."""
    problems = Problems("Rule a")
    problems.add_reasons(reasons)
    with pytest.raises(BatchxError) as caught:
        problems.raise_all()
    assert all(line.startswith("Rule a: ") for line in str(caught.value).splitlines())


def test_what_differs_in_values_alone_is_told_of_the_first_job() -> None:
    """A mistake in a function of wildcards is made by each of a thousand samples."""
    problems = Problems()
    for number in range(3):
        label = f"Rule a (i={number})"
        problems.sentences += [
            f"{label}: batchx_tags='s{number}' is wrong.",
            f"{label}: batchx_options holds '--a'.",
            f"{label}: batchx_options holds '--b'.",
        ]
    problems.sentences += [
        "Rule a (i=9): batchx_queue='x' is wrong.",
        "Rule b (i=1): batchx_tags='s1' is wrong.",
        "Rule b: batchx_tags='s2' is wrong.",
        "--batchx-retries 1 is wrong.",
        "--batchx-retries 2 is wrong.",
    ]
    more = " The same goes for 2 more of its jobs."
    assert tell(problems) == [
        f"Rule a (i=0): batchx_tags='s0' is wrong.{more}",
        f"Rule a (i=0): batchx_options holds '--a'.{more}",
        f"Rule a (i=0): batchx_options holds '--b'.{more}",
        *problems.sentences[9:],
    ]
