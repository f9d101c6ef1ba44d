"""The rules of the house: who may import whom, and how large things may grow."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "snakemake_executor_plugin_batchx"
ROOT = Path(__file__).parents[1] / PACKAGE
MODULES = sorted(ROOT.rglob("*.py"))

MAX_MODULE_LINES = 350
MAX_FUNCTION_LINES = 40

ALLOWED = {
    "spec.py": set(),
    "packets.py": set(),
    "errors.py": set(),
    "denials.py": set(),
    "plan": {"plan", "spec", "errors"},
    "images": {"images", "plan", "denials", "errors"},
    "permissions": {"permissions", "images", "plan", "spec", "errors"},
    "infra": {
        "infra",
        *("permissions", "batch", "images", "aws", "storage", "plan", "denials", "errors"),
    },
    "runtime": {"runtime", "spec", "errors"},
    "storage": {"storage", "packets", "spec", "denials", "errors"},
    "job": {"job", "storage", "packets", "spec", "errors", "version"},
    "checks": {"checks", "plan", "denials", "errors"},
    "batch": {"batch", "checks", "aws", "plan", "spec", "denials", "errors"},
    "logs": {"logs", "aws", "plan", "denials", "errors", "spec"},
    "account_build": {"account_build", "batch", "plan", "runtime", "storage", "spec", "errors"},
}
"""What a part may import of ours; parts that are not named may import anything."""

AWS_CLIENTS = (
    "aws/",
    "local/",
    "storage/bulk_reads.py",
    "storage/checksums.py",
    "storage/gateway.py",
    "storage/native.py",
    "storage/paying.py",
    "storage/s3_provider.py",
    "batch/gateway.py",
    "images/ecr.py",
)
"""The only places that may import boto3, botocore, s3transfer or awscrt."""

OPENS_EMBEDDED_AWS = ("aws/session.py", "local/", "cli/")


def name_module(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def list_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def list_own_parts(path: Path) -> set[str]:
    ours = (n.split(".") for n in list_imports(path) if n.startswith(PACKAGE + "."))
    return {parts[1] for parts in ours}


@pytest.mark.parametrize("path", MODULES, ids=name_module)
def test_imports(path: Path) -> None:
    name = name_module(path)
    part = name.split("/")[0]
    if part in ALLOWED:
        assert list_own_parts(path) <= ALLOWED[part]
    if not name.startswith(AWS_CLIENTS):
        clients = {n.split(".")[0] for n in list_imports(path)} & {
            "boto3",
            "botocore",
            "s3transfer",
            "awscrt",
        }
        assert clients == set()
    if not name.startswith(OPENS_EMBEDDED_AWS):
        assert "local" not in list_own_parts(path)


@pytest.mark.parametrize("path", MODULES, ids=name_module)
def test_sizes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_MODULE_LINES
    functions = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef))
    long = {f.name: (f.end_lineno or 0) - f.lineno + 1 for f in functions}
    assert {name: lines for name, lines in long.items() if lines > MAX_FUNCTION_LINES} == {}


def test_no_two_test_modules_have_one_name() -> None:
    """pytest imports them by name alone: of two it would leave out one, with an error."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
