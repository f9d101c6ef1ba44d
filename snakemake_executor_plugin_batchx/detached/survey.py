"""A look at the workflow before anything is sent: it is parsed once, in a process of its own.

That tells what the head's Python must be able to import, what is read from other folders, and
whether Snakemake understands the workflow at all.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.detached.order import add_options
from snakemake_executor_plugin_batchx.errors import BatchxError

SUFFIXES = (".smk", ".yaml", ".yml", ".json", ".toml", ".tsv", ".csv", ".txt", ".py")
SNAKEFILE = "Snakefile"
"""How files end that parsing reads as part of a workflow."""

INSTALLED = ("/site-packages/", "/dist-packages/", "/.cache/", "/snakemake/source-cache/")
"""Parts of paths of what is not the workflow's own; XDG_CACHE_HOME may have Snakemake's cache."""


@dataclass(frozen=True)
class Parsed:
    """What parsing showed.

    `imported` are files of packages that no head has by itself, as names below sys.path and paths
    here; `read` are absolute paths of files that belong to the workflow.
    """

    imported: tuple[tuple[str, str], ...]
    read: tuple[str, ...]


def survey_workflow(arguments: Sequence[str], folder: str) -> Parsed:
    """Parse the workflow that Snakemake's arguments name, in the folder where it would start.

    Raises BatchxError where Snakemake cannot; what it says of that goes to standard error.
    """
    with tempfile.TemporaryDirectory(prefix="batchx-survey-") as scratch:
        told = Path(scratch, "told.json")
        words = add_options(arguments, ["--list-rules"])
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__, str(told), *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode or not told.exists():
            sys.stderr.write(done.stdout + done.stderr)
            raise BatchxError("Snakemake cannot read the workflow: mend what it says above.")
        values = json.loads(told.read_text(encoding="utf-8"))
    imported = tuple((name, path) for name, path in values["imported"])
    return Parsed(imported, tuple(values["read"]))


def select_read(opened: Iterable[str]) -> Iterator[str]:
    """Yield those of the files opened while parsing that belong to the workflow."""
    python = tuple(f"{os.path.realpath(each)}/" for each in (sys.prefix, sys.base_prefix))
    for path in sorted(opened):
        is_workflows = path.endswith(SUFFIXES) or os.path.basename(path) == SNAKEFILE
        is_installed = path.startswith(python) or any(part in path for part in INSTALLED)
        if is_workflows and not is_installed and os.path.isfile(path):
            yield path


def main(argv: Sequence[str]) -> int:
    """Parse, and write what that showed to the path that comes first; return the exit code."""
    from snakemake import cli  # noqa: PLC0415

    from snakemake_executor_plugin_batchx.workflow import parse_audit  # noqa: PLC0415
    from snakemake_executor_plugin_batchx.workflow.imported import (  # noqa: PLC0415
        find_imported_beside,
    )

    told, *arguments = argv
    try:
        cli.main(arguments)
    except SystemExit as ending:
        if ending.code:
            return 1
    record = parse_audit.stop_recording()
    read = list(select_read(record.opened))
    snakefiles = [path for path in read if path.endswith((".smk", SNAKEFILE))]
    imported = find_imported_beside(snakefiles, {}, record)
    values = {"imported": imported.files, "read": read}
    Path(told).write_text(json.dumps(values), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
