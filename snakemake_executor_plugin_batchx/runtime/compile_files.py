"""A program: compiles Python files for another place, in the order given.

Reads a JSON list of [file, compiled file, name in tracebacks] from standard input. Files that are
no Python (templates, say) are passed over. It stands alone, so that it starts at once.
"""

import json
import py_compile
import sys


def compile_files(orders: list[list[str]]) -> None:
    """Compile each; never checked against its source again."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    for file, compiled, name in orders:
        try:
            py_compile.compile(
                file, compiled, name, doraise=True, optimize=-1, invalidation_mode=mode
            )
        except (py_compile.PyCompileError, UnicodeDecodeError):
            continue


if __name__ == "__main__":
    compile_files(json.load(sys.stdin))
