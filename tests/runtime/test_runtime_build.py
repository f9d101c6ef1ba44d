"""A runtime of this head: the same each time, small, and ready at once when it is cached."""

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.runtime.build import (
    Runtime,
    find_runtime,
    plan_runtime,
    provide_runtime,
)
from snakemake_executor_plugin_batchx.runtime.layer import LayerFile

BASE_MEGABYTES = 70

BUILD = """
import sys
from pathlib import Path
from snakemake_executor_plugin_batchx.runtime.build import provide_runtime
for layer in provide_runtime(Path(sys.argv[1]), lambda text: print(text, file=sys.stderr)).layers:
    print(layer.digest, layer.diff_id, layer.size)
"""


def list_names(layer: LayerFile) -> list[str]:
    with tarfile.open(layer.path) as tar:
        return tar.getnames()


@pytest.mark.slow
def test_two_builders_at_once_and_another_before(runtime_now: Runtime, tmp_path: Path) -> None:
    builders = [
        subprocess.Popen(
            [sys.executable, "-c", BUILD, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    ended = [builder.communicate() for builder in builders]
    expected = [f"{one.digest} {one.diff_id} {one.size}" for one in runtime_now.layers]
    assert [out.splitlines() for out, _ in ended] == [expected, expected], ended
    assert sum("Packing" in said for _, said in ended) == 1
    entries = {path.name.split("-")[0] for path in (tmp_path / "runtime").iterdir()}
    assert entries == {"base", "own", "lock"}


def test_found_again(runtime_now: Runtime, runtime_cache: Path) -> None:
    said: list[str] = []
    assert provide_runtime(runtime_cache, said.append) == runtime_now
    assert said == []


def test_small(runtime: Runtime) -> None:
    base, own = runtime.layers
    assert base.size <= BASE_MEGABYTES * 1e6
    assert own.size <= 1e6


def test_layers_hold_the_trees(runtime: Runtime) -> None:
    base, own = map(list_names, runtime.layers)
    assert base[0] == "batchx"
    assert {name.split("/")[0] for name in base} == {"batchx"}
    assert {"batchx/bin/python", "batchx/lib/libc.so.6", "batchx/plugin"} <= set(base)
    assert not any("batchx/plugin/" in name for name in base)
    package = "batchx/plugin/snakemake_executor_plugin_batchx"
    assert own[:3] == ["batchx", "batchx/plugin", package]
    assert f"{package}/job/__main__.py" in own
    assert not any(name.startswith((f"{package}/local", f"{package}/cli")) for name in own)
    for layer, tree, at in (
        (base, runtime.base_tree, "batchx"),
        (own, runtime.own_tree, "batchx/plugin"),
    ):
        there = {f"{at}/{path.relative_to(tree)}" for path in tree.rglob("*")}
        assert there == set(layer) - {"batchx", "batchx/plugin"} | (there & {"batchx/plugin"})


def test_everything_is_compiled(runtime: Runtime) -> None:
    tag = sys.implementation.cache_tag
    for tree in (runtime.base_tree, runtime.own_tree):
        sources = list(tree.rglob("*.py"))
        lacking = [
            path
            for path in sources
            if not (path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc").is_file()
        ]
        assert sources
        assert lacking == []


def test_nothing_of_this_machine_is_in_compiled_files(runtime: Runtime) -> None:
    for tree in (runtime.base_tree, runtime.own_tree):
        compiled = [path.read_bytes() for path in tree.rglob("*.pyc")]
        assert not any(str(tree.parent).encode() in data for data in compiled)
        assert all(b"/batchx/" in data for data in compiled)


def test_damage_is_noticed(tmp_path: Path, runtime: Runtime) -> None:
    """What was copied without its layer, or with another library beside it, is no runtime."""
    plan = plan_runtime()
    for layer, name in zip(runtime.layers, (plan.base_name, plan.own_name), strict=True):
        entry = tmp_path / "runtime" / name
        (entry / "tree").mkdir(parents=True)
        for file in ("layer.tar.gz", "layer.json", "libraries.json"):
            (entry / file).symlink_to(layer.path.parent / file)
    assert find_runtime(plan, tmp_path)
    libraries = tmp_path / "runtime" / plan.base_name / "libraries.json"
    text = libraries.read_text()
    libraries.unlink()
    libraries.write_text(text.replace("[", "[1", 1))
    assert find_runtime(plan, tmp_path) is None
