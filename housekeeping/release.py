"""Version and changelog as one truth: version.py, CHANGELOG.md and the tag of a release agree.

    python -m housekeeping.release set 0.1.0        what is unreleased becomes 0.1.0, of today
    python -m housekeeping.release set 0.2.0.dev0   opens the work on the next version
    python -m housekeeping.release check [v0.1.0]   fails where they differ, by a sentence each
    python -m housekeeping.release notes v0.1.0     prints the section of a version

Versions are as PEP 440 has them, of three numbers (https://semver.org/) or of three and `.devN`
between releases. The changelog is as https://keepachangelog.com/en/1.1.0/ has it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from packaging.version import Version

ROOT = Path(__file__).parents[1]
VERSION_FILE = Path("snakemake_executor_plugin_batchx/version.py")
CHANGELOG = Path("CHANGELOG.md")

UNRELEASED = "Unreleased"
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")

_ASSIGNMENT = re.compile(r'^__version__ = "(?P<version>[^"]*)"$', re.MULTILINE)
_VERSION = re.compile(r"\d+\.\d+\.\d+(\.dev\d+)?")
_HEADING = re.compile(r"^## (?P<text>.*)$", re.MULTILINE)
_NAMED = re.compile(r"\[(?P<name>[^\]]+)\](?: - (?P<date>.+))?")


class ReleaseError(Exception):
    """A version, a changelog or a tag that is not as it must be; its text says how."""


@dataclass(frozen=True)
class Section:
    """A version in the changelog: its name, the date as written ("" for none), what changed."""

    name: str
    date: str
    body: str


def read_version(text: str) -> str:
    """Return the version that the text of version.py assigns.

    Raises ReleaseError unless it does so once.
    """
    found = _ASSIGNMENT.findall(text)
    if len(found) != 1:
        raise ReleaseError(f'{VERSION_FILE} must have one line `__version__ = "x.y.z"`.')
    return str(found[0])


def write_version(text: str, version: str) -> str:
    """Return the text of version.py with this version in place of its own."""
    read_version(text)
    return _ASSIGNMENT.sub(f'__version__ = "{version}"', text)


def list_sections(changelog: str) -> list[Section]:
    """Return the changelog's versions from the top, [Unreleased] among them.

    Raises ReleaseError for a heading that names no version.
    """
    headings = list(_HEADING.finditer(changelog))
    ends = [*(heading.start() for heading in headings), len(changelog)][1:]
    sections = []
    for heading, end in zip(headings, ends, strict=True):
        named = _NAMED.fullmatch(heading["text"])
        if named is None:
            raise ReleaseError(
                f"{CHANGELOG}: `## {heading['text']}` is neither `## [{UNRELEASED}]` nor "
                "`## [x.y.z] - YYYY-MM-DD`."
            )
        body = changelog[heading.end() : end].strip()
        sections.append(Section(named["name"], named["date"] or "", body))
    return sections


def release_section(changelog: str, version: str, day: date) -> str:
    """Return the changelog with what is unreleased as a section of this version and day.

    An empty [Unreleased] stays above it. Raises ReleaseError if there is nothing to release, or
    the version does not come after the last one.
    """
    sections = list_sections(changelog)
    if not sections or sections[0].name != UNRELEASED:
        raise ReleaseError(f"{CHANGELOG} must start with `## [{UNRELEASED}]`.")
    if not sections[0].body:
        raise ReleaseError(f"{CHANGELOG}: nothing stands below [{UNRELEASED}] to be released.")
    if len(sections) > 1 and Version(version) <= Version(sections[1].name):
        raise ReleaseError(f"{version} does not come after {sections[1].name}, the last release.")
    heading = f"## [{UNRELEASED}]"
    return changelog.replace(heading, f"{heading}\n\n## [{version}] - {day.isoformat()}", 1)


def find_problems(version: str, changelog: str, tag: str = "") -> Iterator[str]:
    """Yield a sentence for each thing in which version, changelog and tag ("" for none) differ.

    The version is that of the topmost release; or a `.devN` after it, while no tag is set.
    Raises ReleaseError as list_sections does.
    """
    if not _VERSION.fullmatch(version):
        yield f'{VERSION_FILE}: "{version}" is neither x.y.z nor x.y.z.devN.'
        return
    sections = list_sections(changelog)
    if [each.name for each in sections[:1]] != [UNRELEASED]:
        yield f"{CHANGELOG} must start with `## [{UNRELEASED}]`."
        return
    released = sections[1:]
    yield from _find_problems_of_sections(sections[0], released)
    last = next((each.name for each in released if _VERSION.fullmatch(each.name)), "")
    is_next = Version(version).is_devrelease and (not last or Version(version) > Version(last))
    if version != last and not is_next:
        yield (
            f"{VERSION_FILE} says {version}, the topmost release in {CHANGELOG} is "
            f"{last or 'none'}: `make release VERSION=x.y.z` sets both."
        )
    if tag and tag != f"v{last}":
        yield f"The tag is {tag}, the topmost release in {CHANGELOG} is {last or 'none'}."
    if tag and tag != f"v{version}":
        yield f"The tag is {tag}, {VERSION_FILE} says {version}."


def _find_problems_of_sections(unreleased: Section, released: Sequence[Section]) -> Iterator[str]:
    for section in (unreleased, *released):
        for kind in re.findall(r"^### (.*)$", section.body, re.MULTILINE):
            if kind not in KINDS:
                yield f"{CHANGELOG}: [{section.name}] has `### {kind}`, not one of {KINDS}."
    if unreleased.date:
        yield f"{CHANGELOG}: [{UNRELEASED}] has a date."
    known = [each for each in released if _VERSION.fullmatch(each.name)]
    for section in released:
        if section not in known or Version(section.name).is_devrelease:
            yield f"{CHANGELOG}: [{section.name}] is no version x.y.z."
        if not _is_day(section.date):
            yield f'{CHANGELOG}: [{section.name}] is dated "{section.date}", not YYYY-MM-DD.'
        if not section.body:
            yield f"{CHANGELOG}: nothing stands below [{section.name}]."
    versions = [Version(each.name) for each in known]
    if versions != sorted(set(versions), reverse=True):
        yield f"{CHANGELOG}: its versions are not in order, the newest first."


def _is_day(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def set_version(root: Path, version: str, day: date) -> None:
    """Write this version into version.py, and what is unreleased as its section, below root.

    A `.devN` has no section. Raises ReleaseError before anything is written.
    """
    if not _VERSION.fullmatch(version):
        raise ReleaseError(f'"{version}" is neither x.y.z nor x.y.z.devN.')
    code = (root / VERSION_FILE).read_text(encoding="utf-8")
    changelog = (root / CHANGELOG).read_text(encoding="utf-8")
    if not Version(version).is_devrelease:
        changelog = release_section(changelog, version, day)
    code = write_version(code, version)
    problems = list(find_problems(version, changelog))
    if problems:
        raise ReleaseError("\n".join(problems))
    (root / CHANGELOG).write_text(changelog, encoding="utf-8")
    (root / VERSION_FILE).write_text(code, encoding="utf-8")


def check(root: Path, tag: str = "") -> None:
    """Raises ReleaseError with a sentence for each thing that differs below root."""
    version = read_version((root / VERSION_FILE).read_text(encoding="utf-8"))
    changelog = (root / CHANGELOG).read_text(encoding="utf-8")
    problems = list(find_problems(version, changelog, tag))
    if problems:
        raise ReleaseError("\n".join(problems))


def read_notes(root: Path, tag: str) -> str:
    """Return what changed in the version of this tag; raises ReleaseError for an unknown one."""
    changelog = (root / CHANGELOG).read_text(encoding="utf-8")
    bodies = {f"v{each.name}": each.body for each in list_sections(changelog)}
    if tag not in bodies:
        raise ReleaseError(f"{CHANGELOG} has no section for {tag}.")
    return bodies[tag]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; return 1 after a sentence for what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m housekeeping.release")
    parser.add_argument("--root", type=Path, default=ROOT, help="the checkout (default: this one)")
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("set", help="set the version").add_argument("version")
    actions.add_parser("check", help="compare").add_argument("tag", nargs="?", default="")
    actions.add_parser("notes", help="print what changed").add_argument("tag")
    options = parser.parse_args(arguments)
    try:
        if options.action == "set":
            set_version(options.root, options.version, datetime.now(UTC).date())
        elif options.action == "check":
            check(options.root, options.tag)
        else:
            print(read_notes(options.root, options.tag))
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
