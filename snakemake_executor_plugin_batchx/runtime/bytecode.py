"""Compiled Python, the same on every build, so that no job compiles.

What a compiled file holds depends on hash seeds and on what its process compiled before it (marshal
notes which objects are shared), so fresh processes compile fixed portions in a fixed order.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.runtime import compile_files
from snakemake_executor_plugin_batchx.runtime.interpreter import Interpreter

PORTION = 150
"""Files a process; changing it changes the runtime's bytes."""


def compile_tree(interpreter: Interpreter, tree: Path, at: str) -> None:
    """Compile all Python files below `tree`, which will stand at the absolute path `at`."""
    tag = sys.implementation.cache_tag
    orders = []
    for path in sorted(tree.rglob("*.py")):
        compiled = path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc"
        orders.append([str(path), str(compiled), f"{at}/{path.relative_to(tree).as_posix()}"])
    portions = [orders[start : start + PORTION] for start in range(0, len(orders), PORTION)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda portion: _compile(interpreter, portion), portions))


def _compile(interpreter: Interpreter, orders: Sequence[Sequence[str]]) -> None:
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    done = subprocess.run(
        [str(interpreter.executable), "-S", "-s", "-P", "-B", compile_files.__file__],
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        env={**kept, "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"},
        check=False,
    )
    if done.returncode:
        raise BatchxError(f"The job runtime cannot be compiled: {done.stderr.strip()[-500:]}")
