"""What the executor tells Snakemake, beyond what real runs show (tests/e2e)."""

import asyncio
from types import SimpleNamespace

from snakemake_executor_plugin_batchx.executor import BEAT_SECONDS, Executor


def test_the_first_check_already_sets_the_pace() -> None:
    """Snakemake's thread may check before `__post_init__` has ended, and then sleeps as told.

    Ten seconds if it is told nothing: that is what every short run took.
    """
    executor = Executor.__new__(Executor)
    executor.workflow = SimpleNamespace(scheduler=None)

    async def check() -> list[object]:
        return [job async for job in executor.check_active_jobs([])]

    assert asyncio.run(check()) == []
    assert executor.next_seconds_between_status_checks == BEAT_SECONDS
