"""A head's attempt: trouble that may pass leaves the run to the next one, and ends nothing."""

import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from typing import cast

import pytest
from detached_orders import make_order
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.detached.head import TOP, HeadRun, World
from snakemake_executor_plugin_batchx.detached.order import Place
from snakemake_executor_plugin_batchx.detached.record import begin_record
from snakemake_executor_plugin_batchx.detached.state import State, pack_state
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.detached import (
    EXIT_LEFT,
    choose_exit_code,
    make_head_folder,
    open_store,
)
from snakemake_executor_plugin_batchx.job.lease import EXIT_LEASE_LOST, LeaseLostError
from snakemake_executor_plugin_batchx.journal import STATE_DIR
from snakemake_executor_plugin_batchx.spec import encode
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.refusals import StorageError

PLACE = Place(f"root/.batchx/detached/test-{os.getpid()}")


class TroubledStore(MemoryStore):
    """A store that is out of reach for some keys, in reading or writing."""

    def __init__(self) -> None:
        super().__init__()
        self.out_of_reach: set[str] = set()
        self.at_creation: Callable[[int], object] = lambda _: None
        self._creations = 0

    def has_object(self, key: str) -> bool:
        self._reach(key)
        return super().has_object(key)

    def create_bytes(self, key: str, data: bytes) -> bool:
        self._creations += 1
        self.at_creation(self._creations)
        return super().create_bytes(key, data)

    def write_bytes(self, key: str, data: bytes) -> None:
        self._reach(key)
        super().write_bytes(key, data)

    def delete_objects(self, keys: list[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)

    def _reach(self, key: str) -> None:
        if key in self.out_of_reach:
            raise StorageError("S3 is out of reach.")


@pytest.fixture
def store() -> Iterator[TroubledStore]:
    """A run whose Snakemake only tells its version."""
    store = TroubledStore()
    order = make_order(PLACE.prefix.rpartition("/")[2], "--version")
    begin_record(store, PLACE.record_prefix, pack_state(State((), {}, {})))
    store.write_bytes(PLACE.order_key, json.dumps(encode(order)).encode())
    yield store
    shutil.rmtree(make_head_folder(order.detached_id), ignore_errors=True)


def make_head(
    store: MemoryStore, attempt: int = 1, sleep: Callable[[float], object] = lambda _: None
) -> HeadRun:
    root = S3Root("memory", "root/.batchx")
    times = itertools.count(0.0, 100.0)
    gateway = cast(S3Gateway, store)
    world = World(gateway, root, "job", attempt, os.environ, lambda: next(times), sleep)
    return HeadRun(world, PLACE)


def test_a_run_whose_end_could_not_be_written_is_ended_by_the_next_head(
    store: TroubledStore,
) -> None:
    head = make_head(store)
    store.out_of_reach = {PLACE.end_key}
    assert head.run() == EXIT_LEFT
    store.out_of_reach = set()
    assert make_head(store, 2).run() == 0
    end = json.loads(store.objects[PLACE.end_key])
    assert end["exit_code"] == 0


def test_a_host_that_goes_away_after_snakemake_makes_no_run_cancelled(
    store: TroubledStore,
) -> None:
    head = make_head(store)

    def look(creations: int) -> None:
        head.is_asked_to_end = creations == 3  # after the claim and the first state: the last one

    store.at_creation = look
    assert head.run() == 0
    assert json.loads(store.objects[PLACE.end_key])["is_cancelled"] is False


def test_a_checkpoint_that_the_disk_refuses_ends_no_head(
    store: TroubledStore, capfd: pytest.CaptureFixture[str]
) -> None:
    beats = itertools.count()
    work_dir = make_head_folder(PLACE.prefix.rpartition("/")[2]) / TOP / "flow"
    in_the_way = work_dir / STATE_DIR / "unreadable.jsonl"

    def beat(_: float) -> None:
        match next(beats):
            case 0:
                in_the_way.mkdir()
            case 1:
                in_the_way.rmdir()

    assert make_head(store, sleep=beat).run() == 0
    assert "no checkpoint this time: [Errno 21]" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (StorageError("out of reach"), EXIT_LEFT),
        (StorageError("too many", "SlowDown"), EXIT_LEFT),
        (StorageError("no", "AccessDenied"), 1),
        (StorageError("gone", "NoSuchKey"), 1),
        (BatchxError("damaged"), EXIT_LEFT),
        (LeaseLostError("another"), EXIT_LEASE_LOST),
    ],
)
def test_a_head_that_cannot_begin_is_started_again_where_that_may_help(
    error: BatchxError, exit_code: int
) -> None:
    assert choose_exit_code(error) == exit_code


def test_what_a_head_lacks_is_said_of_its_own_policy() -> None:
    store = open_store("eu-west-1", "s3://bucket/root/.batchx/detached/run", "")
    denied = store.explain("PutObject", "key", {"Code": "AccessDenied"})
    assert "batchx policy head" in str(denied)
