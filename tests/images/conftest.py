from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from image_kit import FakeEcr, Layer, make_layer
from registry_server import RegistryServer, serve_registry
from tools import need_program


@pytest.fixture(scope="session")
def private_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    need_program("docker-registry", "htpasswd")
    with serve_registry(tmp_path_factory.mktemp("private"), is_private=True) as server:
        yield server


@pytest.fixture(scope="session")
def public_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    need_program("docker-registry")
    with serve_registry(tmp_path_factory.mktemp("public"), is_private=False) as server:
        yield server


@pytest.fixture
def ecr_server(tmp_path: Path) -> Iterator[RegistryServer]:
    """A registry of the test's own that stands for ECR's."""
    need_program("docker-registry", "htpasswd")
    folder = tmp_path / "ecr"
    folder.mkdir()
    with serve_registry(folder, is_private=True) as server:
        yield server


@pytest.fixture
def ecr(ecr_server: RegistryServer) -> FakeEcr:
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
