"""Usages read from results in S3, those that can be had."""

from collections.abc import Mapping, Sequence

from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.packets import make_packet
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.usages import MOST_MISSING, FoundUsages, read_usages

USAGE = {"wall_seconds": 1.0}
PACKET = make_packet({"usage": USAGE}, [])


def read_nothing(_keys: Sequence[str]) -> Mapping[str, bytes]:
    return {}


def test_what_the_bulk_brings_is_not_asked_for_again() -> None:
    store = MemoryStore()
    store.write_bytes("b", PACKET)
    found = read_usages(lambda _: {"a": PACKET, "c": b"rubbish"}, store.read_bytes, ["a", "b", "c"])
    assert found.usages == {"a": USAGE, "b": USAGE}
    assert "not in S3" in found.problem


def test_all_there() -> None:
    assert read_usages(lambda _: {"a": PACKET}, MemoryStore().read_bytes, ["a"]) == FoundUsages(
        {"a": USAGE}
    )


def test_of_many_that_are_gone_few_are_asked_for() -> None:
    asked: list[str] = []

    def miss(key: str) -> bytes:
        asked.append(key)
        raise StorageError("gone", "NoSuchKey")

    found = read_usages(read_nothing, miss, [str(number) for number in range(1000)])
    assert (found.usages, len(asked)) == ({}, MOST_MISSING)


def test_a_refusal_ends_it_and_is_told() -> None:
    def refuse(_key: str) -> bytes:
        raise StorageError("The bucket is in another region.", "PermanentRedirect")

    found = read_usages(read_nothing, refuse, ["a", "b"])
    assert found == FoundUsages({}, "The bucket is in another region.")
