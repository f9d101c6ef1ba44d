"""Many jobs that ended at once: read together, and each collected as if it were alone."""

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from head_world import CONTEXT, DESCRIPTION, make_ports
from test_following import ToldWatcher

from snakemake_executor_plugin_batchx.batch.state import JobState
from snakemake_executor_plugin_batchx.batch.watcher import Poll
from snakemake_executor_plugin_batchx.conductor import KEPT_BYTES, Conductor
from snakemake_executor_plugin_batchx.spec import Blob, Entry, Product, Result, Usage
from snakemake_executor_plugin_batchx.storage.fetch import FetchedResult

USAGE = Usage(1.0, 0.5, 0.1, 0.1, 10, 20, None, 0)
OWING = dataclasses.replace(DESCRIPTION, products=(Product("out", "output"),))


class Fetcher:
    """Has all results at hand but the last; their files lie in the packet or not, by turns."""

    def __init__(self) -> None:
        self.ahead: list[str] = []
        self.alone: list[str] = []
        self.placed: list[str] = []

    def fetch_results(self, keys: Sequence[str]) -> dict[str, FetchedResult]:
        self.ahead += keys
        return {key: self._make(key, n) for n, key in enumerate(sorted(keys)[:-1])}

    def fetch_result(self, key: str) -> FetchedResult:
        self.alone.append(key)
        return self._make(key, 0)

    def place_files(self, fetched: FetchedResult, *_: Any, **__: Any) -> None:
        self.placed.append(fetched.key)

    def _make(self, key: str, number: int) -> FetchedResult:
        at = (key, "elsewhere", "elsewhere")[number % 3]
        size = (0, KEPT_BYTES, KEPT_BYTES + 1)[number % 3]
        blob = Blob(at, 0, 1, "0" * 64)
        result = Result(1, 1, 0, None, "", (Entry("out", "file", 0o644, 5, blob=blob),), USAGE)
        return FetchedResult(key, result, bytes(size))


class EndedWatcher(ToldWatcher):
    """All jobs have ended well when the last is watched."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def poll_if_due(self) -> Poll:
        if len(self.new) < self.count:
            return Poll()
        new, self.new = self.new, []
        return Poll(tuple(JobState(job_id, "SUCCEEDED", "", ()) for job_id in new))


def test_each_is_concluded_once(tmp_path: Path) -> None:
    jobs = 8
    fetcher, watcher = Fetcher(), EndedWatcher(jobs + 1)
    ids = iter(f"job-{number}" for number in range(jobs + 1))
    batch = SimpleNamespace(submit_job=lambda _: next(ids), terminate_jobs=lambda *_: [])
    conductor = Conductor(CONTEXT, make_ports(tmp_path, batch, watcher=watcher, fetcher=fetcher))
    names = set()
    with conductor.open_portion():
        names |= {conductor.hand_over(OWING) for _ in range(jobs)}
        names.add(conductor.hand_over(DESCRIPTION))  # owes nothing: its data is in S3
    outcomes: dict[str, Any] = {}
    deadline = time.monotonic() + 60
    while len(outcomes) <= jobs:
        assert time.monotonic() < deadline
        conductor.tick()
        outcomes |= conductor.take_outcomes()
    assert {name: outcome.message for name, outcome in outcomes.items()} == dict.fromkeys(names)
    assert len(fetcher.ahead) == len(set(fetcher.ahead)) == jobs
    assert sorted(fetcher.placed) == sorted(fetcher.ahead)
    # The one that was not at hand, and those that were too large to be kept while they wait.
    assert len(fetcher.alone) == 1 + len(range(2, jobs - 1, 3))
    conductor.close()
