"""A report brought together: what it lacks is asked for, and what goes wrong hurts no run."""

import resource
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.journal import Journal
from snakemake_executor_plugin_batchx.report.prices import PriceTable
from snakemake_executor_plugin_batchx.report.rows import RunRecord
from snakemake_executor_plugin_batchx.reporting import (
    ReportSource,
    check_target,
    load_prices,
    write_report,
)
from snakemake_executor_plugin_batchx.usages import FoundUsages


def ask_nobody(_run: RunRecord) -> PriceTable:
    raise BatchxError("It is denied.")


def make_source(folder: Path, prices: str | None = None) -> ReportSource:
    path = folder / "run.jsonl"
    with Journal(path, lambda: 0.0) as journal:
        site = {"queue": "q", "root": "s3://b/r", "endpoint": "e"}
        journal.write("run", run_id="run", batchx="1", **site)
    return ReportSource(path, prices, lambda _: FoundUsages({}), ask_nobody)


class Log:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.warned: list[str] = []
        self.port = cast(Any, SimpleNamespace(info=self.said.append, warning=self.warned.append))


@pytest.mark.parametrize(
    ("name", "begin"), [("r.html", "<!doctype html>"), ("r.CSV", "submission,rule")]
)
def test_a_report_is_written_by_the_suffix_of_its_file(
    tmp_path: Path, name: str, begin: str
) -> None:
    log = Log()
    write_report(make_source(tmp_path), tmp_path / name, log.port)
    assert (tmp_path / name).read_text().startswith(begin)
    assert (log.said, log.warned) == ([f"batchx: report: {tmp_path / name}"], [])


def test_labels_of_files_whose_names_are_no_text_hurt_no_report(tmp_path: Path) -> None:
    log, source, target = Log(), make_source(tmp_path), tmp_path / "r.csv"
    with Journal(source.journal, lambda: 0.0) as journal:
        verdict = {"kind": "tool", "batch_job_id": None, "exit_code": 1, "log": None, "usage": None}
        journal.write("verdict", submission="000001", sentence="no \udcff.txt", **verdict)
    write_report(source, target, log.port)
    assert log.warned == []
    assert "no ?.txt" in target.read_text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told(tmp_path: Path) -> None:
    log, target = Log(), tmp_path / "r.html"
    target.symlink_to("/dev/full")
    write_report(make_source(tmp_path), target, log.port)
    (warning,) = log.warned
    assert "No space left" in warning
    assert Path("/dev/full").is_char_device()


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    log, target = Log(), tmp_path / "r.html"
    target.write_text("old")
    size = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, size[1]))
    try:
        source = make_source(tmp_path)
        write_report(source, target, log.port)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, size)
        signal.signal(signal.SIGXFSZ, handler)
    assert "File too large" in log.warned[0]
    assert target.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [target, source.journal]


@pytest.mark.parametrize("damage", ["gone", "no journal"])
def test_what_goes_wrong_is_a_warning(tmp_path: Path, damage: str) -> None:
    log, source = Log(), make_source(tmp_path)
    if damage == "no journal":
        source.journal.unlink()
    target = tmp_path / ("r.html" if damage == "no journal" else "gone/r.html")
    write_report(source, target, log.port)
    (warning,) = log.warned
    assert "the report could not be written" in warning


def test_without_aws_the_shipped_prices_count_and_that_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    report = make_source(tmp_path, "aws").make(said.append)
    assert report.prices == load_prices(None).source
    (sentence,) = said
    assert "It is denied." in sentence


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("r.html", None),
        ("old.csv", None),
        ("r.pdf", "it must end with .html or .csv"),
        ("report", "it must end with .html or .csv"),
        ("none/r.html", "there is no folder"),
        ("folder.html", "it is a folder"),
        ("long" * 99 + ".html", "it cannot be written (File name too long)"),
    ],
)
def test_targets(tmp_path: Path, name: str, reason: str | None) -> None:
    (tmp_path / "old.csv").write_text("kept")
    (tmp_path / "folder.html").mkdir()
    before = sorted(tmp_path.iterdir())
    problems = list(check_target(tmp_path / name))
    assert len(problems) == (reason is not None)
    assert all(problem.startswith(reason or "") for problem in problems)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "old.csv").read_text() == "kept"
