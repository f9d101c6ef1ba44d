"""The file that holds a site's module map."""

import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml  # type: ignore[import-untyped]

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.module_map import ModuleMap, make_module_map
from snakemake_executor_plugin_batchx.plan.values import WrongValueError

OPTION = "--batchx-module-map"


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Loads YAML as plain data, and refuses what PyYAML drops: a key that stands twice."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        """Read a mapping. Raises MarkedYAMLError where a key stands twice."""
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            # Lists and mappings as keys are refused when they are constructed.
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    problem = f"key {key.value!r} stands twice"
                    raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
                seen.add(key.value)
        return node


def _parse_yaml(text: str) -> Any:
    return yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader)


def _parse_json(text: str) -> Any:
    # Not as YAML, which refuses tabs.
    return json.loads(text, object_pairs_hook=_join_pairs)


def _join_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for key, value in pairs:
        if key in joined:
            raise ValueError(f"key {key!r} stands twice in one object")
        joined[key] = value
    return joined


FORMATS: Mapping[str, tuple[str, Callable[[str], Any]]] = MappingProxyType(
    {
        ".yaml": ("YAML", _parse_yaml),
        ".yml": ("YAML", _parse_yaml),
        ".json": ("JSON", _parse_json),
        ".toml": ("TOML", tomllib.loads),
    }
)
"""What a file is read as, by the end of its name."""


def read_module_map(path: str) -> ModuleMap:
    """Return the map in a file (`~` is the user's home).

    Raises BatchxError where the file cannot be read, is of no format that batchx reads, or says
    what makes no sense: then with a sentence for each mistake.
    """
    label = f"{OPTION} {path!r}"
    file_format = FORMATS.get(Path(path).suffix.lower())
    if file_format is None:
        *most, last = FORMATS
        raise BatchxError(
            f"{label} is not valid: the file's name must end with {', '.join(most)} or {last}."
        )
    name, parse = file_format
    text = _read_text(path, label)
    try:
        data = parse(text)
    # PyYAML lets through what its constructors raise: KeyError, ValueError, AttributeError …
    except Exception as error:
        raise BatchxError(
            f"{label} is not sound {name} ({_describe_fault(error)}): mend it there."
        ) from error
    try:
        return make_module_map(data)
    except WrongValueError as error:
        raise BatchxError("\n".join(f"{label} {each}." for each in error.reasons)) from error


def _read_text(path: str, label: str) -> str:
    try:
        return Path(path).expanduser().read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BatchxError(
            f"{label} is not text in UTF-8 (byte {error.start + 1}): save it as UTF-8."
        ) from error
    # RuntimeError: the home of a user who is not known; ValueError: a name that no file can have.
    except (OSError, RuntimeError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
        raise BatchxError(
            f"{label} cannot be read ({why}): name a file that is there and that you may read."
        ) from error


def _describe_fault(error: Exception) -> str:
    """Return in one line what a parser found wrong, and where."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}"
    text = " ".join(str(error).split())
    return (
        text
        if isinstance(error, ValueError | yaml.YAMLError)
        else f"{type(error).__name__}: {text}"
    )
