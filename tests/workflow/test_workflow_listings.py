"""Which listed folders a job sees, and where."""

from pathlib import Path

from snakemake_executor_plugin_batchx.storage.absent import Listing
from snakemake_executor_plugin_batchx.workflow.listings import collect_listings
from snakemake_executor_plugin_batchx.workflow.parse_audit import ParseRecord

NAMES = ((".git", True), (".hidden", False), ("a.fq", False), ("deep", True))


def collect(*listed: str, absolutely: tuple[str, ...] = ()) -> list[Listing]:
    record = ParseRecord(
        listed=dict.fromkeys((*listed, *absolutely), NAMES),
        listed_absolutely=frozenset(absolutely),
    )
    return collect_listings(record, {"/home/me/project"}, "/home/me/project")


def test_names_as_they_were_but_hidden_folders() -> None:
    (found,) = collect("/home/me/project/data")
    assert found == Listing("/home/me/project/data", (".hidden", "a.fq"), ("deep",))


def test_a_relative_folder_may_lie_anywhere() -> None:
    (found,) = collect("/home/me/reads")
    assert (found.folder, found.keeps_path) == ("/home/me/reads", False)


def test_an_absolute_folder_keeps_its_path() -> None:
    (found,) = collect(absolutely=("/data/reads",))
    assert (found.folder, found.keeps_path) == ("/data/reads", True)


def test_an_absolute_folder_of_the_project_is_found_both_ways() -> None:
    found = collect(absolutely=("/home/me/project/data",))
    assert [each.keeps_path for each in found] == [False, True]


def test_hidden_and_installed_folders_do_not_count() -> None:
    import snakemake  # noqa: PLC0415

    installed = str(Path(snakemake.__file__).parent)
    assert collect("/home/me/project/.snakemake/x", "/home/me/project/__pycache__", installed) == []
    assert collect(absolutely=(installed,)) == []
