"""The stand-in for apptainer, under the shells that images have."""

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tools import need_program

from snakemake_executor_plugin_batchx.job.image import (
    STAND_IN,
    ImageError,
    add_stand_in,
    deploy_in_image,
    find_python_problem,
    require_shell,
)

SHELLS = [["bash"], ["dash"], ["busybox", "sh"]]


@pytest.fixture(params=SHELLS, ids=" ".join)
def shell(request: pytest.FixtureRequest) -> list[str]:
    command: list[str] = request.param
    need_program(command[0])
    return command


def call(
    shell: list[str], *arguments: str, cwd: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere", **variables}
    add_stand_in(environment)
    command = [*shell, str(STAND_IN / "apptainer"), *arguments]
    return subprocess.run(
        command, check=False, cwd=cwd, env=environment, capture_output=True, text=True
    )


def test_a_command_runs_in_place(shell: list[str], tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    options = ["--home", str(tmp_path), "--nv", "--pwd", str(tmp_path / "inner")]
    script = 'echo "$HOME $PWD"; echo "$0 $1" >&2; exit 7'
    done = call(
        shell, "--quiet", "exec", *options, "i.simg", "sh", "-c", script, "a b", "c", cwd=tmp_path
    )
    assert done.returncode == 7
    assert done.stdout == f"{tmp_path} {tmp_path}/inner\n"
    assert done.stderr == "a b c\n"


def test_the_path_is_the_images_with_a_python_behind(shell: list[str], tmp_path: Path) -> None:
    done = call(shell, "exec", "i.simg", "sh", "-c", 'echo "$PATH"', cwd=tmp_path)
    assert done.stdout == f"{os.environ['PATH']}:{STAND_IN}/fallback\n"


def test_what_the_workflow_did_to_the_path_stays(shell: list[str], tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"]}
    add_stand_in(environment)
    path = f"/mine:{environment['PATH']}"
    command = [*shell, str(STAND_IN / "apptainer"), "exec", "i.simg", "sh", "-c", 'echo "$PATH"']
    done = subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=True)
    assert done.stdout == f"/mine:{os.environ['PATH']}:{STAND_IN}/fallback\n"


def test_variables_for_the_container_arrive(shell: list[str], tmp_path: Path) -> None:
    variables = {"SINGULARITYENV_A": 'it\'s "1"\n$2', "APPTAINERENV_B": "", "C": "c=d"}
    script = 'printf "%s|%s|%s|%s" "$A" "${B-unset}" "$C" "${SINGULARITYENV_A-unset}"'
    done = call(
        shell, "exec", "--env", "D=e", "i.simg", "sh", "-c", script, cwd=tmp_path, **variables
    )
    assert done.stdout == 'it\'s "1"\n$2||c=d|unset'


def test_the_images_preload_is_back_for_its_tools(shell: list[str], tmp_path: Path) -> None:
    done = call(
        shell,
        *("exec", "i.simg", "env"),
        cwd=tmp_path,
        LD_PRELOAD="",
        BATCHX_IMAGE_LD_PRELOAD="/no/such.so",
    )
    assert "LD_PRELOAD=/no/such.so" in done.stdout.splitlines()
    assert "BATCHX_IMAGE_LD_PRELOAD" not in done.stdout


def test_a_bind_is_a_link(shell: list[str], tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("here")
    there = tmp_path / "a" / "b"
    bind = f"{tmp_path}:{tmp_path}:ro,{tmp_path}/real:{there}:ro"
    script = f"cat {there}/file"
    for _ in range(2):  # the second finds the link
        done = call(shell, "exec", f"--bind={bind}", "i.simg", "sh", "-c", script, cwd=tmp_path)
        assert (done.stdout, done.stderr) == ("here", "")


def test_a_bind_of_what_is_not_there_is_refused(shell: list[str], tmp_path: Path) -> None:
    done = call(shell, "exec", "-B", "/no/such:/data", "i.simg", "true", cwd=tmp_path)
    assert done.returncode == 255
    assert done.stderr == ("batchx: --bind /no/such:/data: the job's container has no /no/such.\n")


def test_pulling_leaves_a_file_of_that_name(shell: list[str], tmp_path: Path) -> None:
    done = call(shell, "pull", "--name", "abc.simg", "docker://debian", cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "abc.simg").exists()


def test_other_commands_are_refused(shell: list[str], tmp_path: Path) -> None:
    done = call(shell, "build", "x.sif", cwd=tmp_path)
    assert done.returncode == 255
    assert "its stand-in knows exec" in done.stderr


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["--a"], ("--a", "--deployment-method", "apptainer")),
        (
            ["--deployment-method", "conda", "--a"],
            ("--deployment-method", "apptainer", "conda", "--a"),
        ),
    ],
)
def test_containers_join_the_ways_of_deployment(argv: list[str], expected: tuple[str, ...]) -> None:
    assert deploy_in_image(argv) == expected


def test_an_image_needs_a_shell(tmp_path: Path) -> None:
    require_shell("me/tool:1", Path("/bin/sh"))
    with pytest.raises(ImageError, match=r"^Image me/tool:1 has no .*/sh, with which Snakemake"):
        require_shell("me/tool:1", tmp_path / "sh")


def make_step(**values: Any) -> SimpleNamespace:
    rule = SimpleNamespace(name="one", script=values.pop("script", "a.py"))
    return SimpleNamespace(**{"rule": rule, "conda_env": None, "params": (), **values})


@pytest.fixture(params=["2 7", "3 6", "3 7", "3 9", "3 10", "3 13"])
def python(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[tuple[int, ...], str]:
    """A Python of some version, and the PATH where it is."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho {request.param}\n")
    python.chmod(0o755)
    return tuple(map(int, request.param.split())), str(tmp_path)


@pytest.mark.parametrize(("params", "needed"), [((), (3, 7)), ((1,), (3, 10))])
def test_a_python_that_is_too_old_is_told(
    python: tuple[tuple[int, ...], str], params: tuple[int, ...], needed: tuple[int, ...]
) -> None:
    version, path = python
    problem = find_python_problem(make_step(params=params), path)
    assert (problem is not None) == (version < needed)
    if problem:
        shown = ".".join(map(str, version))
        assert problem.startswith(
            f"The script of rule one failed, and its image's Python is {shown}"
        )


@pytest.mark.parametrize("values", [{"script": None}, {"script": "a.R"}, {"conda_env": "/env"}])
def test_only_python_scripts_need_the_images_python(tmp_path: Path, values: dict[str, Any]) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho 2 7\n")
    python.chmod(0o755)
    assert find_python_problem(make_step(**values), str(tmp_path)) is None


@pytest.mark.parametrize("folder", ["", "/"])
def test_a_bind_takes_the_place_of_an_empty_folder_only(
    shell: list[str], tmp_path: Path, folder: str
) -> None:
    for name in ("real", "empty", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "real" / "file").write_text("here")
    (tmp_path / "full" / "own").touch()
    bind = ["exec", "-B", f"{tmp_path}/real{folder}:{tmp_path}/empty{folder}"]
    done = call(shell, *bind, "i.simg", "cat", f"{tmp_path}/empty/file", cwd=tmp_path)
    assert done.stdout == "here"
    refused = call(
        shell, *("exec", "-B", f"{tmp_path}/real:{tmp_path}/full", "i.simg", "true"), cwd=tmp_path
    )
    assert refused.returncode == 255
    assert f"has a {tmp_path}/full of its own" in refused.stderr
