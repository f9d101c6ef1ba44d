"""The file of a module map: its formats, and what is told of one that cannot be used."""

from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.module_map_file import read_module_map
from snakemake_executor_plugin_batchx.plan.module_map import Module, ModuleMap

EXPECTED = ModuleMap(
    (
        Module(rule="align_*", queue="big-memory"),
        Module(container="*/samtools", version="1.10"),
    )
)

YAML = """
# The tools of our site
modules:
  - rule: "align_*"
    queue: big-memory
  - container: "*/samtools"
    version: "1.10"
"""

TOML = """
[[modules]]
rule = "align_*"
queue = "big-memory"

[[modules]]
container = "*/samtools"
version = "1.10"
"""

JSON = """{
\t"modules": [
\t\t{"rule": "align_*", "queue": "big-memory"},
\t\t{"container": "*\\/samtools", "version": "1.10"}
\t]
}"""


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("map.yaml", YAML),
        ("map.yml", YAML),
        ("MAP.YAML", "\ufeff" + YAML.replace("\n", "\r\n")),
        ("map.toml", TOML),
        ("map.json", JSON),
    ],
)
def test_a_map_is_read(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode())
    assert read_module_map(str(path)) == EXPECTED


def test_the_home_of_the_user_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "site.toml").write_text(TOML)
    assert read_module_map("~/site.toml") == EXPECTED


def test_entries_may_share_what_an_anchor_names(tmp_path: Path) -> None:
    content = """
modules:
  - &big {rule: "a", queue: first}
  - {<<: *big, queue: second}
"""
    path = tmp_path / "map.yaml"
    path.write_text(content)
    expected = (Module(rule="a", queue="first"), Module(rule="a", queue="second"))
    assert read_module_map(str(path)) == ModuleMap(expected)


def tell_fault(path: str) -> str:
    with pytest.raises(BatchxError) as caught:
        read_module_map(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("m.yaml", "modules:\n  - rule: a: b\n", "YAML (line 2, column 12: mapping values are not"),
        ("m.yaml", "modules: []\nmodules: []", "YAML (line 2, column 1: key 'modules' stands"),
        (
            "m.yaml",
            "modules:\n- rule: a\n  queue: b\n  queue: c\n",
            "YAML (line 4, column 3: key 'queue' stands twice)",
        ),
        ("m.yaml", "? [a]\n: 1", "YAML (line 1, column 3: found unhashable key)"),
        ("m.yaml", "a: !!python/name:os.system", "YAML (line 1, column 4: could not determine a"),
        ("m.yaml", "a: \x01", "YAML (unacceptable character #x0001"),
        ("m.yaml", "modules: 2024-13-45", "YAML (month must be in 1..12)"),
        ("m.yaml", "modules: !!bool x", "YAML (KeyError: 'x')"),
        ("m.yaml", "[" * 5000, "YAML (it is nested too deeply)"),
        ("m.toml", "modules = [\n1,,]", "TOML (Invalid value (at line 2, column 3))"),
        ("m.toml", "modules = []\nmodules = []", "TOML (Cannot overwrite a value"),
        ("m.json", '{"modules":\n[}', "JSON (Expecting value: line 2 column 2 (char 13))"),
        ("m.json", '{"a": 1, "a": 2}', "JSON (key 'a' stands twice in one object)"),
    ],
)
def test_a_file_that_is_not_sound_is_told(
    tmp_path: Path, name: str, content: str, fault: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    told = tell_fault(str(path))
    assert told.startswith(f"--batchx-module-map '{path}' is not sound {fault}")
    assert told.endswith("): mend it there.")
    assert "\n" not in told


def test_each_mistake_of_a_map_has_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("modules:\n- {container: '*/bwa', version: 1.10}\n- {rule: a, qeue: b}\n")
    assert tell_fault(str(path)) == (
        f"--batchx-module-map '{path}' is not valid in module 1 (container '*/bwa'): version is a "
        "number, but must be a text: put it in quotes.\n"
        f"--batchx-module-map '{path}' is not valid in module 2 (rule 'a'): there is no key 'qeue' "
        "(did you mean queue?)."
    )


@pytest.mark.parametrize("content", ["", "# nothing yet\n", "- rule: a\n"])
def test_a_file_without_modules_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(content)
    expected = f"--batchx-module-map '{path}' must hold the key 'modules' with a list of entries."
    assert tell_fault(str(path)) == expected


@pytest.mark.parametrize("name", ["map.txt", "map", "", "yaml", ".yaml", "map.yaml.gz"])
def test_the_end_of_the_name_tells_the_format(name: str) -> None:
    assert tell_fault(name) == (
        f"--batchx-module-map {name!r} is not valid: the file's name must end with .yaml, .yml, "
        ".json or .toml."
    )


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    advice = "name a file that is there and that you may read."
    (tmp_path / "folder.yaml").mkdir()
    for path, why in [
        (f"{tmp_path}/none.yaml", "No such file or directory"),
        (f"{tmp_path}/folder.yaml", "Is a directory"),
        ("~nobody-of-this-name/map.yaml", "Could not determine home directory"),
        ("a\0.yaml", "embedded null byte"),
    ]:
        assert tell_fault(path) == f"--batchx-module-map {path!r} cannot be read ({why}): {advice}"


def test_a_file_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_bytes(b"# caf\xe9\nmodules: []\n")
    expected = f"--batchx-module-map '{path}' is not text in UTF-8 (byte 6): save it as UTF-8."
    assert tell_fault(str(path)) == expected


def test_a_number_too_long_to_be_written_is_told_too(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(f"modules: [{{rule: a, queue: 0x{'f' * 5000}}}]")
    assert "queue is a number, but must be a text: put it in quotes." in tell_fault(str(path))
