"""`batchx` whose output nobody reads any longer, as in `batchx … | head -1`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

MAIN = "import sys; from snakemake_executor_plugin_batchx.cli import main; sys.exit(main())"


def run_unread(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Run the command with a closed pipe for its output; return exit code and standard error."""
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    known = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    try:
        ended = subprocess.run(
            [sys.executable, "-c", MAIN, *arguments],
            env={**known, "XDG_CACHE_HOME": str(folder), **environment},
            stdin=subprocess.DEVNULL,
            stdout=writing_end,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writing_end)
    return ended.returncode, ended.stderr


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (("runtime", "show"), {}),
        (("runtime", "show"), {"PYTHONUNBUFFERED": "1"}),
        (("jobs", "--help"), {}),
    ],
)
def test_a_command_ends_as_one_that_sigpipe_ends_and_says_nothing(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    # With a buffer it shows at the end only, without one at the first line.
    assert run_unread(tmp_path, *arguments, **environment) == (141, "")
