"""Readers of single values: what they take, in whichever type Snakemake hands it over."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.plan import readers
from snakemake_executor_plugin_batchx.plan.options import OPTIONS, Option
from snakemake_executor_plugin_batchx.plan.values import WrongValueError

read_digit = readers.make_number_reader(0, 9)
read_below_zero = readers.make_number_reader(-5, -1)


def list_reasons(read: Any, value: Any) -> tuple[str, ...]:
    with pytest.raises(WrongValueError) as caught:
        read(value)
    return caught.value.reasons


def pick(wildcards: Any) -> int:
    """A function of a resource, which Snakemake calls and never hands over."""
    raise AssertionError(wildcards)


STRANGE = [None, "", " ", [], ["on"], {}, 1.5, b"on", max, pick, object(), Path("on")]


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (read_digit, 0, 0),
        (read_digit, 9, 9),
        (read_digit, "0", 0),
        (read_digit, "9", 9),
        (read_digit, "007", 7),
        (read_below_zero, -5, -5),
        (read_below_zero, "-1", -1),
        (readers.read_switch, True, True),
        (readers.read_switch, False, False),
        (readers.read_switch, "on", True),
        (readers.read_switch, "off", False),
        (readers.read_switch, "On", True),
        (readers.read_switch, "FALSE", False),
        (readers.read_switch, "true", True),
        (readers.read_queue, "q", "q"),
        # Snakemake makes a number of a name of digits alone.
        (readers.read_queue, 7, "7"),
        (readers.read_share, 2024, "2024"),
        (readers.read_queue, "0_queue-Of_mine", "0_queue-Of_mine"),
        (readers.read_queue, "q" * 128, "q" * 128),
        *(
            (readers.read_queue, arn, arn)
            for arn in (
                "arn:aws:batch:eu-west-1:123456789012:job-queue/mine",
                "arn:aws-cn:batch:cn-north-1:123456789012:job-queue/mine",
                "arn:aws-us-gov:batch:us-gov-west-1:123456789012:job-queue/_mine",
            )
        ),
        *(
            (readers.read_role, arn, arn)
            for arn in (
                "arn:aws:iam::123456789012:role/reader",
                "arn:aws-cn:iam::123456789012:role/team/reader@x",
                "arn:aws:iam::123456789012:role/a+b=c,d.e_f-g",
            )
        ),
        (readers.read_log_group, "/aws/batch/job", "/aws/batch/job"),
        (readers.read_log_group, "a.b_c-d#1", "a.b_c-d#1"),
        (readers.read_log_group, "g" * 512, "g" * 512),
        (readers.read_share, "projectA", "projectA"),
        (readers.read_share, "7" * 255, "7" * 255),
        (readers.read_platform_version, "LATEST", "LATEST"),
        (readers.read_platform_version, "1.4.0", "1.4.0"),
        (readers.read_architecture, "amd64", "amd64"),
        (readers.read_architecture, "ARM64", "arm64"),
        (readers.read_architecture, "x86_64", "amd64"),
        (readers.read_architecture, "aarch64", "arm64"),
        *(
            (readers.read_duration, value, seconds)
            for value, seconds in (
                *(("60s", 60), ("1m", 60), ("90m", 5400), ("2h", 7200), ("1d", 86_400)),
                *((1, 60), ("90", 5400), ("1.5", 90), ("0.5 h", 1800), ("365d", 31_536_000)),
            )
        ),
        (readers.read_image, "debian:12", "debian:12"),
        (readers.read_image, "docker://quay.io/a/b@sha256:1", "docker://quay.io/a/b@sha256:1"),
        (readers.read_image, "job-definition://mine:3", "job-definition://mine:3"),
    ],
)
def test_a_good_value_is_read(read: Any, value: Any, expected: Any) -> None:
    found = read(value)
    assert found == expected
    assert type(found) is type(expected)


BAD = {
    read_digit: (
        [-1, 10, "10", "-1", "1.0", 1.0, " 1", "1 ", "+1", "1_0", "٣", "1e0", True, "9" * 30],
        "must be a whole number from 0 to 9",
    ),
    read_below_zero: ([0, "--1", "- 1"], "must be a whole number from -5 to -1"),
    readers.read_duration: (
        ["59s", 0, -5, "0", "-1h", "2 hours", "2H", "1h30m", "366d", "1e3", "٣", True, "9" * 30],
        "must be a time from 1 minute to 1 year, such as 90m, 2h or 1d",
    ),
    readers.read_switch: (["yes", "no", "1", "0", 1, 0, "on "], "must be on or off"),
    readers.read_queue: (
        [
            *("-q", "_q", "q" * 129, "q q", "q\n", "schlange-ü", -7, True),
            "arn:aws:batch:eu-west-1:12345678901:job-queue/mine",
            "arn:aws:batch:eu-west-1:123456789012:job-definition/mine",
            "arn:aws:iam::123456789012:role/mine",
            "arn:gcp:batch:eu-west-1:123456789012:job-queue/mine",
        ],
        "must be the name (letters, digits, - and _, at most 128) or the ARN of a job queue",
    ),
    readers.read_role: (
        [
            *("reader", "arn:aws:iam::1234:role/reader", "arn:aws:iam::123456789012:role/"),
            "arn:aws:iam::123456789012:role/team/",
            "arn:aws:iam::123456789012:user/reader",
            "arn:aws:iam::123456789012:role/two words",
        ],
        "must be the ARN of an IAM role, such as arn:aws:iam::123456789012:role/me",
    ),
    readers.read_log_group: (
        ["a b", "g" * 513, "a:b", "gruppe-ü", True],
        "must be the name of a CloudWatch log group (letters, digits and _ - / . #, at most 512)",
    ),
    readers.read_share: (
        ["a-b", "a b", "s" * 256, "a*", -7],
        "must be a share identifier of letters and digits, at most 255",
    ),
    readers.read_platform_version: (
        ["latest", "1.4", "v1.4.0", "1.3.0", "9.9.9", 1.4],
        "must be a platform version of Fargate: LATEST or 1.4.0",
    ),
    readers.read_architecture: (
        ["arm", "x86", "amd64 ", 64],
        "must be amd64, arm64, x86_64 or aarch64",
    ),
    readers.read_image: (
        ["two words", "a\nb", False],
        "must be an image, such as docker://quay.io/biocontainers/bwa:0.7.17",
    ),
}


@pytest.mark.parametrize(
    ("read", "value", "reason"),
    [(read, value, reason) for read, (values, reason) in BAD.items() for value in values],
)
def test_a_bad_value_is_refused_in_words_that_say_what_is_right(
    read: Any, value: Any, reason: str
) -> None:
    assert list_reasons(read, value) == (reason,)


@pytest.mark.parametrize("read", BAD)
@pytest.mark.parametrize("value", STRANGE, ids=lambda value: type(value).__name__)
def test_what_is_no_value_at_all_is_refused(read: Any, value: Any) -> None:
    assert list_reasons(read, value) == (BAD[read][1],)


anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.binary(max_size=5),
    st.lists(st.text(max_size=10), max_size=3),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    st.sampled_from(STRANGE),
)


@pytest.mark.parametrize("option", OPTIONS, ids=[option.name for option in OPTIONS])
@given(value=anything)
def test_of_anything_a_reader_refuses_what_it_cannot_read_and_says_why(
    option: Option, value: Any
) -> None:
    reasons: tuple[str, ...] | None = None
    try:
        option.read(value)
    except WrongValueError as error:
        reasons = error.reasons
    assert reasons != ()
    for reason in reasons or ():
        assert reason == reason.strip() != ""
        assert not reason.endswith(".")
    assert isinstance(option.show(value), str)


@given(st.integers(-(10**20), 10**20), st.integers(-50, 50), st.integers(0, 50))
def test_a_number_is_the_same_as_a_text(number: int, minimum: int, span: int) -> None:
    read = readers.make_number_reader(minimum, minimum + span)
    if minimum <= number <= minimum + span:
        assert read(number) == read(str(number)) == number
    else:
        assert list_reasons(read, number) == list_reasons(read, str(number))


@given(st.text(max_size=12))
def test_a_text_is_read_whole_or_not_at_all(text: str) -> None:
    read = readers.make_text_reader("[a-c]*x", "a word of a, b and c with x")
    is_right = text.endswith("x") and set(text[:-1]) <= set("abc")
    try:
        assert read(text) == text
        assert is_right
    except WrongValueError:
        assert not is_right


class Word(str):
    """Snakemake has texts of its own classes, which carry flags."""


def test_a_text_of_snakemakes_is_read_as_a_plain_one() -> None:
    assert type(readers.read_queue(Word("mine"))) is str
