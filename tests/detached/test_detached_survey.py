"""What a look at the workflow shows before anything is sent."""

import os
import sys
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.detached.survey import select_read, survey_workflow
from snakemake_executor_plugin_batchx.errors import BatchxError

ON_BATCH = ("--executor", "batchx", "-j", "1")


def test_what_the_workflow_reads_and_imports(tmp_path: Path) -> None:
    shared = tmp_path / "shared" / "rules.smk"
    shared.parent.mkdir()
    shared.write_text("import hypothesis\nrule a:\n    output: 'a'\n    shell: 'touch {output}'\n")
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text("a: 1\n")
    (folder / "Snakefile").write_text('configfile: "config.yaml"\ninclude: "../shared/rules.smk"\n')
    parsed = survey_workflow(ON_BATCH, str(folder))
    assert {os.path.realpath(path) for path in parsed.read} == {
        str(shared),
        str(folder / "config.yaml"),
        str(folder / "Snakefile"),
    }
    assert "hypothesis/__init__.py" in {name for name, _ in parsed.imported}


def test_a_workflow_that_snakemake_does_not_understand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Snakefile").write_text("rule a:\n    outpt: 'a'\n")
    with pytest.raises(BatchxError, match="Snakemake cannot read the workflow"):
        survey_workflow(ON_BATCH, str(tmp_path))
    assert "Unexpected keyword outpt" in capsys.readouterr().err


def test_python_and_caches_are_no_part_of_a_workflow(tmp_path: Path) -> None:
    cached = tmp_path / "cache" / "snakemake" / "source-cache" / "Snakefile"
    cached.parent.mkdir(parents=True)
    cached.write_text("")
    mine = tmp_path / "samples.tsv"
    mine.write_text("")
    opened = [str(cached), str(mine), str(tmp_path / "gone.tsv"), f"{sys.prefix}/x.py"]
    assert list(select_read(opened)) == [str(mine)]
