"""What is told of Snakemake's arguments before anything is sent."""

from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.cli.run import parse_positive, split_words
from snakemake_executor_plugin_batchx.detached.reading import read_arguments
from snakemake_executor_plugin_batchx.detached.starting import select_variables
from snakemake_executor_plugin_batchx.errors import BatchxError

ON_BATCH = ("--executor", "batchx", "-j", "1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").write_text("")
    return tmp_path


def test_arguments_are_read_as_snakemake_reads_them(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "profiles" / "default").mkdir(parents=True)
    text = "executor: batchx\nbatchx-job-queue: q\nbatchx-s3-root: s3://bucket/run\njobs: 3\n"
    (folder / "profiles" / "default" / "config.yaml").write_text(text)
    monkeypatch.setenv("SNAKEMAKE_BATCHX_HEAD_QUEUE", "calm")
    asked = read_arguments(["snakemake", "--batchx-tags", "a=b"])
    settings = asked.settings
    assert (settings.job_queue, settings.s3_root) == ("q", "s3://bucket/run")
    assert (settings.head_queue, settings.tags) == ("calm", ["a=b"])
    assert asked.arguments == ("--batchx-tags", "a=b")
    assert asked.named == (("--snakefile", str(folder / "Snakefile")),)


def test_profiles_that_are_called_by_name_go_along(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    profile = folder / "config" / "snakemake" / "mine" / "config.yaml"
    profile.parent.mkdir(parents=True)
    profile.write_text("executor: batchx\n")
    asked = read_arguments(["--profile", "mine", "-j", "1"])
    assert asked.profiles == {"mine/config.yaml": "executor: batchx\n"}
    assert [option for option, _ in asked.named] == ["--snakefile"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-j", "1"), "names no executor: give --executor batchx"),
        (("--executor", "local", "-j", "1"), "names the executor local"),
        ((*ON_BATCH, "-n"), "--dry-run needs no head: call snakemake itself"),
        ((*ON_BATCH, "--unlock"), "--unlock needs no head"),
        ((*ON_BATCH, "--batchx-job-queue", "local"), "The queue local ends with the run"),
        ((*ON_BATCH, "--snakefile", "missing.smk"), "missing.smk is not there"),
        ((*ON_BATCH, "--configfile", "no.yaml"), "no.yaml is not there"),
        (("snakmake", *ON_BATCH), "After -- stands snakmake: put snakemake there"),
        ((*ON_BATCH, "--forcall"), "cannot be read: unrecognized arguments: --forcall$"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_is_no_detached_run_is_refused(words: tuple[str, ...], told: str) -> None:
    with pytest.raises(BatchxError, match=told):
        read_arguments(words)


def test_snakemake_may_be_called_by_its_path(folder: Path) -> None:
    assert read_arguments([".venv/bin/snakemake", *ON_BATCH]).arguments == ON_BATCH


def test_a_folder_without_a_snakefile_is_refused(folder: Path) -> None:
    (folder / "Snakefile").unlink()
    with pytest.raises(BatchxError, match="There is no Snakefile in"):
        read_arguments(ON_BATCH)


def test_variables_that_travel() -> None:
    environment = {
        "SNAKEMAKE_BATCHX_JOB_QUEUE": "q",
        "SNAKEMAKE_BATCHX_PROFILE": "of this machine",
        "TOKEN": "secret",
        "PATH": "/bin",
    }
    chosen = select_variables(environment, ("TOKEN",))
    assert chosen == {"SNAKEMAKE_BATCHX_JOB_QUEUE": "q", "TOKEN": "secret"}
    with pytest.raises(BatchxError, match="--env OTHER: not set on this machine"):
        select_variables(environment, ("TOKEN", "OTHER"))


def test_a_report_elsewhere_is_named_so_that_its_folder_travels(folder: Path) -> None:
    on_batch = (*ON_BATCH, "--batchx-job-queue", "q")
    outside = read_arguments([*on_batch, "--batchx-report", "/reports/run.html"])
    assert ("--batchx-report", "/reports/run.html") in outside.named
    inside = read_arguments([*on_batch, "--batchx-report", "run.html"])
    assert inside.named == (("--snakefile", str(folder / "Snakefile")),)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
def test_what_a_head_is_given_is_above_0(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="is no number above 0"):
        parse_positive(text)


def test_a_forgotten_separator_is_told_of() -> None:
    with pytest.raises(BatchxError, match="Put -- before snakemake"):
        split_words(["run", "--detach", "snakemake", "-j", "1"])
    words = ["run", "--", "snakemake", "--", "a.txt"]
    assert split_words(words) == (["run"], ("snakemake", "--", "a.txt"))
