"""Packages of the workflow in an archive, and imported from it."""

import subprocess
import sys
from pathlib import Path

from snakemake_executor_plugin_batchx.storage.packages import is_importable, pack_packages

PROGRAM = """
import sys
from pathlib import Path
from snakemake_executor_plugin_batchx.storage.packages import add_packages, is_importable
assert not is_importable("labtools")
add_packages(Path(sys.argv[1]), Path(sys.argv[2]))
assert is_importable("labtools")
import labtools.deep
from importlib import metadata
print(labtools.deep.X, metadata.version("labtools"), sys.path[-1] == sys.argv[2])
"""


def test_an_archive_can_be_imported_from(tmp_path: Path) -> None:
    texts = {
        "labtools/__init__.py": "",
        "labtools/deep.py": "X = 1\n",
        "labtools-3.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: labtools\nVersion: 3.0\n",
    }
    for name, text in texts.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    archive = tmp_path / "packages.tar.gz"
    pack_packages([(name, str(tmp_path / "site" / name)) for name in texts], archive)
    command = [sys.executable, "-c", PROGRAM, str(archive), str(tmp_path / "unpacked")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "1 3.0 True\n"


def test_modules_that_are_there_and_not(tmp_path: Path) -> None:
    assert is_importable("json")
    assert is_importable("__main__")
    assert not is_importable("no_such_module_anywhere")
