"""The tables of the documentation: what the code gives stands there, and what they say holds."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.model import Shape
from hypothesis import given
from hypothesis import strategies as st
from snakemake.resources import Resources

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.cache_folder import read_cache_patterns
from snakemake_executor_plugin_batchx.plan.container_options import ContainerOptions
from snakemake_executor_plugin_batchx.plan.docker_flags import FLAGS, REFUSED_FLAGS, Flag
from snakemake_executor_plugin_batchx.plan.docker_options import parse_container_options
from snakemake_executor_plugin_batchx.plan.fargate import FARGATE_MEMORY_MIB
from snakemake_executor_plugin_batchx.plan.gpu_models import GPU_OF_FAMILY
from snakemake_executor_plugin_batchx.plan.job_options import read_resources
from snakemake_executor_plugin_batchx.plan.options import (
    FARGATE,
    OPTIONS,
    OTHER_RESOURCES,
    Option,
)
from snakemake_executor_plugin_batchx.plan.resources import NO_DEMAND, Demand, read_demand
from snakemake_executor_plugin_batchx.plan.standard_resources import (
    INPUT_RESOURCES,
    STANDARD_RESOURCES,
    ResourceRow,
)
from snakemake_executor_plugin_batchx.plan.volume_sources import FORMS, parse_mount
from snakemake_executor_plugin_batchx.reference import SECTIONS, renew_sections
from snakemake_executor_plugin_batchx.reference.markdown import make_table, mark_code
from snakemake_executor_plugin_batchx.reference.request_tables import (
    API_NAME,
    make_fargate_table,
    make_flags_table,
    make_gpus_table,
    make_options_table,
    make_refused_table,
    make_settings_table,
    make_standard_table,
    make_volumes_table,
)
from snakemake_executor_plugin_batchx.settings import ExecutorSettings

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
ROWS = (*OPTIONS, *STANDARD_RESOURCES, *INPUT_RESOURCES)
CONTAINER = "containerProperties"


def name_row(row: Any) -> str:
    return str(row.resource)


def name_flag(flag: Any) -> str:
    return str(flag.names[0])


def name_document(path: Path) -> str:
    return path.name


def read_example(example: str) -> tuple[str, Any]:
    """Return the name of the resource that an example sets, and the value."""
    name, sign, text = re.split(r"(=|: )", example, maxsplit=1)
    assert (sign == ": ") == (name == "threads"), "threads alone is no resource but a directive"
    return name, ast.literal_eval(text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_document)
def test_a_document_says_what_the_code_gives(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == renew_sections(text), f"{path.name} is old: run make reference"


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_each_section_stands_in_one_document(section: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS]
    assert sum(text.count(f"<!-- generated: {section} -->") for text in texts) == 1


def list_anchors(text: str) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("path", [*DOCUMENTS, *sorted(ROOT.glob("*.md"))], ids=name_document)
def test_links_within_the_documentation_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        if "://" in link:
            continue
        if not target.exists() or (
            anchor and anchor not in list_anchors(target.read_text(encoding="utf-8"))
        ):
            broken.append(link)
    assert broken == []


def test_the_command_renews_files_in_place(tmp_path: Path) -> None:
    old, whole = tmp_path / "old.md", tmp_path / "whole.md"
    old.write_text("Before.\n\n<!-- generated: gpus -->\nold\n<!-- end -->\n\nAfter.\n")
    whole.write_text("Nothing is generated here.\n")
    run_command(old, whole)
    assert old.read_text() == (
        f"Before.\n\n<!-- generated: gpus -->\n{make_gpus_table()}<!-- end -->\n\nAfter.\n"
    )
    assert whole.read_text() == "Nothing is generated here.\n"


def test_the_command_says_which_file_is_wrong(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.md"
    wrong.write_text("<!-- generated: gpu -->\n<!-- end -->\n")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run_command(wrong)
    assert f"{wrong}: No section is called gpu: there are options, " in caught.value.stderr


def run_command(*paths: Path) -> None:
    command = [sys.executable, "-m", "snakemake_executor_plugin_batchx.reference", *map(str, paths)]
    subprocess.run(command, check=True, capture_output=True, text=True)


@pytest.mark.parametrize(
    "text",
    [
        "<!-- generated: gpus -->\n",
        "<!-- generated: gpus -->\n<!-- generated: flags -->\n<!-- end -->\n",
    ],
)
def test_a_section_without_end_is_refused(text: str) -> None:
    with pytest.raises(BatchxError, match="has no line <!-- end -->"):
        renew_sections(text)


def test_several_sections_are_renewed_each_by_itself() -> None:
    empty = "<!-- generated: {} -->\n<!-- end -->\n"
    text = empty.format("gpus") + "between\n" + empty.format("flags")
    renewed = renew_sections(text)
    assert "\nbetween\n" in renewed
    assert make_gpus_table() in renewed
    assert make_flags_table() in renewed
    assert renew_sections(renewed) == renewed


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_a_row_of_a_table_stays_a_row(cells: list[str]) -> None:
    plain = [re.sub(r"[^\S ]|[\x1c-\x1f\x85\u2028\u2029]", " ", cell) for cell in cells]
    table = make_table([f"c{number}" for number, _ in enumerate(plain)], [plain])
    header, line, row = table.splitlines()
    columns = len(plain) + 1
    assert [len(re.findall(r"(?<!\\)\|", each)) for each in (header, line, row)] == [columns] * 3


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("set --init, or not", "set `--init`, or not"),
        ("set `--init` or batchx_array='off'", "set `--init` or `batchx_array='off'`"),
        ("a dash--like this -- is none", "a dash--like this -- is none"),
        ("(--retries)", "(`--retries`)"),
        ("(after =: --batchx-options=--init).", "(after =: `--batchx-options=--init`)."),
    ],
)
def test_flags_and_resources_in_sentences_are_marked_as_code(text: str, marked: str) -> None:
    assert mark_code(text) == marked


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (make_options_table, [each.resource for each in OPTIONS]),
        (make_options_table, OTHER_RESOURCES),
        (make_options_table, [each.flag for each in OPTIONS if each.flag]),
        (make_standard_table, [each.resource for each in STANDARD_RESOURCES]),
        (make_flags_table, [name for flag in FLAGS for name in flag.names]),
        (make_refused_table, [name for flag in REFUSED_FLAGS for name in flag.names]),
        (make_settings_table, [f"--batchx-{each}" for each in ("job-queue", "s3-acl")]),
        (make_volumes_table, ["efs://fs-ID[/folder]:/path[:OPTIONS]", "iam"]),
        (make_gpus_table, GPU_OF_FAMILY),
    ],
)
def test_everything_has_a_row(make: Callable[[], str], names: Iterable[str]) -> None:
    # An option stands with what it takes; the second column has the settings of resources.
    cells = [re.split(r"(?<!\\)\|", line)[1:3] for line in make().splitlines()[2:]]
    quoted = {each.split(" ")[0] for row in cells for each in re.findall(r"`([^`]+)`", str(row))}
    assert cells
    assert set(names) <= quoted


def test_sizes_of_fargate_are_told_briefly_and_in_full() -> None:
    for line in make_fargate_table().splitlines()[2:]:
        vcpus, told = (cell.strip() for cell in line.strip("|").split("|"))
        first, *rest = map(float, re.findall(r"[\d.]+", told))
        sizes = [first, *rest]
        if "to" in told:
            last, step = rest[0], rest[1] if "by" in told else 1
            sizes = [first + step * number for number in range(round((last - first) / step) + 1)]
        assert tuple(size * 1024 for size in sizes) == FARGATE_MEMORY_MIB[float(vcpus)]


@pytest.mark.parametrize("setting", fields(ExecutorSettings), ids=lambda each: each.name)
def test_a_setting_is_told_with_its_variable_and_what_help_says(setting: Any) -> None:
    (row,) = (
        line
        for line in make_settings_table().splitlines()
        if f" `SNAKEMAKE_BATCHX_{setting.name.upper()}` |" in line
    )
    assert row.startswith(f"| `--batchx-{setting.name.replace('_', '-')}")
    assert setting.metadata["env_var"]
    assert setting.metadata["help"].endswith(".")
    assert f" | {mark_code(setting.metadata['help'])} |" in row


@pytest.mark.parametrize("option", OPTIONS, ids=name_row)
def test_an_option_names_a_setting_that_is_there(option: Option) -> None:
    names = {each.name for each in fields(ExecutorSettings)}
    # What an image is by default, Snakemake's own --container-image says.
    assert option.setting in names if option.name != "image" else option.setting is None


@pytest.mark.parametrize("option", OPTIONS, ids=name_row)
def test_an_option_is_told_to_be_fargates_where_it_is_refused_elsewhere(option: Option) -> None:
    assert (option.where == FARGATE) == (option.needs == "is_fargate")


@pytest.mark.parametrize("option", OPTIONS, ids=name_row)
def test_the_example_of_an_option_is_read(option: Option) -> None:
    name, value = read_example(option.example)
    assert name == option.resource
    assert getattr(read_resources({name: value}, "Rule x"), option.name) == option.read(value)


@pytest.mark.parametrize("row", [each for each in STANDARD_RESOURCES if each.field], ids=name_row)
def test_a_resource_of_snakemake_is_read_from_its_example(row: ResourceRow) -> None:
    name, value = read_example(row.example)
    assert name == row.resource
    read = read_demand({"_cores" if name == "threads" else name: value}, "Rule x")
    assert getattr(read, row.field or "") != getattr(NO_DEMAND, row.field or "")


def test_all_that_is_read_of_snakemakes_resources_has_a_row() -> None:
    told = {row.field for row in STANDARD_RESOURCES if row.field}
    assert told == {each.name for each in fields(Demand)}


@pytest.mark.parametrize(
    "text", re.findall(r"`(\w+)`", "".join(r.kind for r in STANDARD_RESOURCES))
)
def test_other_spellings_of_a_size_are_snakemakes(text: str) -> None:
    value = "16 GB" if "_" not in text else 16_000
    base = text.partition("_")[0]
    normal = {key: each.value for key, each in Resources.from_mapping({text: value}).items()}
    assert set(normal) == {f"{base}_mb"}
    field = "memory_mib" if base == "mem" else "disk_mib"
    assert getattr(read_demand(normal, "Rule x"), field) == pytest.approx(15_500, rel=0.05)


def test_tmpdir_is_snakemakes_own() -> None:
    (row,) = (each for each in STANDARD_RESOURCES if not each.field)
    assert row.resource == "tmpdir"
    assert row.resource in Resources.DEFAULTS["bare"]


def test_the_example_of_reference_data_is_read() -> None:
    assert {row.resource for row in INPUT_RESOURCES} == OTHER_RESOURCES
    (row,) = INPUT_RESOURCES
    name, value = read_example(row.example)
    assert read_cache_patterns({name: value}, "Rule x") == ("ref/*",)


@pytest.mark.parametrize("flag", FLAGS, ids=name_flag)
def test_the_example_of_a_flag_is_read(flag: Flag) -> None:
    assert flag.example.startswith(flag.names[0])
    read = parse_container_options(flag.example)
    assert getattr(read, flag.field) != getattr(ContainerOptions(), flag.field)


def test_help_names_every_flag_that_batch_has() -> None:
    (setting,) = (each for each in fields(ExecutorSettings) if each.name == "options")
    assert set(re.findall(r"--(?!batchx-)[a-z-]+", setting.metadata["help"])) == {
        flag.names[0] for flag in FLAGS
    }


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.prefix)
def test_the_example_of_a_volume_is_read(form: Any) -> None:
    example = form.wanted.rpartition(" ")[2]
    source, _path, is_read_only = parse_mount(example)
    assert is_read_only
    assert str(source)


def walk_shapes(shape: Shape, path: list[str]) -> Shape:
    """Return what a path of members leads to, through lists. Fails where it leads nowhere."""
    while shape.type_name == "list":
        shape = shape.member
    if not path:
        return shape
    assert path[0] in shape.members, f"{shape.name} has no {path[0]}"
    return walk_shapes(shape.members[path[0]], path[1:])


def find_member(model: Any, place: str) -> Shape:
    """Return the shape of `[Operation.]member.member… [WORD]` in the API's model.

    A path that names no operation is RegisterJobDefinition's or SubmitJob's, one that begins with
    none is of containerProperties; WORD is one of the types that the list's things may have.
    """
    path, _, word = place.partition(" ")
    parts = path.split(".")
    operations = ["RegisterJobDefinition", "SubmitJob"]
    if parts[0] in [*operations, "CancelJob"]:
        operations = [parts.pop(0)]
    tops = [model.operation_model(each).input_shape for each in operations]
    tops = [top for top in tops if parts[0] in top.members]
    if not tops:
        tops = [model.operation_model("RegisterJobDefinition").input_shape.members[CONTAINER]]
    shape = walk_shapes(tops[0], parts)
    if word:
        assert word in shape.members["type"].enum
    return shape


def iter_places() -> Iterator[str]:
    for row in ROWS:
        yield from API_NAME.findall(row.goes_to)
    for flag in FLAGS:
        yield flag.api_path


@pytest.fixture(scope="module")
def model() -> Any:
    return botocore.session.Session().get_service_model("batch")


@pytest.mark.parametrize("place", sorted(set(iter_places())))
def test_a_member_of_the_api_is_there(model: Any, place: str) -> None:
    assert find_member(model, place).type_name in {
        *("structure", "string", "integer", "long", "boolean", "map"),
    }


@pytest.mark.parametrize(
    "place", ["containerProperties.tmpfs", "SubmitJob.queue", "containerOverrides.image"]
)
def test_a_member_that_is_not_there_would_be_found(model: Any, place: str) -> None:
    with pytest.raises(AssertionError, match="has no"):
        find_member(model, place)
