"""The rules of the house that no linter knows: how large things may grow, how tests are made.

Who may import whom is in pyproject.toml, below [tool.importlinter].
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "snakemake_executor_plugin_batchx"
TESTS = Path(__file__).parent
ROOT = TESTS.parent / PACKAGE
MODULES = sorted(ROOT.rglob("*.py"))

MAX_MODULE_LINES = 350
MAX_FUNCTION_LINES = 40


def name_module(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def list_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=name_module)
def test_sizes(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MAX_MODULE_LINES
    functions = (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef))
    long = {f.name: (f.end_lineno or 0) - f.lineno + 1 for f in functions}
    assert {name: lines for name, lines in long.items() if lines > MAX_FUNCTION_LINES} == {}


def test_no_two_test_modules_have_one_name() -> None:
    """pytest imports them by name alone: of two it would leave out one, with an error."""
    names = [path.name for path in TESTS.rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: path.name)
def test_tests_patch_nothing(path: Path) -> None:
    """What a function needs it is given: clients, clock, sleep and random are arguments."""
    assert [name for name in list_imports(path) if name.startswith("unittest.mock")] == []
