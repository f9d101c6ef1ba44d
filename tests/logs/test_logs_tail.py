"""The end of a job's output."""

import pytest

from snakemake_executor_plugin_batchx.logs.tail import LINE_CHARACTERS, TAIL_LINES, cut_tail


def test_the_last_lines_are_indented_and_blank_ones_left_out() -> None:
    lines = cut_tail("\n".join(f"line {number}" for number in range(100)) + "\n\n").splitlines()
    assert len(lines) == TAIL_LINES
    assert lines[-1] == "    line 99"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1 %\r50 %\r100 %\ndone", ["100 %", "done"]),
        ("1 %\r50 %\r100 %\r\ndone\r\n", ["100 %", "done"]),
        ("\x1b[32mgreen\x1b[0m and \x1b]0;title\x07plain\x07", ["green and plain"]),
        ("a\tb", ["a\tb"]),
        ("x" * 1000, ["x" * LINE_CHARACTERS + " …"]),
        ("one\n\ntwo", ["one", "", "two"]),
    ],
    ids=["progress bar", "carriage returns", "colours", "tabs", "long line", "blank line"],
)
def test_lines_are_shown_as_a_terminal_does_in_the_end(text: str, shown: list[str]) -> None:
    assert cut_tail(text) == "\n".join(f"    {line}" for line in shown)


def test_a_progress_bar_is_one_line() -> None:
    bar = "".join(f"[{percent}%]\r" for percent in range(200))
    assert cut_tail(f"an error\n{bar}\n") == "    an error\n    [199%]"
