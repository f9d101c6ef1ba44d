"""`batchx run`: what it says to slips, and under which S3 root it looks for runs."""

import argparse
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.cli import main, make_parser
from snakemake_executor_plugin_batchx.cli.run import split_words
from snakemake_executor_plugin_batchx.cli.run_actions import ROOT_VARIABLE, act
from snakemake_executor_plugin_batchx.detached.notes import RunNote, write_note
from snakemake_executor_plugin_batchx.detached.site import Site
from snakemake_executor_plugin_batchx.errors import BatchxError

NOTE = RunNote("20261201T000000-aaaaaa", "s3://of-the-folder/a", "eu-west-1", None, "/top")
OF_VARIABLE, OF_OPTION = "s3://of-the-variable/b", "s3://of-the-option/c"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    return tmp_path


def find_root(*words: str) -> str:
    """Return under which S3 root an action looks."""
    found: list[str] = []

    def look(site: Site, _: argparse.Namespace) -> int:
        found.append(site.root.make_url(site.root.prefix))
        return 0

    act(look, make_parser().parse_args(["run", "attach", *words]))
    return found[0].removesuffix("/.batchx")


@pytest.mark.parametrize(
    ("words", "root"),
    [
        ((), NOTE.s3_root),
        ((NOTE.detached_id[:6],), NOTE.s3_root),
        (("2031",), OF_VARIABLE),
        (("--s3-root", OF_OPTION), OF_OPTION),
    ],
)
def test_the_runs_of_a_folder_count_more_than_the_variable(
    words: tuple[str, ...], root: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_note(NOTE, folder)
    monkeypatch.setenv(ROOT_VARIABLE, OF_VARIABLE)
    assert find_root(*words) == root


def test_another_folder_has_the_variable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ROOT_VARIABLE, OF_VARIABLE)
    assert find_root() == OF_VARIABLE


@pytest.mark.usefixtures("folder")
def test_a_folder_without_runs_and_root_is_told() -> None:
    with pytest.raises(BatchxError, match="No detached run was started in this folder: go where"):
        find_root()


def test_snakemake_without_dashes_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--detach", "snakemake", "-j", "1"]) == 1
    assert "Put -- before snakemake" in capsys.readouterr().err


def test_what_follows_the_dashes_is_snakemakes() -> None:
    words = ["run", "--detach", "--", "snakemake", "--", "target"]
    assert split_words(words) == (["run", "--detach"], ("snakemake", "--", "target"))
    assert split_words(["jobs", "list"]) == (["jobs", "list"], ())
