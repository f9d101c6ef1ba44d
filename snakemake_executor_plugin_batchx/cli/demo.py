"""`batchx demo`: a real workflow on the embedded Batch, on this machine, without AWS or Docker."""

import argparse
import importlib.util
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

from snakemake_executor_plugin_batchx.errors import BatchxError

EXAMPLE = "outbreak"
DEFAULT_FOLDER = "batchx-demo"
PICTURE = Path("results", "outbreak.svg")
TABLES = (Path("results", "clock.tsv"), Path("results", "regions.tsv"))
UNCOPIED = shutil.ignore_patterns("results", "logs", "benchmarks", ".snakemake", ".gitignore")

SNAKEMAKE_ARGUMENTS = (
    *("--executor", "batchx", "--batchx-job-queue", "local"),
    # Its rules need this Python alone, and no images.
    *("--batchx-local-runner", "process", "--jobs", "4"),
)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the `batchx` parser."""
    parser = subparsers.add_parser(
        "demo",
        help="run a real workflow on the embedded Batch, on this machine",
        description="Copy the example workflow (the 2009 influenza pandemic from 433 sequenced "
        "viruses) to DIR and run it on the embedded Batch: no AWS account and no Docker needed. "
        "Run it again to see that nothing is left to do; remove a result to see what is.",
    )
    parser.add_argument(
        "folder",
        metavar="DIR",
        nargs="?",
        type=Path,
        default=Path(DEFAULT_FOLDER),
        help=f"where to put the workflow and its results (default: {DEFAULT_FOLDER})",
    )
    parser.set_defaults(run=run_demo)


def run_demo(args: argparse.Namespace) -> int:
    """Copy the example unless it is there, run Snakemake in it, show where the results are."""
    for module, extra in (("moto", "local"), ("snakemake", "")):
        if importlib.util.find_spec(module) is None:
            package = "snakemake-executor-plugin-batchx" + (f"[{extra}]" if extra else "")
            raise BatchxError(f"The demo needs {module}: pip install '{package}'.")
    folder: Path = args.folder
    copy_example(find_example(), folder)
    command = [sys.executable, "-m", "snakemake", *SNAKEMAKE_ARGUMENTS]
    shown = shlex.join([find_snakemake(), *SNAKEMAKE_ARGUMENTS])
    print(f"batchx demo: in {folder}, this runs\n\n    {shown}\n")
    earlier = set(_list_journals(folder))
    exit_code = run_in(folder, command)
    if exit_code == 0:
        _show_results(folder, print)
        print(f"To go on from there: cd {shlex.quote(str(folder))} && {shown}")
        print("\nbatchx demo: " + _tell_summary(set(_list_journals(folder)) - earlier))
    return exit_code


def find_example() -> Path:
    """Return the example's folder: inside an installed package, or beside it in a checkout."""
    package = Path(str(files("snakemake_executor_plugin_batchx")))
    for parent in (package, package.parent):
        folder = parent / "examples" / EXAMPLE
        if (folder / "Snakefile").is_file():
            return folder
    raise BatchxError("The example workflow is not in this installation: install batchx again.")


def copy_example(source: Path, folder: Path) -> None:
    """Copy the example to `folder`, unless it stands there already.

    Raises BatchxError where the folder holds something else.
    """
    try:
        if _is_example(folder, source):
            return
        if folder.exists() and any(folder.iterdir()):
            raise BatchxError(
                f"{folder} is not empty and holds another thing than the demo: name another folder."
            )
        shutil.copytree(source, folder, ignore=UNCOPIED, dirs_exist_ok=True)
    except OSError as error:
        raise BatchxError(f"The demo cannot be put into {folder}: {error.strerror}.") from error


def _is_example(folder: Path, source: Path) -> bool:
    """Tell by its Snakefile's first line, for the user may change the rest."""
    theirs, ours = folder / "Snakefile", source / "Snakefile"
    if not theirs.is_file():
        return False
    return theirs.read_text("utf-8").splitlines()[:1] == ours.read_text("utf-8").splitlines()[:1]


def run_in(folder: Path, command: Sequence[str]) -> int:
    """Run a command in a folder, its output going where ours goes; return its exit code.

    Without the settings of the user's own Snakemake, which are not meant for the demo. Ctrl-C
    reaches the command, too: it ends its jobs, and we wait for that.
    """
    sys.stdout.flush()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SNAKEMAKE_")}
    process = subprocess.Popen(command, cwd=folder, env={**kept, "PYTHONUNBUFFERED": "1"})
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return process.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def find_snakemake() -> str:
    """Return the path of the `snakemake` that belongs to this Python, as a user can type it."""
    beside = Path(sys.executable).with_name("snakemake")
    return str(beside) if beside.is_file() else "snakemake"


def _list_journals(folder: Path) -> list[Path]:
    return sorted((folder / ".snakemake" / "batchx").glob("*.jsonl"))


def _tell_summary(journals: set[Path]) -> str:
    """Return what the run took, from the last line of the journal that it wrote."""
    if not journals:
        return "nothing to be done: all results are there. Remove one and run this again."
    (journal,) = journals
    end = json.loads(journal.read_text(encoding="utf-8").splitlines()[-1])
    return (
        f"{end['jobs']} jobs, {end['definitions']} job definitions, {end['api_calls']} Batch API "
        f"calls, {end['seconds']:.0f} s"
    )


def _show_results(folder: Path, show: Callable[[str], object]) -> None:
    for table in TABLES:
        show(f"\n{folder / table}:\n" + (folder / table).read_text().rstrip())
    show(f"\nThe picture: {folder / PICTURE}")
