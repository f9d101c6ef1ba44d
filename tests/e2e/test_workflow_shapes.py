"""Shapes of workflows that once went wrong, each as a local run would do it."""

import os

import pytest
from runs import Workspace, interrupt_when


@pytest.mark.parametrize("ending", ["exit 1", "true"])
def test_update_keeps_what_was_there_when_the_job_fails(workspace: Workspace, ending: str) -> None:
    workspace.write(
        Snakefile=f"""
            rule one:
                output: update("log.txt")
                shell: "echo more >> {{output}}; {ending}"
            """,
        log__txt="precious\n",
    )
    run = workspace.snakemake("--force", "log.txt")
    assert run.exit_code == (0 if ending == "true" else 1), run.output
    expected = "precious\nmore\n" if ending == "true" else "precious\n"
    assert (workspace.folder / "log.txt").read_text() == expected


def test_a_helper_module_is_found_in_the_second_run_too(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            import sys
            sys.path.insert(0, workflow.basedir)
            import mine
            rule one:
                output: "{name}.txt"
                params: word=mine.WORD
                shell: "echo {params.word} > {output}"
            """,
        mine__py="WORD = 'hello'\n",
    )
    # As on most machines: compiled modules are kept, and read in place of their source.
    environment = {"PYTHONDONTWRITEBYTECODE": ""}
    for name in ("a", "b"):
        run = workspace.snakemake(f"{name}.txt", environment=environment)
        assert run.exit_code == 0, run.output
        assert (workspace.folder / f"{name}.txt").read_text() == "hello\n"
    assert any((workspace.folder / "__pycache__").iterdir())


def test_a_workflow_that_lives_elsewhere(workspace: Workspace) -> None:
    project = workspace.folder.parent / "project"
    for name, text in {
        "workflow/Snakefile": (
            'samples = open(workflow.source_path("../config/samples.txt")).read().split()\n'
            'extra = open(os.path.join(workflow.basedir, "..", "extra.txt")).read().strip()\n'
            'include: "rules/one.smk"\n'
            "rule all:\n"
            '    default_target: True\n    input: expand("{sample}.txt", sample=samples)\n'
        ),
        "workflow/rules/one.smk": (
            'rule one:\n    output: "{sample}.txt"\n    params: extra=extra\n'
            '    script: "../scripts/one.py"\n'
        ),
        "workflow/scripts/one.py": (
            "open(snakemake.output[0], 'w').write(snakemake.params.extra)\n"
        ),
        "config/samples.txt": "a b\n",
        "extra.txt": "more\n",
    }.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    snakefile = os.path.relpath(project / "workflow" / "Snakefile", workspace.folder)
    run = workspace.snakemake("--snakefile", snakefile)
    assert run.exit_code == 0, run.output
    for sample in ("a", "b"):
        assert (workspace.folder / f"{sample}.txt").read_text() == "more"


def test_results_beside_a_script_are_no_sources(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            rule two:
                input: "one.txt"
                output: "two.txt"
                script: "two.py"
            rule one:
                output: "one.txt"
                shell: "echo 1 > {output}"
            """,
        two__py="open(snakemake.output[0], 'w').write('2')\n",
    )
    assert workspace.snakemake("two.txt").exit_code == 0
    assert workspace.snakemake("two.txt", "--forceall").exit_code == 0
    names = [event["name"] for event in workspace.read_journal("intent")]
    assert len(names) == 4
    assert len(set(names)) == 2


def test_scratch_that_cannot_be_made_is_told(workspace: Workspace) -> None:
    workspace.write(Snakefile='rule one:\n    output: "one.txt"\n    shell: "touch {output}"\n')
    run = workspace.snakemake("--batchx-scratch", "/proc/nowhere")
    assert run.exit_code == 1
    assert "Scratch folder /proc/nowhere/batchx-" in run.output
    assert "Set --batchx-scratch to a folder" in run.output


def test_a_job_that_no_host_can_take_says_so(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            rule one:
                output: "{name}.txt"
                resources: gpu=1
                shell: "touch {output}"
            """
    )
    seen = interrupt_when(workspace.start("-j", "1", "a.txt"), "has been RUNNABLE for")
    assert "1 vCPU, 1 GPU, " in seen
    assert "Rule one (name=a) has been RUNNABLE for " in seen
    assert (
        "No instance type of the queue has what it asks for: lower threads, mem_mb or gpu" in seen
    )


def test_nothing_is_pulled_here_behind_a_checkpoint(workspace: Workspace) -> None:
    """Snakemake would pull every container once the checkpoint is done; there is no apptainer."""
    workspace.write(
        Snakefile="""
            container: "docker://quay.io/me/tool:1.0"
            rule all:
                input: "sum.txt"
                container: None
            checkpoint split:
                output: directory("parts")
                shell: "mkdir {output}; echo 1 > {output}/a.txt"
            def list_parts(wildcards):
                folder = checkpoints.split.get().output[0]
                return expand(folder + "/{part}.txt", part=glob_wildcards(folder + "/{p}.txt").p)
            rule sum:
                input: list_parts
                output: "sum.txt"
                shell: "cat {input} > {output}"
            """
    )
    run = workspace.snakemake("--sdm", "apptainer", "conda")
    assert run.exit_code == 0, run.output
    assert (workspace.folder / "sum.txt").read_text() == "1\n"
