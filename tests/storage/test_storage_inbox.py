"""Calls from other threads: in their order, and one wake-up for many."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.storage.inbox import Inbox


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often other threads woke it."""

    wakes = 0

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, **told: Any
    ) -> asyncio.Handle:
        self.wakes += 1
        return super().call_soon_threadsafe(callback, *args, **told)


@pytest.mark.parametrize("count", [1, 5_000])
def test_many_posts_wake_once(count: int) -> None:
    loop = CountingLoop()
    inbox = Inbox(loop)
    made: list[int] = []
    poster = threading.Thread(target=lambda: [inbox.post(made.append, n) for n in range(count)])
    poster.start()
    poster.join()
    assert loop.wakes == 1
    for calls in (range(count), range(count + 1)):  # the second time woken anew
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert made == list(calls)
        inbox.post(made.append, count)
    assert loop.wakes == 3
    loop.close()


def test_a_call_may_post_another() -> None:
    loop = CountingLoop()
    inbox = Inbox(loop)
    inbox.post(inbox.post, loop.stop)
    loop.run_forever()
    assert loop.wakes <= 2
    loop.close()


def test_a_closed_loop_is_told() -> None:
    loop = CountingLoop()
    loop.close()
    inbox = Inbox(loop)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            inbox.post(bool)


def test_none_is_lost_between_threads() -> None:
    loop = CountingLoop()
    inbox = Inbox(loop)
    made: dict[int, list[int]] = {number: [] for number in range(4)}

    def note(thread: int, call: int) -> None:
        made[thread].append(call)
        if all(len(calls) == 1_000 for calls in made.values()):
            loop.stop()

    def post_all(thread: int) -> None:
        for call in range(1_000):
            inbox.post(note, thread, call)

    threads = [threading.Thread(target=post_all, args=(number,)) for number in made]
    for thread in threads:
        thread.start()
    loop.run_forever()
    for thread in threads:
        thread.join()
    loop.close()
    assert list(made.values()) == [list(range(1_000))] * 4
