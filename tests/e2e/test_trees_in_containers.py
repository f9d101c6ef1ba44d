"""Any tree through a container and back: what comes to the head is what went from it."""

import os
import random
import stat
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from runs import Workspace
from tool_images import provide_image

from snakemake_executor_plugin_batchx.permissions.scope import S3Place
from snakemake_executor_plugin_batchx.spec import SMALL_FILE_BYTES
from snakemake_executor_plugin_batchx.storage.layout import AREA
from snakemake_executor_plugin_batchx.storage.parts import SEND_PART_BYTES

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]

TREES = 12
MIB = 1024**2
IN_PARTS_BYTES = 8 * MIB + 12_345
"""Such a file goes to S3 in parts."""

BUCKET = "trees-in-containers"

WORKFLOW = """
TREES = range({count})

rule all:
    input: expand("out/{{n}}", n=TREES)

rule cp:
    input: expand("in/{{n}}", n=TREES[::2])
    output: directory(expand("out/{{n}}", n=TREES[::2]))
    params: trees=list(TREES[::2])
    container: "{busybox}"
    shell: "for n in {{params.trees}}; do mkdir out/$n && cp -a in/$n/. out/$n || exit 1; done"

rule tar:
    input: expand("in/{{n}}", n=TREES[1::2])
    output: directory(expand("out/{{n}}", n=TREES[1::2]))
    params: trees=list(TREES[1::2])
    container: "{debian}"
    shell:
        "for n in {{params.trees}}; "
        "do mkdir out/$n && tar -C in/$n -c . | tar -C out/$n -x || exit 1; done"
"""

Description = dict[str, tuple[str, bytes | str, bool]]
"""Of a tree: kind, content or target, and whether it is executable, by path."""

NAMES = st.text(
    st.sampled_from("aZ0 .-_~'\"`$*?&;|<>(){}[]%#!\\\t\nüñ日😀\u0301"), min_size=1, max_size=9
)
NAMES = NAMES.filter(lambda name: name not in {".", ".."})
FILES = st.tuples(
    st.sampled_from([0, 1, SMALL_FILE_BYTES, SMALL_FILE_BYTES + 1, 3 * MIB])
    | st.integers(0, 3 * MIB),
    st.booleans(),
)
"""Size in bytes, and whether it is executable."""

FOLDERS = st.dictionaries(
    NAMES,
    st.recursive(FILES, lambda inner: st.dictionaries(NAMES, inner, max_size=4), max_leaves=8),
    min_size=3,
    max_size=6,
)
LINKS = st.lists(st.tuples(NAMES, st.integers(0, 99), st.integers(0, 99)), max_size=4)
"""Name, and which folder it is in and which path it leads to, of those that are there."""

Folder = dict[str, "tuple[int, bool] | Folder"]
Links = list[tuple[str, int, int]]


def draw_trees(count: int) -> list[tuple[Folder, Links]]:
    """Return trees that are the same each time: one run of a workflow takes them all."""
    drawn: list[tuple[Folder, Links]] = []

    @settings(
        max_examples=10 * count,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(FOLDERS, LINKS)
    def collect(folder: Folder, links: Links) -> None:
        if all(folder != other for other, _ in drawn):
            drawn.append((folder, links))

    collect()
    return drawn[-count:]  # the first ones are small


def write_folder(path: Path, folder: Folder) -> None:
    path.mkdir(parents=True)
    for name, node in folder.items():
        if isinstance(node, dict):
            write_folder(path / name, node)
        else:
            size, is_executable = node
            (path / name).write_bytes(random.Random(f"{path.name}{name}").randbytes(size))
            (path / name).chmod(0o755 if is_executable else 0o644)


def write_links(top: Path, links: Links) -> None:
    paths = [top, *sorted(top.rglob("*"))]
    folders = [path for path in paths if path.is_dir()]
    for name, place, target in links:
        folder = folders[place % len(folders)]
        if not os.path.lexists(folder / name):
            (folder / name).symlink_to(os.path.relpath(paths[target % len(paths)], folder))


def describe_tree(top: Path) -> Description:
    found: Description = {}
    for parent, folders, files in os.walk(top):
        for name in (*folders, *files):
            path = Path(parent, name)
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                told: tuple[str, bytes | str, bool] = ("link", os.readlink(path), False)
            elif stat.S_ISDIR(mode):
                told = ("dir", "", False)
            else:
                told = ("file", path.read_bytes(), bool(mode & 0o111))
            found[str(path.relative_to(top))] = told
    found.pop(".snakemake_timestamp", None)  # Snakemake's own, in each directory it makes
    return found


def count_writes(workspace: Workspace) -> Counter[tuple[str, int]]:
    """Return how often each data object was written, by key and size: all versions are kept."""
    pages = workspace.client("s3").get_paginator("list_object_versions").paginate(Bucket=BUCKET)
    found = [(each["Key"], each["Size"]) for page in pages for each in page.get("Versions", [])]
    return Counter((key, size) for key, size in found if "/.batchx/data/" in key)


def test_trees_come_back_as_they_went(docker_workspace: Workspace) -> None:
    workspace = docker_workspace
    s3 = workspace.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    workspace.allow(area=S3Place(BUCKET, f"run/{AREA}"))
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    images = {"busybox": provide_image("busybox"), "debian": provide_image("python39")}
    workspace.write(Snakefile=WORKFLOW.format(count=TREES, **images))
    for number, (folder, links) in enumerate(draw_trees(TREES)):
        top = workspace.folder / "in" / str(number)
        write_folder(top, {**folder, "in parts": (IN_PARTS_BYTES, True)} if not number else folder)
        write_links(top, links)
    sent = {n: describe_tree(workspace.folder / "in" / str(n)) for n in range(TREES)}
    root = {"SNAKEMAKE_BATCHX_S3_ROOT": f"s3://{BUCKET}/run"}
    writes = []
    for options in ([], ["--forceall"]):
        run = workspace.snakemake(*options, environment=root)
        assert run.exit_code == 0, run.output
        assert {n: describe_tree(workspace.folder / "out" / str(n)) for n in sent} == sent
        writes.append(count_writes(workspace))
    assert {count for (_, size), count in writes[0].items() if size == IN_PARTS_BYTES} == {1}
    # Results of middling size are sent as they are: to ask for them first would be a request too.
    again = [size for _, size in writes[1] - writes[0]]
    assert all(SMALL_FILE_BYTES < size <= SEND_PART_BYTES for size in again), again
