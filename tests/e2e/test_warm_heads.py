"""A forked head finds itself as one that was started, and ends as that does."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from runs import Run, run_command
from warm_heads import WarmHeads

TELL = """
import atexit, json, os, signal, sys, threading
told = {
    "argv": sys.argv[1:],
    "main": sys.argv[0],
    "folder": os.getcwd(),
    "path": sys.path,
    "environment": dict(os.environ),
    "signals": [str(signal.getsignal(number)) for number in signal.Signals],
    "input": os.readlink("/proc/self/fd/0"),
    "inherited": [fd for fd in map(int, os.listdir("/proc/self/fd"))
                  if os.path.exists(f"/proc/self/fd/{fd}") and os.get_inheritable(fd)],
    "threads": threading.active_count(),
    "streams": [(each.encoding, each.errors, each.line_buffering, each.isatty())
                for each in (sys.stdin, sys.stdout, sys.stderr)],
    "modules": sorted(sys.modules),
}
print("TOLD", json.dumps(told))
atexit.register(print, "at the end")
"""

ENDINGS = {
    "an error of the workflow": ("raise ValueError('spoilt')", []),
    "an exit": ("sys.exit('said at the end')", []),
    "an exit with a number": ("sys.exit(7)", []),
    "a wrong option": ("", ["--no-such-option"]),
    "a signal": ("os.kill(os.getpid(), signal.SIGTERM)", []),
}


def read_told(run: Run) -> dict[str, Any]:
    (line,) = (line for line in run.output.splitlines() if line.startswith("TOLD "))
    told: dict[str, Any] = json.loads(line.removeprefix("TOLD "))
    return told


@pytest.mark.parametrize("name", ENDINGS)
def test_same_as_a_new_process(heads: WarmHeads, tmp_path: Path, name: str) -> None:
    code, options = ENDINGS[name]
    (tmp_path / "Snakefile").write_text(TELL + code + "\nrule all:\n    output: touch('a')\n")
    variables = {"HOME": str(tmp_path), "SOME": "a b\n'\"", "EMPTY": ""}
    args = ["--cores", "1", "--dry-run", "--quiet", "all", *options]
    new = run_command([sys.executable, "-m", "snakemake", *args], tmp_path, variables, 100)
    forked = heads.run(args, tmp_path, variables, 100)
    assert forked.exit_code == new.exit_code, forked.output
    assert ("at the end" in forked.output) == ("at the end" in new.output)
    assert ("Traceback" in forked.output) == ("Traceback" in new.output)
    if not options:
        told = read_told(new)
        assert read_told(forked) == {**told, "modules": sorted({*told["modules"], "gc"})}


def test_a_head_that_takes_too_long_is_killed(heads: WarmHeads, tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text("import signal\nsignal.pause()\n")
    with pytest.raises(subprocess.TimeoutExpired):
        heads.run(["--cores", "1"], tmp_path, {}, 1)
    (tmp_path / "Snakefile").write_text("rule all:\n    output: touch('a')\n")
    assert heads.run(["--cores", "1", "--quiet"], tmp_path, {}, 100).exit_code == 0
