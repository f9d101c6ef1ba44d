"""Files through S3 and back: everything arrives as a local run would have made it."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from runs import Workspace, count_calls

WORKFLOW = """
    configfile: "config/settings.yaml"
    SAMPLES = open("config/samples.txt").read().split()

    rule all:
        input: "joined.txt", "tree", "two words/ünï.txt", "bench/timed.txt", "shared.txt"

    rule one:
        input: "data/in put.txt"
        output: "made/{sample}.txt"
        log: "logs/{sample}.log"
        threads: 2
        resources: mem_mb=300, runtime=5
        shell: "cat '{input}' > {output}; echo {wildcards.sample} {threads} >> {output}; "
               "echo logged > {log}"

    rule joined:
        input: expand("made/{sample}.txt", sample=SAMPLES)
        output: "joined.txt"
        params: greeting=config["greeting"]
        script: "scripts/join.py"

    rule tree:
        input: "folder"
        output: directory("tree")
        shell: "mkdir -p tree/empty tree/deep; cp -R folder/. tree/deep; echo x > tree/x.sh; "
               "chmod 750 tree/x.sh; ln -s x.sh tree/link; : > tree/nothing"

    rule names:
        output: "two words/ünï.txt"
        shell: "echo 'ünïcode' > '{output}'"

    rule timed:
        output: touch("timed.done")
        benchmark: "bench/timed.txt"
        shell: "true"

    rule outside:
        input: "../shared/above.txt", "{absolute}"
        output: "shared.txt"
        shell: "cat {input} > {output}"
    """


def make_project(folder: Path) -> None:
    """Write the workflow into `folder` and what it reads into and beside it."""
    texts = {
        "Snakefile": WORKFLOW.replace("{absolute}", str(folder.parent / "absolute.txt")),
        "config/settings.yaml": "greeting: hello\n",
        "config/samples.txt": "a b\n",
        "data/in put.txt": "from the head\n",
        "scripts/join.py": (
            "import helper\n"
            "with open(snakemake.output[0], 'w') as out:\n"
            "    out.write(helper.say(snakemake.params.greeting))\n"
            "    for path in snakemake.input:\n"
            "        out.write(open(path).read())\n"
        ),
        "scripts/helper.py": "def say(word):\n    return word.upper() + '\\n'\n",
        "folder/a/b.txt": "deep\n",
        "../shared/above.txt": "above\n",
        "../absolute.txt": "absolute\n",
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if name != "Snakefile" else _dedent(text), encoding="utf-8")
    (folder / "folder" / "link").symlink_to("a/b.txt")
    (folder / "folder" / "a" / "b.txt").chmod(0o755)


def _dedent(text: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in text.splitlines()) + "\n"


def describe_tree(folder: Path) -> dict[str, tuple[str, int, str]]:
    """Return kind, mode and content of all below `folder` but Snakemake's own and times."""
    found = {}
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in {".snakemake", "bench"}]
        for name in (*folders, *files):
            path = Path(parent, name)
            status = path.lstat()
            if stat.S_ISLNK(status.st_mode):
                told = ("link", 0, os.readlink(path))
            elif stat.S_ISDIR(status.st_mode):
                told = ("dir", stat.S_IMODE(status.st_mode), "")
            else:
                told = ("file", stat.S_IMODE(status.st_mode), path.read_text(encoding="utf-8"))
            found[str(path.relative_to(folder))] = told
    return found


def run_locally(folder: Path) -> None:
    command = [sys.executable, "-m", "snakemake", "-j", "2", "--quiet", "all"]
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL)


def test_same_as_a_local_run(workspace: Workspace, tmp_path: Path) -> None:
    make_project(workspace.folder)
    local = tmp_path / "local"
    shutil.copytree(workspace.folder, local, symlinks=True)
    run_locally(local)

    run = workspace.snakemake()
    assert run.exit_code == 0, run.output
    assert describe_tree(workspace.folder) == describe_tree(local)
    assert (workspace.folder / "bench" / "timed.txt").read_text().startswith("s\th:m:s")

    before = count_calls(workspace.aws)
    again = workspace.snakemake()
    assert "Nothing to be done" in again.output
    assert count_calls(workspace.aws) == before

    (workspace.folder / "made" / "a.txt").unlink()
    (workspace.folder / "joined.txt").unlink()
    rerun = workspace.snakemake()
    assert rerun.exit_code == 0, rerun.output
    assert "jobs submitted: 2, job definitions registered: 0" in rerun.output
    assert describe_tree(workspace.folder) == describe_tree(local)


def test_unchanged_inputs_and_results_are_not_sent_again(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            rule three:
                input: "two.txt", "big.bin"
                output: "three.txt"
                shell: "cat {input} > {output}"
            rule two:
                input: "one.txt"
                output: "two.txt"
                shell: "cp {input} {output}"
            rule one:
                output: "one.txt"
                shell: "echo 1 > {output}"
            """
    )
    (workspace.folder / "big.bin").write_bytes(os.urandom(9 * 1024 * 1024))
    assert workspace.snakemake().exit_code == 0
    keys = list_keys(workspace)
    data = [key for key in keys if "/data/" in key]
    # The input, and the large result; the small ones travel in results and are read from there.
    assert len(data) == 2

    (workspace.folder / "three.txt").unlink()
    assert workspace.snakemake().exit_code == 0
    assert [key for key in list_keys(workspace) if "/data/" in key] == data


def list_keys(workspace: Workspace) -> list[str]:
    bucket, _, prefix = workspace.environment["SNAKEMAKE_BATCHX_S3_ROOT"][5:].partition("/")
    answer = workspace.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    return [item["Key"] for item in answer["Contents"]]


def test_write_protected_outputs_arrive_so_and_are_not_replaced(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            rule one:
                output: protected("one.txt")
                shell: "echo 1 > {output}"
            """
    )
    assert workspace.snakemake().exit_code == 0
    path = workspace.folder / "one.txt"
    assert stat.S_IMODE(path.stat().st_mode) & 0o222 == 0
    again = workspace.snakemake("--force", "one.txt")
    assert again.exit_code == 1
    assert "write-protected" in again.output
    assert path.read_text() == "1\n"


def test_without_a_place_to_work_a_job_says_so(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    workspace.write(
        Snakefile="""
            rule one:
                output: "a.txt"
                shell: "touch {output}"
            """
    )
    run = workspace.snakemake("--batchx-scratch", str(tmp_path / "file" / "below"), "a.txt")
    assert run.exit_code == 1
    assert "Set --batchx-scratch to a folder" in run.output
    (usage,) = [event["usage"] for event in workspace.read_journal("verdict")]
    assert 0 <= usage["stage_out_seconds"] <= usage["wall_seconds"]


@pytest.mark.parametrize("folder", ["scratch", "other scratch"])
def test_scratch_is_used_and_removed(workspace: Workspace, tmp_path: Path, folder: str) -> None:
    scratch = tmp_path / folder
    workspace.write(
        Snakefile="""
            rule one:
                output: "where.txt", "tmp.txt"
                shell: "pwd > {output[0]}; echo $TMPDIR > {output[1]}"
            rule fails:
                output: "never.txt"
                shell: "exit 1"
            """
    )
    run = workspace.snakemake("--batchx-scratch", str(scratch), "-k", "where.txt", "never.txt")
    assert run.exit_code == 1
    for name in ("where.txt", "tmp.txt"):
        assert (workspace.folder / name).read_text().startswith(str(scratch))
    assert list(scratch.iterdir()) == []
