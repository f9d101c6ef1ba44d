"""A kind of contract for import-linter: a part of the package imports some parts of it, no others.

import-linter's own kinds forbid or protect by name (https://import-linter.readthedocs.io/): a part
that is added would be allowed everywhere. Here what is not named is not allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class ImportsOnlyContract(Contract):
    """A part of the root package imports, of that package, itself and what `imports_only` names.

    Both are names below the root package, of a module or a folder. What is imported of other
    packages is not looked at.
    """

    type_name = "imports_only"

    part = fields.StringField()
    imports_only = fields.ListField(subfield=fields.StringField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Return whether it is kept; the metadata has the others' imports, a sentence each.

        Raises ValueError for a name that is nowhere in the package: a rule about nothing.
        """
        (root,) = self.session_options["root_packages"]
        names = [cast(str, self.part), *(cast("list[str] | None", self.imports_only) or ())]
        missing = [name for name in names if f"{root}.{name}" not in graph.modules]
        if missing:
            raise ValueError(f"{self.name}: {root} has no {', '.join(missing)}.")
        allowed = _list_modules(graph, (f"{root}.{name}" for name in names))
        found = [
            f"{importer} -> {imported} (l. {_list_lines(graph, importer, imported)})"
            for importer in sorted(_list_modules(graph, (f"{root}.{self.part}",)))
            for imported in sorted(graph.find_modules_directly_imported_by(importer))
            if imported.split(".")[0] == root and imported not in allowed
        ]
        return ContractCheck(kept=not found, metadata={"found": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print what a check has found."""
        for line in check.metadata["found"]:
            output.print_error(f"- {line}")


def _list_modules(graph: ImportGraph, names: Iterable[str]) -> set[str]:
    return {module for name in names for module in (name, *graph.find_descendants(name))}


def _list_lines(graph: ImportGraph, importer: str, imported: str) -> str:
    details = graph.get_import_details(importer=importer, imported=imported)
    return ", ".join(str(detail["line_number"]) for detail in details)
