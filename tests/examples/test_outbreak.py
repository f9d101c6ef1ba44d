"""The outbreak example on plain Snakemake: real numbers, a sound picture, no needless work."""

import csv
import gzip
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "outbreak"
NOT_COPIED = shutil.ignore_patterns(".snakemake", "results", "logs", "benchmarks")
RESULTS = ("results/regions.tsv", "results/clock.tsv", "results/root.fasta", "results/outbreak.svg")
REGIONS = ("mexico", "california", "texas", "newyork", "europe", "eastasia")
SVG = "{http://www.w3.org/2000/svg}"
STOP_CODONS = {"TAA", "TAG", "TGA"}


def run_snakemake(directory: Path, *arguments: str) -> str:
    """Run the example in `directory` on two cores and return everything Snakemake printed."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", *arguments],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def list_rules_run(output: str) -> list[str]:
    """Return the rule of each job in Snakemake's output, sorted, without the target rule."""
    rules = re.findall(r"^(?:local)?rule (\w+):", output, re.MULTILINE)
    return sorted(rule for rule in rules if rule != "all")


def read_table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, delimiter="\t"))


def read_fasta(text: str) -> dict[str, str]:
    lines = text.split()
    return {name[1:]: bases for name, bases in zip(lines[::2], lines[1::2], strict=True)}


def read_gene(name: str) -> dict[str, str]:
    packed = (EXAMPLE / "data" / f"{name}.fasta.gz").read_bytes()
    return read_fasta(gzip.decompress(packed).decode("ascii"))


