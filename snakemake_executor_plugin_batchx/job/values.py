"""A rule instance's params and command as texts that the head and the job can compare.

A list of samples that reaches a rule only through its params, or stands in its command, decides
what the rule does as much as its inputs do. Compared is what must be equal wherever the rule runs:
plain values, that come out the same when they are asked for twice. The project's own folder, and
Snakemake's copies of what `workflow.source_path` names, are named by a token, for they lie
elsewhere in the job.
"""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

PROJECT = "<project>"

SOURCE_CACHE = "<source cache>"

SHOWN_CHARACTERS = 200
"""Longer values are compared by what they begin with and a hash."""

NOT_KNOWN = "<TBD>"
"""How Snakemake marks what it can tell only in the job (snakemake/common/tbdstring.py)."""

PLAIN = (str, int, float, bool, type(None))


def describe_values(step: Any, project: str) -> dict[str, str]:
    """Return params and command of a rule instance (a snakemake.jobs.Job), less what varies.

    `project` is the absolute path of the folder that holds the project on this machine.
    """
    cache = step.rule.workflow.sourcecache
    caches = (str(cache.runtime_cache_path), str(cache.cache_path))
    first, second = (_show_params(_expand(step), project, caches) for _ in range(2))
    values = {f"Param {name}": text for name, text in first.items() if second.get(name) == text}
    # Before its fields are filled in: what an f-string of the Snakefile has put into it.
    command = step.rule.shellcmd and show_value(step.rule.shellcmd, project, caches)
    return {**values, "The command": command} if command else values


def find_changed_value(seen: Mapping[str, str], expected: Mapping[str, str]) -> str | None:
    """Return a text that tells a value which is not the same on both sides, else None."""
    for name in sorted(seen.keys() & expected.keys()):
        if seen[name] != expected[name]:
            return (
                f"{name} is not what your machine submitted: "
                f"there {expected[name]}, here {seen[name]},"
            )
    return None


def _expand(step: Any) -> Any:
    """Return the params as Snakemake makes them, asking the workflow's functions anew.

    None where they cannot be made on this machine, as when a function opens an input that lies
    in S3: what Snakemake says of that in the job counts.
    """
    try:
        params, _ = step.rule.expand_params(step.wildcards_dict, step.input, step.output, step)
    except Exception:  # noqa: BLE001 - it is the workflow's own code that is called
        return None
    return params


def _show_params(params: Any, project: str, caches: Sequence[str]) -> dict[str, str]:
    if params is None:
        return {}
    shown = {}
    # The only way to name and value together (snakemake/iocontainers.py, Namedlist).
    for position, (name, value) in enumerate(params._allitems()):
        text = show_value(value, project, caches)
        if text is not None:
            shown[name or f"number {position + 1}"] = text
    return shown


def show_value(value: Any, project: str, caches: Sequence[str] = ()) -> str | None:
    """Return a value as text, None where it is not made of plain values, or not known yet.

    `caches` are Snakemake's own folders for sources, the inner one first.
    """
    plain = _make_plain(value)
    if plain is _NotPlain:
        return None
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True)
    for cache in caches:
        text = text.replace(cache, SOURCE_CACHE)
    text = text.replace(project, PROJECT)
    if NOT_KNOWN in text:
        return None
    if len(text) > SHOWN_CHARACTERS:
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        return f"{text[:SHOWN_CHARACTERS]}… (SHA-256 {digest[:12]})"
    return text


class _NotPlain:
    """Stands for a value that cannot be compared."""


def _make_plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, Mapping):
        parts = [_make_plain(item) for item in value.values()]
        return _NotPlain if _NotPlain in parts else dict(zip(map(str, value), parts, strict=True))
    if isinstance(value, list | tuple | set | frozenset):
        parts = [_make_plain(item) for item in value]
        if _NotPlain in parts:
            return _NotPlain
        return sorted(parts, key=str) if isinstance(value, set | frozenset) else parts
    return _NotPlain
