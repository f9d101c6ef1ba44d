"""The image's tools see the image's environment, not what Python made of it."""

import os
import subprocess
import sys

import pytest

from snakemake_executor_plugin_batchx.job.own_environment import undo_coercion

ASK = """
import os
from snakemake_executor_plugin_batchx.job.own_environment import read_start, undo_coercion
before = os.environ.get("LC_CTYPE")
undo_coercion(os.environ, read_start())
os.system("echo " + str(before) + " ${LC_CTYPE-unset}")
"""


@pytest.mark.parametrize(
    ("at_start", "left"),
    [
        (b"PATH=/bin\0", {"PATH": "/bin"}),
        (b"PATH=/bin\0LC_CTYPE=C.UTF-8\0", {"PATH": "/bin", "LC_CTYPE": "C.UTF-8"}),
        (b"X=LC_CTYPE=1\0", {"PATH": "/bin"}),
    ],
)
def test_only_what_python_set_goes(at_start: bytes, left: dict[str, str]) -> None:
    environment = {"PATH": "/bin", "LC_CTYPE": "C.UTF-8"}
    undo_coercion(environment, at_start)
    assert environment == left


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing tells how a process began")
@pytest.mark.parametrize(("given", "seen"), [({}, "unset"), ({"LC_CTYPE": "C.UTF-8"}, "C.UTF-8")])
def test_in_a_process(given: dict[str, str], seen: str) -> None:
    environment = {"PATH": os.environ["PATH"], "LANG": "C", **given}
    command = [sys.executable, "-I", "-X", "utf8", "-c", ASK]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    before, after = done.stdout.split()
    assert before in {"C.UTF-8", "C.utf8", "UTF-8", "None"}
    assert after == seen
