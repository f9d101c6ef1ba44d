"""Archived objects: read when they are back, asked back once, and told in one sentence."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.answers import Answer
from snakemake_executor_plugin_batchx.storage.archives import RESTORE_HEADER, require_restored
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.refusals import StorageError

FROZEN = None
ONGOING = 'ongoing-request="true"'
RESTORED = 'ongoing-request="false", expiry-date="Fri, 21 Dec 2029 00:00:00 GMT"'

BY_SYNC = "have it restored by --restore DAYS, or leave it out by --exclude"
COMING = "on its way back from Glacier"


class ArchiveStore(MemoryStore):
    """Objects in Glacier: what HeadObject says of each, and what was asked back."""

    def __init__(self, states: Mapping[str, str | None], refusal: str = "") -> None:
        super().__init__()
        self.objects = dict.fromkeys(states, b"")
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self._states = states
        self._refusal = refusal

    def _HeadObject(self, key: str, params: Any, data: bytes) -> Answer:  # noqa: N802
        state = self._states[key]
        told = {} if state is None else {RESTORE_HEADER: state}
        return Answer({**super()._HeadObject(key, params, data).headers, **told})

    def _RestoreObject(self, key: str, params: Any, _data: bytes) -> Answer:  # noqa: N802
        if self._refusal:
            raise StorageError(f"no: {self._refusal}", self._refusal)
        self.asked.append((key, params))
        return Answer({}, status=202)


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


@pytest.mark.parametrize("days", [None, 7])
@pytest.mark.parametrize("states", [{}, {"a": RESTORED}, {"a": RESTORED, "b": RESTORED}])
def test_what_is_back_is_read(
    engine: Engine, states: dict[str, str | None], days: int | None
) -> None:
    store = ArchiveStore(states)
    require_restored(engine, store, list(states), days)
    assert store.calls == Counter({"HeadObject": len(states)} if states else {})


@pytest.mark.parametrize(
    ("states", "days", "asked", "words"),
    [
        ({"a": RESTORED, "b": FROZEN, "c": FROZEN}, None, [], [BY_SYNC, "2 files in all", "/b "]),
        ({"a": ONGOING, "b": FROZEN}, None, [], [BY_SYNC, "s3://memory/b "]),
        ({"a": FROZEN, "b": FROZEN}, 7, ["a", "b"], [COMING, "2 files in all", "s3://memory/a "]),
        ({"a": ONGOING, "b": FROZEN, "c": RESTORED}, 7, ["b"], [COMING, "2 files in all"]),
        ({"a": ONGOING, "b": ONGOING}, 7, [], [COMING, "2 files in all", "s3://memory/a "]),
        ({"a": ONGOING, "b": ONGOING}, None, [], [COMING, "2 files in all", "run it again then"]),
    ],
)
def test_what_is_not_is_told_and_asked_back_once(
    engine: Engine,
    states: dict[str, str | None],
    days: int | None,
    asked: list[str],
    words: list[str],
) -> None:
    store = ArchiveStore(states)
    with pytest.raises(BatchxError) as told:
        require_restored(engine, store, list(states), days)
    assert [word for word in words if word not in str(told.value)] == []
    assert sorted(key for key, _ in store.asked) == asked
    request = {"Days": days, "GlacierJobParameters": {"Tier": "Standard"}}
    assert all(params == {"RestoreRequest": request} for _, params in store.asked)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("RestoreAlreadyInProgress", COMING),
        ("409", COMING),
        ("AccessDenied", "no: AccessDenied"),
        ("GlacierExpeditedRetrievalNotAvailable", "no: Glacier"),
    ],
)
def test_others_may_have_asked_and_s3_may_refuse(engine: Engine, code: str, words: str) -> None:
    store = ArchiveStore({"a": FROZEN}, refusal=code)
    with pytest.raises(BatchxError, match=words):
        require_restored(engine, store, ["a"], 7)
    assert store.asked == []
