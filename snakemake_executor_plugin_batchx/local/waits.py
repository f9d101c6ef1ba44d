"""Waiting for events of an event loop."""

from __future__ import annotations

import asyncio


async def wait_for_any(*events: asyncio.Event) -> None:
    """Returns when one of them is set."""
    waits = [asyncio.create_task(each.wait()) for each in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def wait_briefly(event: asyncio.Event, seconds: float) -> None:
    """Returns when it is set, or the time is over."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return
