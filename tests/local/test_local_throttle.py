import pytest

from snakemake_executor_plugin_batchx.local.errors import ThrottledError
from snakemake_executor_plugin_batchx.local.limits import CALLS_BURST, CALLS_PER_SECOND
from snakemake_executor_plugin_batchx.local.throttle import Throttle


def test_fifty_calls_a_second_pass_after_the_burst() -> None:
    now = [0.0]
    throttle = Throttle(lambda: now[0])
    for _ in range(CALLS_BURST):
        throttle.take()
    with pytest.raises(ThrottledError):
        throttle.take()
    now[0] += 1
    for _ in range(CALLS_PER_SECOND):
        throttle.take()
    with pytest.raises(ThrottledError):
        throttle.take()