def iter_codons(sequence: str, starts: int) -> Iterator[str]:
    """Yield the whole codons of a sequence that begins at place `starts` (from 1) of its gene."""
    for first in range((1 - starts) % 3, len(sequence) - 2, 3):
        yield sequence[first : first + 3]


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A finished copy of the example (read only, please) and what Snakemake printed."""
    directory = tmp_path_factory.mktemp("outbreak") / "copy"
    shutil.copytree(EXAMPLE, directory, ignore=NOT_COPIED)
    return directory, run_snakemake(directory)


@pytest.fixture
def finished_copy(first_run: tuple[Path, str], tmp_path: Path) -> Path:
    """A finished copy at another place, for a test to change."""
    directory = tmp_path / "elsewhere"
    shutil.copytree(first_run[0], directory)
    return directory


def test_data_are_the_published_isolates() -> None:
    isolates = read_table(EXAMPLE / "data" / "isolates.tsv")
    ha, na = read_gene("HA"), read_gene("NA")

    assert len(isolates) == 433
    assert {row["ha"] for row in isolates} == ha.keys()
    assert {row["na"] for row in isolates} == na.keys()
    assert {len(bases) for bases in ha.values()} == {1672}
    assert {len(bases) for bases in na.values()} == {1353}
    california_04 = next(row for row in isolates if row["ha"] == "FJ966082")
    assert (california_04["na"], california_04["date"]) == ("FJ966084", "2009-04-01")


def test_example_is_small() -> None:
    shipped = (path for path in (EXAMPLE / "data").iterdir() if path.is_file())

    assert sum(path.stat().st_size for path in shipped) < 300_000


def test_every_job_runs_once(first_run: tuple[Path, str]) -> None:
    _, output = first_run

    assert list_rules_run(output) == sorted(
        ["root", *["sequences"] * 6, *["mutations"] * 6, "regions", "clock", "figure"]
    )


def test_root_is_in_frame(first_run: tuple[Path, str]) -> None:
    directory, _ = first_run
    root = read_fasta((directory / "results" / "root.fasta").read_text(encoding="ascii"))

    assert {gene: len(bases) for gene, bases in root.items()} == {"HA": 1672, "NA": 1353}
    assert STOP_CODONS.isdisjoint(iter_codons(root["HA"], starts=8))
    assert STOP_CODONS.isdisjoint(iter_codons(root["NA"], starts=35))


def test_regions_table(first_run: tuple[Path, str]) -> None:
    directory, _ = first_run

    assert (directory / "results" / "regions.tsv").read_text(encoding="utf-8") == (
        "region\tisolates\tfirst\tlast\tfounder\tbetween\tclade 7\n"
        "mexico\t22\t2009-04-02\t2009-04-29\t13\t9\t0\n"
        "california\t15\t2009-03-30\t2009-05-01\t14\t0\t1\n"
        "texas\t25\t2009-04-14\t2009-05-22\t22\t1\t2\n"
        "newyork\t104\t2009-04-24\t2009-06-03\t9\t10\t85\n"
        "europe\t42\t2009-04-27\t2009-07-12\t16\t4\t22\n"
        "eastasia\t53\t2009-05-02\t2009-06-29\t12\t17\t24\n"
    )


def test_lineage_agrees_with_the_stored_codons(first_run: tuple[Path, str]) -> None:
    """Counted from the data: ACT (Thr) at HA 220, ATC/ATA (Ile) at NA 106, GAT (Asp) at NA 248."""
    directory, _ = first_run
    ha, na = read_gene("HA"), read_gene("NA")
    partner = {row["ha"]: row["na"] for row in read_table(EXAMPLE / "data" / "isolates.tsv")}

    for region in REGIONS:
        for row in read_table(directory / "results" / "isolates" / f"{region}.tsv"):
            bases = na[partner[row["isolate"]]]
            codons = ha[row["isolate"]][650:653], bases[281:284], bases[707:710]
            derived = (codons[0][:2], codons[1][:2], codons[2][:2]) == ("AC", "AT", "GA")
            assert derived == (row["lineage"] == "clade 7"), (row, codons)


def test_clock_agrees_with_an_independent_fit(first_run: tuple[Path, str]) -> None:
    directory, _ = first_run
    clock = {row["quantity"]: row for row in read_table(directory / "results" / "clock.tsv")}
    isolates = [
        row
        for region in REGIONS
        for row in read_table(directory / "results" / "isolates" / f"{region}.tsv")
    ]
    days = [date.fromisoformat(row["date"]).toordinal() for row in isolates]
    slope, intercept = statistics.linear_regression(
        days, [int(row["mutations"]) for row in isolates]
    )

    rate = clock["substitutions per site and year"]
    assert float(rate["estimate"]) == pytest.approx(slope * 365.25 / 3025, abs=1e-5)
    assert float(rate["low"]) < float(rate["estimate"]) < float(rate["high"])
    ancestor = clock["common ancestor"]
    assert date.fromisoformat(ancestor["estimate"]) == date.fromordinal(round(-intercept / slope))
    assert ancestor["low"] < ancestor["estimate"] < ancestor["high"]
    # Rambaut and Holmes 2009, doi:10.1371/currents.rrn1003: in the first seven weeks of 2009.
    assert "2009-01-01" <= ancestor["estimate"] <= "2009-02-18"


def test_figure_shows_every_isolate_and_its_labels(first_run: tuple[Path, str]) -> None:
    directory, _ = first_run
    figure = ElementTree.parse(directory / "results" / "outbreak.svg").getroot()
    texts = {text.text for text in figure.iter(f"{SVG}text")}
    dots = [dot.get("fill") for dot in figure.findall(f"{SVG}circle")]

    assert figure.tag == f"{SVG}svg"
    assert {"Mexico", "New York City area", "East Asia", "104 isolates", "82 %"} <= texts
    assert {"The molecular clock", "mutations from the root", "22 Jan 2009", "1 May"} <= texts
    # One of each colour is the legend's.
    assert [dots.count(fill) - 1 for fill in ("#93a3b1", "#efb02e", "#c2325a")] == [86, 41, 134]


def test_figure_of_the_readme_is_the_result(first_run: tuple[Path, str]) -> None:
    directory, _ = first_run

    assert (directory / "results" / "outbreak.svg").read_bytes() == (
        EXAMPLE / "outbreak.svg"
    ).read_bytes()


def test_temporary_tables_are_gone(first_run: tuple[Path, str]) -> None:
    directory, _ = first_run

    assert list((directory / "results").glob("sequences/*")) == []


def test_second_run_has_nothing_to_do(finished_copy: Path) -> None:
    output = run_snakemake(finished_copy)

    assert "Nothing to be done" in output
    assert list_rules_run(output) == []


@pytest.mark.parametrize(
    ("deleted", "target", "rules"),
    [
        ("results/regions.tsv", "all", ["regions"]),
        ("results/outbreak.svg", "all", ["figure"]),
        ("results/clock.tsv", "all", ["clock", "figure"]),
        ("results/isolates/texas.tsv", "results/isolates/texas.tsv", ["mutations", "sequences"]),
    ],
)
def test_deleted_result_is_made_again_alone(
    finished_copy: Path, deleted: str, target: str, rules: list[str]
) -> None:
    before = {name: (finished_copy / name).read_bytes() for name in (*RESULTS, deleted)}
    (finished_copy / deleted).unlink()

    output = run_snakemake(finished_copy, target)

    assert list_rules_run(output) == rules
    assert {name: (finished_copy / name).read_bytes() for name in before} == before
