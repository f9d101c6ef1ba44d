"""What jobs left: in place where it can be, and never in the way of why they failed."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from head_world import CONTEXT, DESCRIPTION, make_ports

from snakemake_executor_plugin_batchx.batch.state import Attempt, ContainerEnd, JobState
from snakemake_executor_plugin_batchx.collecting import Collector, ResultGoneError
from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.spec import Entry, Product, Result, Usage
from snakemake_executor_plugin_batchx.storage.fetch import FetchedResult
from snakemake_executor_plugin_batchx.storage.refusals import StorageError

USAGE = Usage(1.0, 1.0, 0.1, 0.1, 0, 0, 100.0, 0)
TAIL = "said at the end\n"


class Fetcher:
    """An S3 with one result, or the trouble in its place."""

    def __init__(self, found: Result | Exception, trouble: Exception | None = None) -> None:
        self._found = found
        self._trouble = trouble
        self.placed: list[str] = []

    def fetch_result(self, key: str) -> FetchedResult:
        if isinstance(self._found, Exception):
            raise self._found
        return FetchedResult(key, self._found, b"")

    def place_files(self, _fetched: Any, products: Any, **_: int) -> None:
        if self._trouble:
            raise self._trouble
        self.placed += [product.path for product in products]


def make_result(exit_code: int, *files: str) -> Result:
    entries = tuple(Entry(path, "file", 0o644, 1) for path in files)
    return Result(4, 1, exit_code, None, TAIL, entries, USAGE, len(TAIL))


def make_state(status: str, exit_code: int) -> JobState:
    attempt = Attempt((ContainerEnd("", exit_code),), "Essential container in task exited")
    return JobState("job-1", status, "", (attempt,))


JOB = TrackedJob(
    "000001",
    dataclasses.replace(
        DESCRIPTION, products=(Product("out", "output"), Product("a.log", "log", is_optional=True))
    ),
    "job-1",
)


def make_collector(folder: Path, fetcher: Fetcher) -> Collector:
    return Collector(CONTEXT, make_ports(folder, SimpleNamespace(), fetcher=fetcher))


def collect_failure(folder: Path, fetcher: Fetcher) -> list[str]:
    collector, state = make_collector(folder, fetcher), make_state("FAILED", 7)
    failure = collector.collect_failure(JOB, state, None)
    ending = collector.tell_failure(JOB, state, failure)
    assert ending.kind == "tool"
    return (ending.message or "").splitlines()


TOLD = "Batch job job-1 failed: its command ended with exit code 7."


def test_a_failed_job_has_its_logs_alone_put_in_place(tmp_path: Path) -> None:
    fetcher = Fetcher(make_result(7, "out", "a.log"))
    told = collect_failure(tmp_path, fetcher)
    assert told == [TOLD, "Its last output:", "    said at the end"]
    assert fetcher.placed == ["a.log"]


@pytest.mark.parametrize("trouble", [OSError(28, "No space left"), StorageError("gone", "500")])
def test_logs_that_cannot_be_placed_do_not_hide_the_failure(
    tmp_path: Path, trouble: Exception
) -> None:
    told = collect_failure(tmp_path, Fetcher(make_result(7), trouble))
    assert told[0] == TOLD
    assert told[1].startswith("Its log files could not be put in place: ")
    assert told[-1] == "    said at the end"


@pytest.mark.parametrize("code", ["NoSuchKey", "404", "AccessDenied", "403"])
def test_a_result_that_is_not_there_is_no_news(tmp_path: Path, code: str) -> None:
    assert collect_failure(tmp_path, Fetcher(StorageError("none", code))) == [TOLD]


@pytest.mark.parametrize("error", [StorageError("S3 is slow.", "SlowDown"), ValueError("garbled")])
def test_a_result_that_cannot_be_read_is_told_beside_the_failure(
    tmp_path: Path, error: Exception
) -> None:
    told = collect_failure(tmp_path, Fetcher(error))
    assert told == [TOLD, f"Its result could not be read: {error}"]


def test_a_success_without_its_outputs_is_a_failure_with_its_log(tmp_path: Path) -> None:
    collector = make_collector(tmp_path, Fetcher(make_result(0, "a.log")))
    ending = collector.collect_success(JOB, make_state("SUCCEEDED", 0), None)
    assert ending.kind == "output"
    assert (ending.message or "").splitlines() == [
        "Batch job job-1 failed: it succeeded but did not make out.",
        "Its last output:",
        "    said at the end",
    ]
    assert Path(ending.shown[0]).read_text() == TAIL


@pytest.mark.parametrize("code", ["NoSuchKey", "404"])
def test_a_success_whose_result_has_gone_is_told(tmp_path: Path, code: str) -> None:
    collector = make_collector(tmp_path, Fetcher(StorageError("none", code)))
    with pytest.raises(ResultGoneError, match="its result is not at s3://bucket/"):
        collector.collect_success(JOB, make_state("SUCCEEDED", 0), None)


def test_a_success_whose_result_may_not_be_read_says_so(tmp_path: Path) -> None:
    collector = make_collector(tmp_path, Fetcher(StorageError("forbidden", "AccessDenied")))
    with pytest.raises(StorageError, match="forbidden"):
        collector.collect_success(JOB, make_state("SUCCEEDED", 0), None)


def test_of_a_silent_job_its_own_log_is_shown(tmp_path: Path) -> None:
    """`2> {log}` is how many rules keep what their tools say."""
    silent = dataclasses.replace(make_result(4, "a.log"), tail="", output_bytes=0)
    collector = Collector(
        dataclasses.replace(CONTEXT, work_dir=str(tmp_path)),
        make_ports(tmp_path, SimpleNamespace(), fetcher=Fetcher(silent)),
    )
    (tmp_path / "a.log").write_text("FATAL: bad index\n")
    state = make_state("FAILED", 4)
    failure = collector.collect_failure(JOB, state, None)
    told = collector.tell_failure(JOB, state, failure).message or ""
    assert told.splitlines()[1:] == [
        "It wrote nothing to its output. The end of a.log:",
        "    FATAL: bad index",
    ]
