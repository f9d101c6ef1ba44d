"""What goes along from the folders of scripts: code and small files, not the data."""

import os
from pathlib import Path

from snakemake_executor_plugin_batchx.workflow.script_trees import (
    LARGE_CODE_BYTES,
    SMALL_BYTES,
    SMALL_FILES,
    SMALL_TOTAL_BYTES,
    choose_tree_files,
    is_large_data,
    iter_tree,
)


def make(folder: Path, **sizes: int) -> dict[str, str]:
    """Make sparse files, `a__py=10` for a.py, and return their paths by the given names."""
    paths = {}
    for name, size in sizes.items():
        path = folder / name.replace("__", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "wb") as file:
            file.truncate(size)
        paths[name] = str(path)
    return paths


def test_code_goes_small_files_go_data_does_not(tmp_path: Path) -> None:
    made = make(
        tmp_path,
        main__py=10,
        lookup__json=11_000_000,
        genome__json=LARGE_CODE_BYTES + 1,
        adapters__fa=SMALL_BYTES,
        reads__bam=SMALL_BYTES + 1,
        more__bam=SMALL_BYTES + 2,
    )
    chosen = choose_tree_files(made.values(), used=set())
    assert {os.path.basename(path) for path in chosen.paths} == {
        "main.py",
        "lookup.json",
        "adapters.fa",
    }
    # The largest first: it is what the warning names.
    left = [os.path.basename(file.path) for file in chosen.left_out]
    assert left == ["genome.json", "more.bam", "reads.bam"]


def test_inputs_stay_without_a_word_unless_they_are_code(tmp_path: Path) -> None:
    made = make(tmp_path, reads__fq=10, settings__yaml=10, big__bam=SMALL_BYTES + 1)
    chosen = choose_tree_files(made.values(), used=set(made.values()))
    assert chosen.paths == (made["settings__yaml"],)
    assert chosen.left_out == ()


def test_many_small_files_are_bounded(tmp_path: Path) -> None:
    count = SMALL_TOTAL_BYTES // SMALL_BYTES + 5
    made = make(tmp_path, **{f"image{n:04}__png": SMALL_BYTES for n in range(count)})
    chosen = choose_tree_files(made.values(), used=set())
    assert len(chosen.left_out) == 5
    assert chosen == choose_tree_files(reversed(made.values()), used=set())


def test_trees_follow_links_but_not_for_ever(tmp_path: Path) -> None:
    top, outside = tmp_path / "scripts", tmp_path / "library"
    make(top, main__py=1)
    make(outside, tool__py=1)
    (top / "lib").symlink_to(outside)
    (outside / "back").symlink_to(top)
    for hidden in (".git", "__pycache__", "venv"):
        make(top / hidden, x__py=1)
    make(top / "venv", pyvenv__cfg=1)
    found = sorted(os.path.relpath(path, top) for path in iter_tree(str(top)))
    assert found == ["lib/tool.py", "main.py"]


def test_what_large_data_is(tmp_path: Path) -> None:
    made = make(tmp_path, a__py=SMALL_BYTES + 1, b__bam=SMALL_BYTES + 1, c__bam=SMALL_BYTES)
    assert [is_large_data(path) for path in made.values()] == [False, True, False]
    assert not is_large_data(str(tmp_path / "gone"))


def test_hidden_files_stay(tmp_path: Path) -> None:
    make(tmp_path, main__py=1)
    (tmp_path / ".env").write_text("AWS_SECRET_ACCESS_KEY=hunter2")
    (tmp_path / ".netrc").write_text("password")
    assert [os.path.basename(path) for path in iter_tree(str(tmp_path))] == ["main.py"]


def test_so_many_small_files_are_bounded(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{number:05}.done") for number in range(SMALL_FILES + 2)]
    for path in paths:
        Path(path).touch()
    chosen = choose_tree_files([*paths, *make(tmp_path, main__py=1).values()], used=set())
    assert len(chosen.paths) == SMALL_FILES + 1
    assert [file.path for file in chosen.left_out] == paths[:-3:-1]


def test_what_nobody_may_read_stays(tmp_path: Path) -> None:
    missing = str(tmp_path / "gone.py")
    assert choose_tree_files([missing], used=set()).paths == ()
