"""`batchx report` in folders with and without runs."""

import csv
import io
import json
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.cli import main
from snakemake_executor_plugin_batchx.journal import SCHEMA_VERSION, STATE_DIR

USAGE = {
    "wall_seconds": 100.0,
    "cpu_seconds": 50.0,
    "stage_in_seconds": 1.0,
    "stage_out_seconds": 1.0,
    "bytes_in": 1,
    "bytes_out": 1,
    "peak_memory_mib": 100.0,
    "oom_kills": 0,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    STATE_DIR.mkdir(parents=True)
    return tmp_path


def write_run(run_id: str, endpoint: str = "http://127.0.0.1:9", *, is_told: bool = True) -> None:
    """Write the journal of a run with a job, which told what it used or did not."""
    head = {"v": SCHEMA_VERSION, "t": 1000.0}
    job = {
        "submission": "000001",
        "label": "Rule one",
        "rules": ["one"],
        "attempt": 1,
        "fingerprint": "f",
        "work": "w",
        "prefix": "root/runs/1",
    }
    asked = {"vcpus": 1, "memory_mib": 4096, "gpus": 0, "image": "image"}
    of_run = {"run_id": run_id, "batchx": "1", "queue": "q", "root": "s3://b/root"}
    jobs = {"name": "n", "queue": "q", "definition": "d", "spec_key": "s", "jobs": [job]}
    state = {"submission": "000001", "status": "SUCCEEDED", "reason": "", "attempts": 1}
    verdict = {"submission": "000001", "batch_job_id": "j", "kind": "success", "sentence": ""}
    more = {"exit_code": None, "log": None, "usage": USAGE if is_told else None}
    events = [
        {"event": "run", "endpoint": endpoint, **of_run},
        {"event": "intent", "resources": asked, **jobs},
        {"event": "state", **state},
        {"event": "verdict", **verdict, **more},
        {"event": "end"},
    ]
    lines = [json.dumps({**head, **event}) for event in events]
    (STATE_DIR / f"{run_id}.jsonl").write_text("\n".join(lines) + "\n")


def call(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    exit_code = main(["report", *args])
    said = capsys.readouterr()
    return exit_code, said.out, said.err


@pytest.mark.usefixtures("folder")
def test_the_last_run_or_the_one_that_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    for run_id in ("20260101T000000-aaaaaa", "20260102T000000-bbbbbb", "20260102T111111-cccccc"):
        write_run(run_id)
    for named, found in (
        ((), "20260102T111111-cccccc"),
        (("20260101",), "20260101T000000-aaaaaa"),
        (("20260102T000000-bbbbbb",), "20260102T000000-bbbbbb"),
    ):
        exit_code, out, err = call(capsys, *named)
        assert (exit_code, err) == (0, "")
        assert out.startswith(f"Run {found} on q")
        assert "resources: mem_mb=200" in out
    for named, words in (
        (("2027",), "There is no run 2027 in this folder: there are 20260102T111111-cccccc, "),
        (("20260102",), "2 runs begin with 20260102 in this folder: there are "),
    ):
        exit_code, out, err = call(capsys, *named)
        assert (exit_code, out) == (1, "")
        assert words in err


@pytest.mark.usefixtures("folder")
def test_no_run_here(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code, out, err = call(capsys)
    assert (exit_code, out) == (1, "")
    assert "There is no run in this folder" in err


def test_files_and_standard_output(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run("20260101T000000-aaaaaa")
    exit_code, out, err = call(capsys, "--html", "page.html", "--csv", "jobs.csv")
    assert exit_code == 0
    assert out.startswith("Run ")
    assert "written: page.html" in err
    assert (folder / "page.html").read_text().startswith("<!doctype html>")
    (row,) = csv.DictReader(io.StringIO((folder / "jobs.csv").read_text()))
    assert row["cpu_seconds"] == "50"
    exit_code, out, _ = call(capsys, "--csv", "-")
    assert out == (folder / "jobs.csv").read_text()
    exit_code, out, err = call(capsys, "--csv", "-", "--html", "-")
    assert (exit_code, out) == (1, "")
    assert "not both" in err
    exit_code, _, err = call(capsys, "--csv", "nowhere/jobs.csv")
    assert exit_code == 1
    assert "nowhere/jobs.csv cannot be written" in err


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_read_is_told_and_the_rest_is_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_run("20260101T000000-aaaaaa", is_told=False)
    exit_code, out, err = call(capsys)
    assert exit_code == 0
    assert "What 1 job used could not be read: the embedded AWS of this run has ended" in err
    assert "Of 1 job that ended nobody knows" in " ".join(out.split())
    write_run("20260101T000000-aaaaaa", "https://batch.eu-west-1.amazonaws.com", is_told=False)
    exit_code, _, err = call(capsys, "--offline")
    assert exit_code == 0
    assert "--offline was given" in err


def test_prices_of_a_file_and_of_nobody(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run("20260101T000000-aaaaaa")
    exit_code, _, err = call(capsys, "--prices", "none.csv")
    assert exit_code == 1
    assert "none.csv cannot be read" in err
    (folder / "bad.csv").write_text("what\n")
    exit_code, _, err = call(capsys, "--prices", "bad.csv")
    assert exit_code == 1
    assert "bad.csv is no table of prices" in err
    exit_code, _, err = call(capsys, "--prices", "aws", "--offline")
    assert exit_code == 0
    assert "AWS does not tell: --offline was given." in err
