"""Version, changelog and tag agree, and one step sets them."""

from datetime import date
from pathlib import Path

import pytest

from housekeeping.release import (
    CHANGELOG,
    ROOT,
    VERSION_FILE,
    ReleaseError,
    check,
    find_problems,
    list_sections,
    main,
    release_section,
    set_version,
)

HEAD = "# Changelog\n\nIts format.\n\n"
UNRELEASED = "## [Unreleased]\n\n"
NEWS = "### Added\n\n- A thing.\n\n"
FIRST = "## [0.1.0] - 2026-01-31\n\n### Added\n\n- All.\n"
DAY = date(2026, 2, 28)

WHOLE = HEAD + UNRELEASED + NEWS + FIRST


def make_checkout(root: Path, version: str, changelog: str) -> Path:
    (root / VERSION_FILE).parent.mkdir(parents=True)
    (root / VERSION_FILE).write_text(f'"""Words."""\n\n__version__ = "{version}"\n')
    (root / CHANGELOG).write_text(changelog)
    return root


def test_what_stands_here_agrees() -> None:
    check(ROOT)


@pytest.mark.parametrize(
    ("version", "changelog", "tag"),
    [
        ("0.1.0", WHOLE, ""),
        ("0.1.0", WHOLE, "v0.1.0"),
        ("0.1.0", HEAD + UNRELEASED + FIRST, "v0.1.0"),
        ("0.2.0.dev0", WHOLE, ""),
        ("0.1.0.dev0", HEAD + UNRELEASED + NEWS, ""),
    ],
)
def test_nothing_is_said_where_all_agree(version: str, changelog: str, tag: str) -> None:
    assert list(find_problems(version, changelog, tag)) == []


@pytest.mark.parametrize(
    ("version", "changelog", "tag", "says"),
    [
        ("0.2.0", WHOLE, "", "says 0.2.0, the topmost release in CHANGELOG.md is 0.1.0"),
        ("0.1.0.dev3", WHOLE, "", "says 0.1.0.dev3"),
        ("0.1.0", HEAD + UNRELEASED + NEWS, "", "is none"),
        ("1.0", WHOLE, "", '"1.0" is neither'),
        ("0.1.0", HEAD + FIRST, "", "must start with `## [Unreleased]`"),
        ("0.1.0", "", "", "must start with `## [Unreleased]`"),
        ("0.1.0", WHOLE, "0.1.0", "The tag is 0.1.0, the topmost"),
        ("0.1.0", WHOLE, "v0.2.0", "The tag is v0.2.0, the topmost"),
        ("0.2.0.dev0", WHOLE, "v0.1.0", "says 0.2.0.dev0"),
        ("0.1.0", WHOLE.replace("2026-01-31", "31.1.2026"), "", 'dated "31.1.2026"'),
        ("0.1.0", WHOLE.replace("2026-01-31", "2026-02-31"), "", 'dated "2026-02-31"'),
        ("0.1.0", WHOLE.replace("2026-01-31", "20260131"), "", 'dated "20260131"'),
        ("0.1.0", WHOLE.replace("] - 2026-01-31", "]"), "", 'dated ""'),
        ("0.1.0", WHOLE.replace("Unreleased]", "Unreleased] - 2026-01-31"), "", "has a date"),
        ("0.1.0", WHOLE.replace("Added", "New"), "", "[Unreleased] has `### New`"),
        ("0.1.0", WHOLE + "\n## [0.0.9] - 2025-01-01\n", "", "nothing stands below [0.0.9]"),
        ("0.1.0", WHOLE + FIRST.replace("0.1.0", "0.3.0"), "", "not in order"),
        ("0.1.0", WHOLE + FIRST, "", "not in order"),
        ("0.1.0", WHOLE + FIRST.replace("0.1.0", "0.0.1.dev1"), "", "[0.0.1.dev1] is no version"),
        ("0.1.0", WHOLE + FIRST.replace("0.1.0", "older"), "", "[older] is no version"),
    ],
)
def test_what_differs_is_said(version: str, changelog: str, tag: str, says: str) -> None:
    assert says in "\n".join(find_problems(version, changelog, tag))


def test_a_heading_of_another_form_is_refused() -> None:
    with pytest.raises(ReleaseError, match="is neither"):
        list_sections(HEAD + "## 0.1.0\n")


def test_a_release_moves_what_is_unreleased() -> None:
    released = release_section(WHOLE, "0.2.0", DAY)
    assert released == (
        HEAD + "## [Unreleased]\n\n## [0.2.0] - 2026-02-28\n\n### Added\n\n- A thing.\n\n" + FIRST
    )


@pytest.mark.parametrize(
    ("changelog", "version", "says"),
    [
        (HEAD + UNRELEASED + FIRST, "0.2.0", "nothing stands below"),
        (WHOLE, "0.1.0", "does not come after 0.1.0"),
        (HEAD + FIRST, "0.2.0", "must start with"),
    ],
)
def test_what_cannot_be_released_is_said(changelog: str, version: str, says: str) -> None:
    with pytest.raises(ReleaseError, match=says):
        release_section(changelog, version, DAY)


def test_one_step_sets_version_and_section(tmp_path: Path) -> None:
    root = make_checkout(tmp_path, "0.2.0.dev0", WHOLE)
    set_version(root, "0.2.0", DAY)
    assert (root / VERSION_FILE).read_text() == '"""Words."""\n\n__version__ = "0.2.0"\n'
    check(root, "v0.2.0")
    set_version(root, "0.3.0.dev0", DAY)
    check(root)
    assert (root / CHANGELOG).read_text() == release_section(WHOLE, "0.2.0", DAY)


@pytest.mark.parametrize("version", ["0.1.0", "0.2", "v0.2.0", "0.1.0.dev1"])
def test_what_is_refused_changes_nothing(tmp_path: Path, version: str) -> None:
    root = make_checkout(tmp_path, "0.2.0.dev0", WHOLE)
    assert main(["--root", str(root), "set", version]) == 1
    assert (root / CHANGELOG).read_text() == WHOLE
    assert "0.2.0.dev0" in (root / VERSION_FILE).read_text()


def test_notes_are_the_section_of_a_tag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = make_checkout(tmp_path, "0.1.0", WHOLE)
    assert main(["--root", str(root), "check", "v0.1.0"]) == 0
    assert main(["--root", str(root), "notes", "v0.1.0"]) == 0
    assert capsys.readouterr().out == "### Added\n\n- All.\n"
    assert main(["--root", str(root), "notes", "v0.9.0"]) == 1
    assert main(["--root", str(root), "check", "v0.9.0"]) == 1
    assert "no section for v0.9.0" in capsys.readouterr().err
