"""What lies elsewhere on every machine, and how texts that name it are made comparable."""

import functools
import os
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field

PROJECT = "<project>"


@dataclass(frozen=True)
class Places:
    """Absolute paths of one machine.

    `named` have tokens that stand for them on any machine; `moved` are folders of a job and where
    they lie on the head.
    """

    named: Mapping[str, str]
    moved: Mapping[str, str] = field(default_factory=dict)


def list_head_places(project: str) -> dict[str, str]:
    """Return the places of the head with their tokens; `project` is the folder of all sources."""
    return _drop_root({**_list_own_places(), **_spell({project: PROJECT})})


def make_job_places(head: Mapping[str, str], project: str, top: str) -> Places:
    """Return the places of a job, whose `top` holds what `project` holds on the head."""
    moved = {top: project if project != os.sep else ""}
    return Places({**head, **_drop_root(_list_own_places())}, _spell(moved))


def _list_own_places() -> dict[str, str]:
    return _spell(
        {
            sys.prefix: "<python>",
            tempfile.gettempdir(): "<temporary>",
            os.path.expanduser("~"): "<home>",
        }
    )


def _spell(places: Mapping[str, str]) -> dict[str, str]:
    """Add the paths without links."""
    return {**places, **{os.path.realpath(path): text for path, text in places.items()}}


def _drop_root(places: Mapping[str, str]) -> dict[str, str]:
    return {path: text for path, text in places.items() if path != os.sep}


class Mask:
    """Puts other texts in the place of paths: whole components only, the longest first."""

    def __init__(self, places: Places) -> None:
        kinds = (places.moved, places.named)
        self._steps = [(_compile(frozenset(paths)), dict(paths)) for paths in kinds if paths]

    def hide(self, text: str) -> str:
        """Return a text that does not depend on the machine, as far as paths go."""
        for pattern, paths in self._steps:
            text = _substitute(pattern, paths, text)
        return text


@functools.lru_cache(maxsize=64)  # thousands of jobs have the same places
def _compile(paths: frozenset[str]) -> re.Pattern[str]:
    longest_first = sorted(paths, key=len, reverse=True)
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w.-])")


def _substitute(pattern: re.Pattern[str], texts: Mapping[str, str], text: str) -> str:
    return pattern.sub(lambda found: texts[found.group()], text)
