"""Ctrl-C, also where asyncio would swallow it."""

import asyncio
import os
import signal
from collections.abc import Iterator

import pytest

from snakemake_executor_plugin_batchx.interrupts import InterruptGuard


@pytest.fixture
def reminders() -> list[str]:
    return []


@pytest.fixture
def guard(reminders: list[str]) -> Iterator[InterruptGuard]:
    guard = InterruptGuard(lambda: reminders.append("wait"))
    guard.install()
    yield guard
    guard.restore()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


async def interrupt_and_end() -> str:
    os.kill(os.getpid(), signal.SIGINT)
    return "ended"


def test_asyncio_loses_an_interrupt_without_the_guard() -> None:
    with asyncio.Runner() as runner:
        assert runner.run(interrupt_and_end()) == "ended"


@pytest.mark.usefixtures("guard")
def test_the_guard_does_not() -> None:
    with asyncio.Runner() as runner, pytest.raises(KeyboardInterrupt):
        runner.run(interrupt_and_end())


def test_a_second_interrupt_is_only_answered(guard: InterruptGuard, reminders: list[str]) -> None:
    guard.hold()
    os.kill(os.getpid(), signal.SIGINT)
    assert reminders == ["wait"]


def test_a_foreign_handler_stays() -> None:
    def foreign(*_: object) -> None: ...

    before = signal.signal(signal.SIGINT, foreign)
    try:
        guard = InterruptGuard(lambda: None)
        guard.install()
        guard.restore()
        assert signal.getsignal(signal.SIGINT) is foreign
    finally:
        signal.signal(signal.SIGINT, before)
