"""The journals of a head that is gone, put together of what a state and the record since have."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

from snakemake_executor_plugin_batchx.detached.record import History, Piece
from snakemake_executor_plugin_batchx.detached.state import State, unpack_state

REPORTED = "reported"
"""That a job was reported to Snakemake says nothing of files which no state has: it is taken up
again, as one that finished meanwhile (recovery.py)."""


def recover_state(history: History) -> State:
    """Return the last state of a record, its journals with what was shipped since.

    Without that, who goes on would know nothing of jobs submitted after it, and run them twice.
    """
    state = unpack_state(history.state)
    return replace(state, journals=merge_journals(dict(state.journals), history.pieces))


def merge_journal(kept: bytes, pieces: Sequence[Piece]) -> bytes:
    """Return a journal: what a state has of it, then what was shipped beyond, less `reported`.

    A state may be taken in the middle of a line, whose rest came later; a last line that stays torn
    is ended, so that the next can follow.
    """
    end, added = len(kept), b""
    for piece in sorted(pieces, key=lambda each: each.offset):
        fresh = piece.lines[max(0, end - piece.offset) :]
        added += fresh
        end += len(fresh)
    safe = kept.rfind(b"\n") + 1
    whole = kept[:safe] + b"".join(_iter_kept_lines((kept + added)[safe:]))
    return whole if whole.endswith(b"\n") or not whole else whole + b"\n"


def merge_journals(kept: dict[str, bytes], pieces: Sequence[Piece]) -> dict[str, bytes]:
    """Return journals by the names of their files, likewise."""
    names = dict.fromkeys([*kept, *(piece.name for piece in pieces)])
    return {
        name: merge_journal(kept.get(name, b""), [each for each in pieces if each.name == name])
        for name in names
    }


def _iter_kept_lines(lines: bytes) -> Iterator[bytes]:
    for line in lines.splitlines(keepends=True):
        try:
            event = json.loads(line).get("event")
        except (ValueError, AttributeError):
            event = None  # torn: readers leave it out
        if event != REPORTED:
            yield line
