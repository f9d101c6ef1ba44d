"""The record of a detached run: what its heads did, as numbered objects that nobody overwrites.

An element is a *state* (all from which a head goes on), *lines* (what a journal got since, before
each submission) or a *claim* (an attempt of the head begins). Each is created under the condition
that there is none of its number, so one head alone can go on with the record: another, say one
whose host was only thought to be lost, finds the claim of its successor where it would write, and
can submit nothing any more.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.answers import ObjectFacts

STATE, LINES, CLAIM = "state", "lines", "claim"

DIGITS = 8

TRIES = 5


class RecordStore(Protocol):
    """What is needed of the S3 gateway."""

    def create_bytes(self, key: str, data: bytes) -> bool:
        """Write an object unless there is one; return whether it was written."""

    def read_bytes(self, key: str) -> bytes:
        """Return a whole object."""

    def write_bytes(self, key: str, data: bytes) -> None:
        """Write an object whole."""

    def has_object(self, key: str) -> bool:
        """Tell whether there is an object of this key."""

    def list_below(self, prefix: str) -> Iterator[ObjectFacts]:
        """Yield all objects below a prefix, by their keys."""


class SupersededError(BatchxError):
    """A later attempt of the head goes on with the record."""

    def __init__(self) -> None:
        super().__init__("Another head goes on with this detached run: this one does no more.")


@dataclass(frozen=True)
class Element:
    """An element: its header (kind, attempt and more) and content."""

    number: int
    header: dict[str, Any]
    content: bytes


@dataclass(frozen=True)
class Piece:
    """What a journal, by its file's name, got at an offset."""

    name: str
    offset: int
    lines: bytes


@dataclass(frozen=True)
class History:
    """What a record says: the content of its last state, and the journals' pieces since."""

    state: bytes
    pieces: tuple[Piece, ...]


class Record:
    """Appends to a record as an attempt of the head. Safe to use from many threads.

    `prefix` ends with a slash; `next_number` is where the next element probably goes. Methods raise
    StorageError where S3 refuses, SupersededError where a later attempt has begun.
    """

    def __init__(self, store: RecordStore, prefix: str, attempt: int, next_number: int) -> None:
        self._store = store
        self._prefix = prefix
        self._attempt = attempt
        self._lock = threading.Lock()
        self.next_number = next_number

    def append_lines(self, name: str, offset: int, lines: bytes) -> None:
        """Note what a journal got at an offset."""
        self._append({"kind": LINES, "name": name, "offset": offset}, lines)

    def append_state(self, state: bytes, since: int) -> int:
        """Note a state that holds all elements before the number `since`; return its own."""
        return self._append({"kind": STATE, "since": since}, state)

    def empty_state(self, number: int) -> None:
        """Let go of the content of a state that another has followed; its number stays taken."""
        header = {"kind": STATE, "since": number, "attempt": self._attempt}
        self._store.write_bytes(make_key(self._prefix, number), _encode(header, b""))

    def _append(self, header: dict[str, Any], content: bytes) -> int:
        data = _encode({**header, "attempt": self._attempt}, content)
        with self._lock:
            if header["kind"] == STATE:  # it may be large: not to be sent for nothing
                self._go_to_end()
            while not self._store.create_bytes(make_key(self._prefix, self.next_number), data):
                self._go_to_end()
            number = self.next_number
            self.next_number += 1
            return number

    def _go_to_end(self) -> None:
        """Go past what this attempt's other process has appended, in steps that double.

        Numbers have no gaps, and nothing of an attempt stands after the claim of a later one.
        """
        last, step = self.next_number - 1, 1
        while self._is_taken(last + step):
            last, step = last + step, 2 * step
        while step > 1:
            step //= 2
            if self._is_taken(last + step):
                last += step
        if last < self.next_number:
            return
        if _read(self._store, self._prefix, last).header["attempt"] != self._attempt:
            raise SupersededError
        self.next_number = last + 1

    def _is_taken(self, number: int) -> bool:
        return self._store.has_object(make_key(self._prefix, number))


def begin_record(store: RecordStore, prefix: str, state: bytes) -> None:
    """Write the first state, for a head that has not begun."""
    header = {"kind": STATE, "since": 0, "attempt": 0}
    store.write_bytes(make_key(prefix, 0), _encode(header, state))


def claim_record(store: RecordStore, prefix: str, attempt: int) -> Record:
    """Begin an attempt: from now on no earlier one can append anything."""
    numbers = list_numbers(store, prefix)
    number = numbers[-1] + 1 if numbers else 0
    claim = _encode({"kind": CLAIM, "attempt": attempt}, b"")
    while not store.create_bytes(make_key(prefix, number), claim):
        number += 1
    return Record(store, prefix, attempt, number + 1)


def read_history(store: RecordStore, prefix: str) -> History:
    """Return what a record says now. Raises BatchxError where it has no state.

    A head may go on meanwhile, and empty the last state of the list, as a newer one has come.
    """
    for _ in range(TRIES):
        history = _read_listed(store, prefix)
        if history is not None:
            return history
    raise BatchxError(
        f"The record of the detached run at {prefix} has no state any more: something else has "
        "removed it."
    )


def _read_listed(store: RecordStore, prefix: str) -> History | None:
    newer: list[Element] = []
    for number in reversed(list_numbers(store, prefix)):
        element = _read(store, prefix, number)
        if element.header["kind"] == STATE:
            if not element.content:
                return None
            since = int(element.header["since"])
            early = [_read(store, prefix, n) for n in range(since, number)]
            elements = [*early, *reversed(newer)]
            return History(element.content, tuple(_iter_pieces(elements)))
        newer.append(element)
    return None


def list_numbers(store: RecordStore, prefix: str) -> list[int]:
    """Return the numbers of a record's elements, in order."""
    return [int(each.key.rpartition("/")[2]) for each in store.list_below(prefix)]


def make_key(prefix: str, number: int) -> str:
    """Return the key of an element; keys are in the order of numbers."""
    return f"{prefix}{number:0{DIGITS}d}"


def _iter_pieces(elements: Sequence[Element]) -> Iterator[Piece]:
    for each in elements:
        if each.header["kind"] == LINES:
            yield Piece(each.header["name"], each.header["offset"], each.content)


def _read(store: RecordStore, prefix: str, number: int) -> Element:
    header, _, content = store.read_bytes(make_key(prefix, number)).partition(b"\n")
    return Element(number, json.loads(header), content)


def _encode(header: dict[str, Any], content: bytes) -> bytes:
    return json.dumps(header).encode() + b"\n" + content
