"""Sources, names and packages put in place in a job, and what is gone afterwards."""

import os
from pathlib import Path

import pytest
from memory_store import MemoryStore
from snakemake.common import get_appdirs

from snakemake_executor_plugin_batchx.job.sources import (
    open_sources,
    prepare_parsing,
    provide_packages,
)
from snakemake_executor_plugin_batchx.spec import (
    Blob,
    Entry,
    JobSpec,
    PackagesSpec,
    Product,
    SharedSpec,
)
from snakemake_executor_plugin_batchx.storage.absent import Listing
from snakemake_executor_plugin_batchx.storage.sources import LASTING_PART, pack_sources
from snakemake_executor_plugin_batchx.storage.transfer import Transfer


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def shared(store: MemoryStore, tmp_path: Path) -> SharedSpec:
    """A project with a Snakefile, a listed folder inside and one outside, and a fetched source."""
    project = tmp_path / "head" / "project"
    project.mkdir(parents=True)
    (project / "Snakefile").write_text("rule a:\n")
    listings = [
        Listing(str(project / "results"), ("a.txt", "b.txt"), ("tree",)),
        Listing(str(project / "results" / "tree"), ("old.txt",), ()),
        Listing(str(tmp_path / "far"), ("far.fq",), (), keeps_path=True),
    ]
    fetched = [(f"{LASTING_PART}/x.smk", str(project / "Snakefile"))]
    path = tmp_path / "sources.tar.gz"
    archive = pack_sources(
        [str(project / "Snakefile")], str(project), str(project), path, listings, fetched
    )
    store.write_bytes("sources", path.read_bytes())
    blob = Blob("sources", 0, archive.size, archive.sha256)
    return SharedSpec(1, "", blob, archive.depth, archive.start_dir, archive.work_dir)


def make_job(inputs: tuple[Entry, ...] = ()) -> JobSpec:
    outputs = (Product("results/a.txt", "output"),)
    return JobSpec(("--cores", "1"), inputs, outputs, (), "lease", "result")


def test_names_stand_until_the_workflow_is_parsed(
    store: MemoryStore, shared: SharedSpec, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    tree = Entry("results/tree", "dir", 0o755, 0)
    with Transfer(store) as transfer, open_sources(transfer, shared, scratch) as sources:
        results = sources.work_dir / "results"
        assert sorted(os.listdir(results)) == ["a.txt", "b.txt", "tree"]
        assert os.listdir(results / "tree") == ["old.txt"]
        assert os.listdir(tmp_path / "far") == ["far.fq"]
        sources.note_inputs((tree,))
        _, end_parsing = prepare_parsing(make_job((tree,)), sources, {})
        end_parsing()
        assert sorted(os.listdir(results)) == ["b.txt", "tree"]
        assert os.listdir(results / "tree") == []
    assert not (tmp_path / "far").exists()


def test_snakemake_finds_what_the_head_had_fetched(
    store: MemoryStore, shared: SharedSpec, tmp_path: Path
) -> None:
    before = get_appdirs().user_cache_dir
    with (
        Transfer(store) as transfer,
        open_sources(transfer, shared, tmp_path / "scratch") as sources,
    ):
        sources.note_inputs(())
        job, end_parsing = prepare_parsing(make_job(), sources, os.environ)
        # As in snakemake/workflow.py, source_cache_path.
        kept = Path(get_appdirs().user_cache_dir, "snakemake", "source-cache")
        assert (kept / "x.smk").read_text() == "rule a:\n"
        end_parsing()
    assert get_appdirs().user_cache_dir == before
    assert job.argv[:2] == ("--cores", "1")
    assert job.argv[-2:] == ("--shared-fs-usage", "source-cache")


@pytest.mark.parametrize("environment", [{}, {"XDG_CACHE_HOME": "/of/the/image"}])
def test_tools_keep_the_cache_of_their_image(
    store: MemoryStore, shared: SharedSpec, tmp_path: Path, environment: dict[str, str]
) -> None:
    before = dict(environment)
    with (
        Transfer(store) as transfer,
        open_sources(transfer, shared, tmp_path / "scratch") as sources,
    ):
        sources.note_inputs(())
        _, end_parsing = prepare_parsing(make_job(), sources, environment)
        assert environment != before
        end_parsing()
    assert environment == before


def test_packages_are_fetched_only_if_one_is_missing(store: MemoryStore, tmp_path: Path) -> None:
    packages = PackagesSpec("packages", ("json", "os"))
    shared = SharedSpec(1, "", Blob("", 0, 0, ""), 0, ".", ".", packages=packages)
    assert provide_packages(store, shared, tmp_path) is None
    assert store.calls["GetObject"] == 0
