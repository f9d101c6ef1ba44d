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
opened = parse_audit.stop_recording().opened
open("after.txt").read()
parse_audit.start_recording()
open("again.txt").read()
again = parse_audit.stop_recording().opened
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


LISTING_PROGRAM = """
import glob, importlib, importlib.metadata, json, os, pkgutil, sys
from pathlib import Path
from snakemake.io import glob_wildcards
from snakemake.utils import listfiles
from snakemake_executor_plugin_batchx.workflow import parse_audit
here = os.getcwd()
os.listdir("before")
parse_audit.start_recording()
os.listdir("listdir")
os.listdir(b"bytes")
list(os.scandir("scandir"))
list(os.walk("walk"))
glob.glob("glob/*.txt")
list(Path("iterdir").iterdir())
list(Path("rglob").rglob("*.txt"))
glob_wildcards("wildcards/{x}.txt")
list(listfiles("files/{x}.txt"))
os.listdir(os.path.join(here, "absolute"))
os.path.isdir("nothing") or os.path.exists("nothing")
os.listdir(os.open("descriptor", os.O_RDONLY))
sys.path.insert(0, "imports")
importlib.invalidate_caches()
try:
    import no_such_module
except ImportError:
    pass
list(pkgutil.iter_modules(["imports"]))
list(importlib.metadata.distributions(path=["imports"]))
record = parse_audit.stop_recording()
os.listdir("after")
inside = {f: n for f, n in record.listed.items() if f.startswith(here + os.sep)}
print(json.dumps({os.path.relpath(f): n for f, n in inside.items()}))
print(json.dumps([os.path.relpath(f) for f in record.listed_absolutely if f.startswith(here)]))
"""

LISTED = ("listdir", "bytes", "scandir", "walk", "glob", "iterdir", "rglob", "wildcards", "files")


def test_folders_that_the_workflow_lists_are_noted(tmp_path: Path) -> None:
    for name in (*LISTED, "absolute", "before", "after", "descriptor", "imports"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "x.txt").write_text("x")
    command = [sys.executable, "-c", LISTING_PROGRAM]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    listed, absolutely = map(json.loads, done.stdout.splitlines())
    walked = {f"{name}/deep" for name in ("walk", "rglob", "wildcards", "files")}
    assert listed.keys() == {*LISTED, "absolute", *walked}
    assert listed["listdir"] == [["deep", True], ["x.txt", False]]
    assert absolutely == ["absolute"]


INVENTORY_PROGRAM = """
import asyncio, json, os
from snakemake.io import IOCache, IOFile
from snakemake_executor_plugin_batchx.workflow import parse_audit
parse_audit.start_recording()
asyncio.run(IOFile("data/x.txt")._local_inventory(IOCache(10)))
print(json.dumps(sorted(map(os.path.relpath, parse_audit.stop_recording().listed))))
"""


def test_folders_that_snakemake_lists_for_itself_are_not(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    command = [sys.executable, "-c", INVENTORY_PROGRAM]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
