"""Conda environments of jobs: made once, found again in the S3 root.

conda itself is not called: its channels are out of reach for tests. tools/conda stands in for it.
It answers what Snakemake asks, and makes environments that, like real ones, work in one place only.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from runs import Workspace, keep_environment, make_workspace

from snakemake_executor_plugin_batchx.local.launch import (
    EmbeddedAws,
    make_command,
    read_announcement,
    start_process,
    stop_process,
)

TOOLS = Path(__file__).parent / "tools" / "conda"

POLLING = ("--seconds-between-status-checks", "1")

SNAKEFILE = """
    rule all:
        input: expand("{name}.txt", name=NAMES)
    rule one:
        output: "{name}.txt"
        conda: "env.yaml"
        shell: "tool > {output}; echo $CONDA_PREFIX >> {output}"
    """


@dataclass(frozen=True)
class CondaHost:
    """An embedded AWS whose jobs find the stand-in, as if it were in their image."""

    aws: EmbeddedAws
    conda: Path

    def count_made(self) -> int:
        """Return how many environments were made so far."""
        calls = (self.conda / "calls.log").read_text().splitlines()
        return sum("create" in call for call in calls)


@pytest.fixture
def host(tmp_path: Path) -> Iterator[CondaHost]:
    conda = tmp_path / "conda"
    shutil.copytree(TOOLS, conda)
    (conda / "calls.log").touch()
    variables = {**keep_environment(), "PATH": f"{conda / 'bin'}:{os.environ['PATH']}"}
    with tempfile.TemporaryFile() as errors:
        process = start_process(make_command(), variables, stdin=subprocess.PIPE, errors=errors)
        with process:
            try:
                yield CondaHost(read_announcement(process, errors), conda)
            finally:
                stop_process(process)


@pytest.fixture
def workspace(tmp_path: Path, host: CondaHost) -> Workspace:
    """A folder whose runs use that AWS. The head has no conda."""
    return make_workspace(tmp_path, host.aws)


def write_workflow(workspace: Workspace, *names: str, env: str = "dependencies: [tool]\n") -> None:
    workspace.write(Snakefile=f"    NAMES = {list(names)}\n{SNAKEFILE}", env__yaml=env)


def read_made(workspace: Workspace, name: str) -> tuple[str, Path]:
    """Return what an output says its environment is made of, and where it stood."""
    *made_of, place = (workspace.folder / f"{name}.txt").read_text().splitlines()
    return "\n".join(made_of), Path(place)


def list_keys(workspace: Workspace, suffix: str) -> list[str]:
    listed = workspace.client("s3").list_objects_v2(
        Bucket=workspace.aws.bucket, Prefix=f"{workspace.folder.parent.name}/.batchx/conda/"
    )
    return [item["Key"] for item in listed.get("Contents", []) if item["Key"].endswith(suffix)]


def run_conda(workspace: Workspace, *arguments: str) -> None:
    run = workspace.snakemake("--sdm", "conda", *POLLING, *arguments)
    assert run.exit_code == 0, run.output


def test_the_next_host_takes_what_the_first_made(workspace: Workspace, host: CondaHost) -> None:
    write_workflow(workspace, "a")
    run_conda(workspace)
    made_of, place = read_made(workspace, "a")
    assert made_of == "dependencies: [tool]"
    assert host.count_made() == 1
    shutil.rmtree(place.parent)
    write_workflow(workspace, "a", "b")
    run_conda(workspace)
    assert read_made(workspace, "b") == (made_of, place)
    assert host.count_made() == 1
    assert len(list_keys(workspace, ".json")) == 1
    (usage,) = [e["usage"] for e in workspace.read_journal("verdict")][1:]
    assert usage["bytes_in"] > 0


def test_jobs_that_start_at_once_make_it_once(workspace: Workspace, host: CondaHost) -> None:
    names = [f"n{number}" for number in range(4)]
    write_workflow(workspace, *names)
    run_conda(workspace, "--set-resources", "one:mem_mb=100")
    assert {read_made(workspace, name) for name in names} == {read_made(workspace, "n0")}
    assert host.count_made() == 1


def test_another_file_is_another_environment(workspace: Workspace, host: CondaHost) -> None:
    for number in (1, 2):
        write_workflow(workspace, f"a{number}", env=f"dependencies: [tool={number}]\n")
        run_conda(workspace)
        assert read_made(workspace, f"a{number}")[0] == f"dependencies: [tool={number}]"
    assert host.count_made() == 2
    assert len(list_keys(workspace, ".json")) == 2


def test_a_damaged_archive_is_replaced(workspace: Workspace, host: CondaHost) -> None:
    write_workflow(workspace, "a")
    run_conda(workspace)
    (key,) = list_keys(workspace, ".tar.gz")
    workspace.client("s3").put_object(Bucket=workspace.aws.bucket, Key=key, Body=b"no archive")
    for name, made in (("b", 2), ("c", 2)):
        shutil.rmtree(read_made(workspace, "a")[1].parent)
        write_workflow(workspace, "a", name)
        run_conda(workspace)
        assert host.count_made() == made


def test_a_tool_that_fails_leaves_its_environment(workspace: Workspace, host: CondaHost) -> None:
    workspace.write(
        Snakefile="""
            rule one:
                output: "one.txt"
                conda: "env.yaml"
                shell: "rm -r $CONDA_PREFIX/bin/tool; exit 3"
            """,
        env__yaml="dependencies: [tool]\n",
    )
    run = workspace.snakemake("--sdm", "conda", *POLLING)
    assert run.exit_code == 1
    assert "exit code 3" in run.output
    assert len(list_keys(workspace, ".json")) == 1


def test_what_conda_cannot_make_is_not_kept(workspace: Workspace, host: CondaHost) -> None:
    write_workflow(workspace, "a", env="dependencies: [unsolvable]\n")
    run = workspace.snakemake("--sdm", "conda", *POLLING)
    assert run.exit_code == 1
    assert "ResolvePackageNotFound: unsolvable" in run.output
    assert list_keys(workspace, "") == []


def test_a_group_keeps_all_its_environments(workspace: Workspace, host: CondaHost) -> None:
    workspace.write(
        Snakefile="""
            rule two:
                input: "one.txt"
                output: "two.txt"
                group: "both"
                conda: "two.yaml"
                shell: "cat {input} > {output}; tool >> {output}; echo $CONDA_PREFIX >> {output}"
            rule one:
                output: "one.txt"
                group: "both"
                conda: "one.yaml"
                shell: "tool > {output}"
            """,
        one__yaml="dependencies: [one]\n",
        two__yaml="dependencies: [two]\n",
    )
    for _ in range(2):
        run_conda(workspace, "--forceall")
        made_of, place = read_made(workspace, "two")
        assert made_of == "dependencies: [one]\ndependencies: [two]"
        assert host.count_made() == 2
        shutil.rmtree(place.parent)
    assert len(list_keys(workspace, ".json")) == 2


def test_pins_and_post_deploy_scripts_are_honoured(workspace: Workspace, host: CondaHost) -> None:
    write_workflow(workspace, "a")
    pin, script = (
        workspace.folder / f"env.{end}" for end in ("linux-64.pin.txt", "post-deploy.sh")
    )
    for number in (1, 2):
        pin.write_text(f"@EXPLICIT {number}\n")
        script.write_text("echo deployed >> $CONDA_PREFIX/conda-meta/made-of\n")
        run_conda(workspace, "--forceall")
        assert read_made(workspace, "a")[0] == f"@EXPLICIT {number}\ndeployed"
        assert host.count_made() == number
        shutil.rmtree(read_made(workspace, "a")[1].parent)
    run_conda(workspace, "--forceall")
    assert read_made(workspace, "a")[0] == "@EXPLICIT 2\ndeployed"
    assert host.count_made() == 2


def test_data_in_s3(workspace: Workspace, host: CondaHost) -> None:
    write_workflow(workspace, "a", "b")
    workspace.allow_data("data")
    prefix = f"s3://{host.aws.bucket}/data"
    run_conda(
        workspace,
        *("--default-storage-provider", "s3", "--default-storage-prefix", prefix),
    )
    assert host.count_made() == 1
    assert len(list_keys(workspace, ".json")) == 1


def test_nothing_is_left_when_the_server_ends(tmp_path: Path) -> None:
    command = make_command()
    variables = {**keep_environment(), "TMPDIR": str(tmp_path)}
    with tempfile.TemporaryFile() as errors:
        process = start_process(command, variables, stdin=subprocess.PIPE, errors=errors)
        with process:
            read_announcement(process, errors)
            shared = list(tmp_path.glob("batchx-shared-*"))
            stop_process(process)
    assert len(shared) == 1
    assert not shared[0].exists()
