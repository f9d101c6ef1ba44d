"""What of this plugin goes along with jobs: all that they import, and little else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.runtime.tree import PACKAGE, list_own_files

TOP = Path(__file__).parents[2] / PACKAGE


def find_modules() -> dict[str, Path]:
    paths = TOP.rglob("*.py")
    names = {path: ".".join(path.relative_to(TOP.parent).with_suffix("").parts) for path in paths}
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def list_imported(path: Path, *, is_job: bool) -> Iterator[str]:
    """Yield what a module may import; what others import inside functions only heads ask for."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree) if is_job else tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def find_reached(start: str) -> set[Path]:
    """Return the modules that a part of the plugin, and the plugin itself, import."""
    modules = find_modules()
    waiting = [PACKAGE, *(m for m in modules if m.startswith(f"{PACKAGE}.{start}"))]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in reached or name not in modules:
            continue
        reached.add(name)
        is_job = name.startswith((f"{PACKAGE}.{start}", f"{PACKAGE}.storage"))
        waiting += list_imported(modules[name], is_job=is_job)
    return {modules[name] for name in reached}


@pytest.mark.parametrize(
    ("start", "also"),
    [("job", ()), ("account_build.__main__", ("account_build", "runtime"))],
    ids=["job", "builder"],
)
def test_all_that_is_imported_goes_along(start: str, also: tuple[str, ...]) -> None:
    reached = find_reached(start)
    assert len(reached) > 40
    assert reached - set(list_own_files(also).values()) == set()


def test_no_leftovers_go_along() -> None:
    assert not any("__pycache__" in at or at.endswith(".pyc") for at in list_own_files())
