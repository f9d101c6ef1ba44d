"""Jobs of earlier runs are told of by kind, not one by one."""

from test_inflight import DESCRIPTION

from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.left_teller import LeftTeller


def test_a_line_for_one_a_line_for_many_and_each_once() -> None:
    teller = LeftTeller()
    assert teller.take_lines() == []
    for number in range(3):
        teller.note("taken up", TrackedJob(str(number), DESCRIPTION, f"id-{number}"))
    teller.note("anew", TrackedJob("3", DESCRIPTION, "id-3"))
    assert teller.take_lines() == [
        "batchx: 3 jobs were submitted by an earlier run, Rule map as Batch job id-0 and so on; "
        "they are taken up.",
        "batchx: Rule map: Batch job id-3 of an earlier run was ended, failed or left no result; "
        "its work is submitted anew.",
    ]
    assert teller.take_lines() == []
