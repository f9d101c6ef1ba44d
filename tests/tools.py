"""What tests need of the machine: skipped where it is missing, failed where it must be there."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest


def need_program(*names: str) -> None:
    """Skip the test if a program is missing; with BATCHX_REQUIRE_TOOLS=1 fail it."""
    missing = [name for name in names if shutil.which(name) is None]
    _settle(", ".join(missing) and f"{', '.join(missing)} is not installed")


def need_docker() -> None:
    """Likewise if no Docker engine answers, with BATCHX_REQUIRE_DOCKER=1."""
    need_program("docker")
    done = subprocess.run(["docker", "version"], capture_output=True, check=False)
    _settle("no Docker engine answers" if done.returncode else "", "BATCHX_REQUIRE_DOCKER")


def _settle(problem: str, demanding: str = "BATCHX_REQUIRE_TOOLS") -> None:
    if problem and os.environ.get(demanding):
        pytest.fail(problem)
    if problem:
        pytest.skip(problem)
