"""Heads that can be interrupted, and an embedded AWS without any fault."""

from collections.abc import Iterator

import pytest

from faults.fault_head import restore_interrupts
from faults.fault_world import CALM, World, open_world


@pytest.fixture(autouse=True)
def _can_be_interrupted() -> None:
    restore_interrupts()


@pytest.fixture(scope="module")
def calm_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An embedded AWS, and a proxy before its Batch that does nothing."""
    with open_world(tmp_path_factory.mktemp("world"), 1, CALM) as world:
        yield world
