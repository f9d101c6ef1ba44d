"""A rule instance's params and command, as hashes that the head and the job can compare.

A list of samples that reaches a rule only through its params, or stands in its command, decides
what the rule does as much as its inputs do. Compared is what must be equal wherever the rule runs:
plain values, that come out the same when they are asked for twice. What lies elsewhere on every
machine (the project, home, temporary files, Snakemake's copies) is named by a token first. Only
hashes travel, and only shapes are told: a param may hold a secret.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from snakemake.io import is_callable

from snakemake_executor_plugin_batchx.job.places import Mask, Places

SOURCE_CACHE = "<source cache>"
STORAGE = "<storage>"

NOT_KNOWN = "<TBD>"
"""How Snakemake marks what it can tell only in the job (snakemake/common/tbdstring.py)."""

PLAIN = (str, int, float, bool, type(None))

HASH_CHARACTERS = 16


def describe_values(step: Any, places: Places) -> dict[str, str]:
    """Return params and command of a rule instance (a snakemake.jobs.Job), less what varies.

    Each as a shape and a hash. `places` are this machine's.
    """
    mask = Mask(replace(places, named={**places.named, **_list_step_places(step, places)}))
    values = _describe_params(step, mask) if step.rule.params else {}
    if any(map(is_callable, step.rule.params)):
        again = _describe_params(step, mask)
        values = {name: text for name, text in values.items() if again.get(name) == text}
    # Before its fields are filled in: what an f-string of the Snakefile has put into it.
    command = describe_value(step.rule.shellcmd, mask) if step.rule.shellcmd else None
    return {**values, "The command": command} if command else values


def find_changed_value(seen: Mapping[str, str], expected: Mapping[str, str]) -> str | None:
    """Return a sentence on a value that is not the same on both sides, else None."""
    for name in sorted(seen.keys() & expected.keys()):
        if seen[name] != expected[name]:
            there, here = (text.rpartition(" ")[0] for text in (expected[name], seen[name]))
            shapes = f"there {there}, here {here}" if there != here else f"both {there}"
            return f"{name} is not what your machine submitted ({shapes})."
    return None


def _list_step_places(step: Any, machine: Places) -> dict[str, str]:
    cache = step.rule.workflow.sourcecache
    caches = (str(cache.runtime_cache_path), str(cache.cache_path))
    places = dict.fromkeys(caches, SOURCE_CACHE)
    # A cached copy's path ends with the file's own (snakemake/sourcecache.py, get_cache_path).
    for here, there in machine.moved.items():
        places |= {f"{path}/file{here}": f"{SOURCE_CACHE}/file{there}" for path in caches}
    for file in (*step.input, *step.output):
        if file.is_storage:
            places[str(file.storage_object.provider.local_prefix)] = STORAGE
    return places


def _describe_params(step: Any, mask: Mask) -> dict[str, str]:
    params = _expand(step)
    shown = {}
    # The only way to name and value together (snakemake/iocontainers.py, Namedlist).
    for position, (name, value) in enumerate(params._allitems() if params is not None else ()):
        text = describe_value(value, mask)
        if text is not None:
            shown[f"Param {name or f'number {position + 1}'}"] = text
    return shown


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


def describe_value(value: Any, mask: Mask) -> str | None:
    """Return shape and hash of a value, None if it is not of plain values, or not known yet."""
    plain = _make_plain(value, mask)
    if plain is _NotPlain:
        return None
    text = json.dumps(plain, sort_keys=True)
    if NOT_KNOWN in text:
        return None
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{_tell_shape(plain)} {digest[:HASH_CHARACTERS]}"


def _tell_shape(plain: Any) -> str:
    if isinstance(plain, str):
        return f"a text of {len(plain)} characters"
    if isinstance(plain, list | dict):
        return f"a collection of {len(plain)}"
    return "nothing" if plain is None else f"a value of type {type(plain).__name__}"


class _NotPlain:
    """Stands for a value that cannot be compared."""


def _make_plain(value: Any, mask: Mask) -> Any:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str):
        return mask.hide(value)
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, Mapping):
        names = [mask.hide(str(key)) for key in value]
        parts = [_make_plain(item, mask) for item in value.values()]
        return _NotPlain if _NotPlain in parts else dict(zip(names, parts, strict=True))
    if isinstance(value, list | tuple | set | frozenset):
        parts = [_make_plain(item, mask) for item in value]
        if _NotPlain in parts:
            return _NotPlain
        return sorted(parts, key=str) if isinstance(value, set | frozenset) else parts
    return _NotPlain
