"""The parts of the package, as they describe themselves."""

import ast
from pathlib import Path

from snakemake_executor_plugin_batchx.reference.markdown import make_table, mark_code, quote

PACKAGE = Path(__file__).parents[1]


def make_house_table() -> str:
    """Return a table of packages with the first sentence of each one's docstring."""
    files = sorted(PACKAGE.glob("*/__init__.py"))
    rows = [(quote(f"{file.parent.name}/"), mark_code(_read_first_line(file))) for file in files]
    return make_table(("package", "what"), rows)


def _read_first_line(file: Path) -> str:
    docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n", maxsplit=1)[0]
