"""Journals of a head that is gone: what a state has, and what was shipped beyond."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.detached.journals import merge_journal, merge_journals
from snakemake_executor_plugin_batchx.detached.record import Piece


def make_line(event: str, number: int = 0) -> bytes:
    return json.dumps({"v": 2, "event": event, "submission": str(number)}).encode() + b"\n"


RUN, INTENT, REPORTED = make_line("run"), make_line("intent"), make_line("reported")


@pytest.mark.parametrize(
    ("kept", "pieces", "merged"),
    [
        (b"", [], b""),
        (RUN, [], RUN),
        (b"", [(0, RUN + INTENT)], RUN + INTENT),
        # What a state has stays as it is; what it lacks comes without what it has no files of.
        (RUN + REPORTED, [(0, RUN + REPORTED + INTENT)], RUN + REPORTED + INTENT),
        (RUN, [(0, RUN + INTENT + REPORTED)], RUN + INTENT),
        # A state read in the middle of a line.
        (RUN + INTENT[:10], [(0, RUN + INTENT)], RUN + INTENT),
        (RUN + REPORTED[:10], [(0, RUN + REPORTED + INTENT)], RUN + INTENT),
        # A last line that stays torn does not swallow the next one.
        (RUN + INTENT[:10], [], RUN + INTENT[:10] + b"\n"),
        # Twice the same, as after an answer that was lost.
        (RUN, [(len(RUN), INTENT), (len(RUN), INTENT)], RUN + INTENT),
    ],
)
def test_merging(kept: bytes, pieces: list[tuple[int, bytes]], merged: bytes) -> None:
    assert merge_journal(kept, [Piece("a", *each) for each in pieces]) == merged


@given(st.data())
def test_every_intent_is_there_once_wherever_a_state_was_read(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(["intent", "reported", "state"]), max_size=12))
    lines = [make_line(kind, number) for number, kind in enumerate(kinds)]
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    shipped = sorted(data.draw(st.sets(st.integers(0, len(lines)))) | {len(lines)})
    ends = [len(b"".join(lines[:count])) for count in shipped]
    starts = [0, *ends[:-1]]
    pieces = [Piece("a", a, whole[a:b]) for a, b in zip(starts, ends, strict=True)]
    merged = merge_journal(whole[:cut], pieces).splitlines(keepends=True)
    assert [each for each in merged if b"reported" not in each] == [
        each for each in lines if b"reported" not in each
    ]
    reported = [each for each in merged if b"reported" in each]
    assert all(whole.index(each) + len(each) <= cut for each in reported)


def test_journals_are_told_apart() -> None:
    pieces = [Piece("b", 0, INTENT), Piece("a", len(RUN), INTENT)]
    assert merge_journals({"a": RUN}, pieces) == {"a": RUN + INTENT, "b": INTENT}
