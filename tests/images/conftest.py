from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_registry import TestRegistry, run_registry
from image_kit import FakeEcr, Layer, make_layer


@pytest.fixture(scope="session")
def private_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestRegistry]:
    with run_registry(tmp_path_factory.mktemp("private")) as server:
        yield server


@pytest.fixture(scope="session")
def public_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestRegistry]:
    with run_registry(tmp_path_factory.mktemp("public"), is_private=False) as server:
        yield server


@pytest.fixture
def ecr_server(tmp_path: Path) -> Iterator[TestRegistry]:
    """A registry of the test's own that stands for ECR's."""
    folder = tmp_path / "ecr"
    folder.mkdir()
    with run_registry(folder) as server:
        yield server


@pytest.fixture
def ecr(ecr_server: TestRegistry) -> FakeEcr:
    return FakeEcr(ecr_server)


@pytest.fixture(scope="session")
def base_layers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layer, Layer]:
    folder = tmp_path_factory.mktemp("base")
    return (
        make_layer(folder, "one.tar.gz", {"etc/marker": b"base"}),
        make_layer(folder, "two.tar.gz", {"usr/two": b"2"}),
    )


@pytest.fixture(scope="session")
def runtime_layers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Layer, Layer]:
    folder = tmp_path_factory.mktemp("runtime")
    return (
        make_layer(folder, "base.tar.gz", {"batchx/bin/python": b"#!/bin/sh\necho runtime\n"}),
        make_layer(folder, "own.tar.gz", {"batchx/own": b"own"}),
    )
