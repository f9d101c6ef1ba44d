"""`batchx demo`, from the folder it makes to the second run that has nothing to do."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.cli import main
from snakemake_executor_plugin_batchx.cli.demo import copy_example, find_example
from snakemake_executor_plugin_batchx.errors import BatchxError


@pytest.mark.slow
def test_demo_runs_and_has_nothing_to_do_the_second_time(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo here"
    started = time.monotonic()
    assert main(["demo", str(folder)]) == 0
    first = capfd.readouterr()
    output = first.out + first.err
    assert "/snakemake --executor batchx --batchx-job-queue local " in output
    assert " --batchx-local-runner process --jobs 4\n" in output
    assert first.out.splitlines()[-1].startswith("batchx demo: 16 jobs, 6 job definitions, ")
    assert "new_york" in output or "newyork" in output
    assert (folder / "results" / "outbreak.svg").is_file()
    assert time.monotonic() - started < 180

    assert main(["demo", str(folder)]) == 0
    second = capfd.readouterr()
    assert "Nothing to be done" in second.out + second.err
    assert second.out.splitlines()[-1].startswith("batchx demo: nothing to be done")

    (folder / "results" / "outbreak.svg").unlink()
    assert main(["demo", str(folder)]) == 0
    third = capfd.readouterr()
    assert "jobs submitted: 1, job definitions registered: 1" in third.out + third.err


def test_demo_does_not_touch_a_folder_with_something_else(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(BatchxError, match="is not empty"):
        copy_example(find_example(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_the_user_can_mend_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    assert main(["demo", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"batchx: {tmp_path} is not empty")


@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["demo", "--help"]])
def test_help(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(argv)
    assert ending.value.code == 0
    assert "batchx" in capsys.readouterr().out


@pytest.mark.slow
def test_an_interrupted_demo_ends_its_jobs_and_can_be_run_again(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; from snakemake_executor_plugin_batchx.cli import ",
    ]
    command[-1] += "main; sys.exit(main())"
    process = subprocess.Popen(
        [*command, "demo", "here"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    output = ""
    for line in process.stdout:
        output += line
        if "is Batch job" in line:
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all in the foreground
    output += process.communicate(timeout=120)[0]
    assert process.returncode == 1
    assert "Traceback" not in output
    again = subprocess.run(
        [*command, "demo", "here"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stdout + again.stderr


def test_a_workflow_that_is_not_the_demo_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text("rule mine:\n    shell: 'echo'\n")
    with pytest.raises(BatchxError, match="holds another thing"):
        copy_example(find_example(), tmp_path)


def test_a_folder_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BatchxError, match="cannot be put into"):
        copy_example(find_example(), tmp_path / "file")
