"""The record of a detached run: one head alone goes on with it, and nothing of it is lost."""

from collections.abc import Iterator

import pytest
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.detached.record import (
    Piece,
    SupersededError,
    begin_record,
    claim_record,
    make_key,
    read_history,
)
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.answers import ObjectFacts

PREFIX = "root/.batchx/detached/run/record/"


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    begin_record(store, PREFIX, b"first")
    return store


def test_a_head_finds_the_last_state_and_what_came_later(store: MemoryStore) -> None:
    record = claim_record(store, PREFIX, 1)
    record.append_lines("a.jsonl", 0, b"one\n")
    since = record.next_number
    record.append_lines("a.jsonl", 4, b"two\n")
    number = record.append_state(b"second", since)
    record.append_lines("a.jsonl", 8, b"three\n")
    history = read_history(store, PREFIX)
    assert history.state == b"second"
    # What came while the state was made may not be in it.
    assert history.pieces == (Piece("a.jsonl", 4, b"two\n"), Piece("a.jsonl", 8, b"three\n"))
    assert number == since + 1


def test_a_head_that_is_no_more_alone_can_append_nothing(store: MemoryStore) -> None:
    old = claim_record(store, PREFIX, 1)
    old.append_lines("a.jsonl", 0, b"one\n")
    new = claim_record(store, PREFIX, 2)
    with pytest.raises(SupersededError):
        old.append_lines("a.jsonl", 4, b"two\n")
    with pytest.raises(SupersededError):
        old.append_state(b"of the old", 0)
    new.append_state(b"of the new", 0)
    assert read_history(store, PREFIX).state == b"of the new"


def test_two_processes_of_a_head_append_in_turn(store: MemoryStore) -> None:
    head = claim_record(store, PREFIX, 1)
    child = type(head)(store, PREFIX, 1, head.next_number)
    numbers = [head.append_state(b"s", 0)]
    child.append_lines("a.jsonl", 0, b"one\n")
    numbers.append(head.append_state(b"t", 0))
    assert numbers == [2, 4]


def test_the_states_that_are_past_keep_their_numbers_alone(store: MemoryStore) -> None:
    record = claim_record(store, PREFIX, 1)
    old = record.append_state(b"x" * 1000, 0)
    record.append_state(b"newer", 0)
    record.empty_state(old)
    assert len(store.objects[make_key(PREFIX, old)]) < 100
    assert read_history(store, PREFIX).state == b"newer"


def test_a_record_without_a_state_is_told_of() -> None:
    with pytest.raises(BatchxError, match="has no state any more"):
        read_history(MemoryStore(), PREFIX)


def test_a_state_is_sent_once_whatever_the_other_process_has_appended(store: MemoryStore) -> None:
    head = claim_record(store, PREFIX, 1)
    child = type(head)(store, PREFIX, 1, head.next_number)
    for number in range(700):
        child.append_lines("a.jsonl", number, b"\n")
    store.calls.clear()
    assert head.append_state(b"large", 0) == 702
    assert store.calls["PutObject"] == 1
    assert store.calls.total() < 30


def test_an_old_head_meets_the_claim_behind_its_other_process(store: MemoryStore) -> None:
    head = claim_record(store, PREFIX, 1)
    child = type(head)(store, PREFIX, 1, head.next_number)
    for number in range(5):
        child.append_lines("a.jsonl", number, b"\n")
    claim_record(store, PREFIX, 2)
    with pytest.raises(SupersededError):
        head.append_state(b"of the old", 0)


def test_a_state_that_is_emptied_while_one_reads_is_none(store: MemoryStore) -> None:
    record = claim_record(store, PREFIX, 1)
    old = record.append_state(b"old", 0)

    class Meanwhile(MemoryStore):
        """The store, where the head goes on right after the first list."""

        def list_below(self, prefix: str) -> Iterator[ObjectFacts]:
            listed = list(store.list_below(prefix))
            if old == record.next_number - 1:
                record.append_state(b"new", 0)
                record.empty_state(old)
            yield from listed

    reader = Meanwhile()
    reader.objects = store.objects
    assert read_history(reader, PREFIX).state == b"new"
