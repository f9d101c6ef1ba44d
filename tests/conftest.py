"""What several suites share."""

import os
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.runtime.build import Runtime, provide_runtime

TESTS = Path(__file__).parent

END_TO_END = ("e2e", "examples", "faults")
"""Folders of tests that start Snakemake, which takes seconds."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each worker run long tests first, so that all come to their end at the same time.

    `--dist worksteal` gives each worker as long a stretch of the list, and who is through takes
    from the ends of others' (https://pytest-xdist.readthedocs.io/en/stable/distribution.html).
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "0"))
    kinds: list[list[pytest.Item]] = [[], [], []]
    for item in items:
        kinds[_rank_length(item)].append(item)
    # Neighbours stay together: they share what is set up for their module.
    items[:] = [
        item
        for worker in range(workers)
        for kind in kinds
        for item in kind[_find_cut(kind, worker, workers) : _find_cut(kind, worker + 1, workers)]
    ] or items


def _find_cut(items: list[pytest.Item], worker: int, workers: int) -> int:
    """Return where a worker's stretch begins: never among tests that are to stay together."""
    cut = len(items) * worker // workers
    while 0 < cut < len(items) and _is_held_together(items[cut - 1], items[cut]):
        cut += 1
    return cut


def _is_held_together(before: pytest.Item, item: pytest.Item) -> bool:
    return before.path == item.path and item.get_closest_marker("together") is not None


def _rank_length(item: pytest.Item) -> int:
    if item.get_closest_marker("slow"):
        return 0
    return 1 if item.path.relative_to(TESTS).parts[0] in END_TO_END else 2


@pytest.fixture(scope="session")
def runtime_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that all processes of a test run share."""
    folder = tmp_path_factory.getbasetemp()
    return (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "batchx-cache"


@pytest.fixture(scope="session")
def runtime(runtime_cache: Path) -> Runtime:
    """The runtime of this interpreter: the first test process builds it, the others wait."""
    return provide_runtime(runtime_cache, print)


@pytest.fixture
def runtime_now(runtime_cache: Path) -> Runtime:
    """The runtime of what is installed at this moment.

    In the course of a long test run a machine may change packages: certifi's, to trust its own.
    """
    return provide_runtime(runtime_cache, print)
