"""The search for secrets looks at all that AWS keeps: what is put there is found."""

from runs import Workspace
from stored import iter_stored


def test_whatever_is_stored_is_seen(workspace: Workspace) -> None:
    mark = "mark-of-this-test"
    workspace.write(
        Snakefile=f"""
            rule one:
                output: "one.txt"
                shell: "echo {mark}; echo {mark} > {{output}}"
            """
    )
    run = workspace.snakemake("--batchx-tags", f"project={mark}")
    assert run.exit_code == 0, run.output
    places = [place for place, text in iter_stored(workspace.aws) if mark.encode() in text]
    kinds = ("job-definition/", ":job/", "/aws/batch/job ", "/result")
    assert [kind for kind in kinds if not any(kind in place for place in places)] == []
