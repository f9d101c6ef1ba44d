import pytest

from snakemake_executor_plugin_batchx.local.log_sink import LONGEST_MESSAGE_BYTES, LineSplitter


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([b"a\nb\n"], ["a", "b"]),
        ([b"a", b"b\nc", b"d"], ["ab", "cd"]),
        ([b"a\r\n"], ["a"]),
        ([b"a\n\nb\n"], ["a", " ", "b"]),
        ([b"\xff\xfe\n"], ["\N{REPLACEMENT CHARACTER}" * 2]),
        ([b"\xc3", b"\xa9\n"], ["é"]),
        ([b""], []),
    ],
)
def test_lines_come_whole_however_they_arrive(pieces: list[bytes], expected: list[str]) -> None:
    splitter = LineSplitter()
    messages = [message for piece in pieces for message in splitter.feed(piece)]
    assert messages + splitter.finish() == expected


def test_a_line_that_never_ends_is_cut() -> None:
    splitter = LineSplitter()
    messages = splitter.feed(b"x" * (2 * LONGEST_MESSAGE_BYTES + 5))
    assert [len(message) for message in messages] == [LONGEST_MESSAGE_BYTES] * 2
    assert splitter.finish() == ["xxxxx"]
