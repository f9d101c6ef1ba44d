"""What parsing read, in a process of its own: an audit hook stays for a process's life."""

import json
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import json, os, sys
from snakemake_executor_plugin_batchx.workflow import parse_audit
open("before.txt").read()
parse_audit.start_recording()
open("read.txt").read()
open(b"bytes.txt").read()
open("written.txt", "w").write("x")
os.open("low.txt", os.O_RDONLY)
import helper
opened = parse_audit.stop_recording()
open("after.txt").read()
parse_audit.start_recording()
open("again.txt").read()
again = parse_audit.stop_recording()
here = os.getcwd()
def tell(paths):
    return sorted(os.path.relpath(p) for p in paths if p.startswith(here) and p[-4:] != ".pyc")
print(json.dumps([tell(opened), tell(again)]))
"""


def test_only_files_read_while_recording_are_noted(tmp_path: Path) -> None:
    for name in ("before", "read", "bytes", "low", "after", "again"):
        (tmp_path / f"{name}.txt").write_text(name)
    (tmp_path / "helper.py").write_text("VALUE = 1\n")
    command = [sys.executable, "-B", "-c", PROGRAM]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    first, second = json.loads(done.stdout)
    assert first == ["bytes.txt", "helper.py", "low.txt", "read.txt"]
    assert second == ["again.txt"]
