"""Every command of the documentation is run, page by page, in the order in which it stands."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_account import (
    SNAKEFILE,
    make_plain_environment,
    make_user_environment,
    open_account,
)
from doc_commands import PAGES, Commands, list_commands, split_commands
from doc_exceptions import EXIT_CODES, NOT_RUN, PREPARATIONS, REPLACEMENTS
from doc_shell import Outcome, is_printed, run_in_one_shell
from tools import need_program

from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

pytestmark = pytest.mark.timeout(600)

OF_PAGE = {page.name: list_commands(page.read_text(encoding="utf-8")) for page in PAGES}
FROM_NOTHING = "tutorial.md"
"""The page for whoever has nothing yet, no account and no file."""
WITH_COMMANDS = [name for name, commands in OF_PAGE.items() if commands and name != FROM_NOTHING]


@pytest.fixture(scope="module")
def account() -> Iterator[EmbeddedAws]:
    with open_account(has_names=True) as aws:
        yield aws


def find_reason(page: str, command: str) -> str | None:
    """Return why a command is not run here, or None. A row fits commands that begin with it."""
    rows = [reason for start, reason in NOT_RUN.get(page, {}).items() if command.startswith(start)]
    return rows[0] if rows else None


def replace_names(page: str, command: str) -> str:
    for name, value in REPLACEMENTS.get(page, {}).items():
        command = command.replace(name, value)
    return command


def list_run(page: str, group: Commands) -> list[str]:
    """Return what is run of commands that stand together, with names for placeholders."""
    kept = [each for each in group.commands if find_reason(page, each) is None]
    return [replace_names(page, each) for each in kept]


def run_page(page: str, folder: Path, environment: dict[str, str]) -> None:
    """Run all commands of a page, and compare what they print, where the page shows it."""
    groups = OF_PAGE[page]
    commands = [command for group in groups for command in list_run(page, group)]
    prepared = textwrap.dedent(PREPARATIONS.get(page, "")).splitlines()
    preparations = list(split_commands(prepared))
    if any("aws " in each for each in [*preparations, *commands]):
        need_program("aws")
    try:
        outcomes = run_in_one_shell([*preparations, *commands], folder, environment)
    finally:
        run_in_one_shell(["batchx local down"], folder, environment)
    failed = [each for each in outcomes if each.exit_code != EXIT_CODES.get(each.command, 0)]
    assert failed == [], tell(failed)
    done = iter(outcomes[len(preparations) :])
    for group in groups:
        printed = "\n".join(next(done).output for _ in list_run(page, group))
        shown = group.printed
        assert shown is None or is_printed(shown, printed), (
            f"{page}:{group.line} prints:\n{printed}"
        )


def tell(outcomes: list[Outcome]) -> str:
    return "\n".join(f"{each.exit_code}: {each.command}\n{each.output}" for each in outcomes)


@pytest.mark.slow
def test_the_tutorial_in_an_empty_folder(tmp_path: Path) -> None:
    run_page(FROM_NOTHING, tmp_path, make_plain_environment(tmp_path))


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_a_page(page: str, account: EmbeddedAws, tmp_path: Path) -> None:
    home = tmp_path / page.removesuffix(".md").lower()
    folder = home / "work"
    folder.mkdir(parents=True)
    (folder / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    run_page(page, folder, make_user_environment(home, account))


@pytest.mark.parametrize("page", NOT_RUN)
def test_what_is_not_run_is_still_shown(page: str) -> None:
    shown = [command for group in OF_PAGE[page] for command in group.commands]
    stale = [row for row in NOT_RUN[page] if not any(each.startswith(row) for each in shown)]
    assert stale == []


@pytest.mark.parametrize("page", REPLACEMENTS)
def test_what_is_replaced_is_still_shown(page: str) -> None:
    shown = [command for group in OF_PAGE[page] for command in group.commands]
    assert [name for name in REPLACEMENTS[page] if not any(name in each for each in shown)] == []


def test_what_ends_badly_is_still_shown() -> None:
    shown = {command for groups in OF_PAGE.values() for each in groups for command in each.commands}
    assert set(EXIT_CODES) <= shown


def test_commands_are_found_however_they_stand() -> None:
    text = textwrap.dedent("""
        Text with `batchx run`.

            batchx one \\
              --two
            cat > a <<'E'
            text
            E

        Then

            batchx: no command

        ```yaml
        batchx-job-queue: q
        ```

        ```sh
        ls 'a
        b'
        ```

        ```text
        said
        ```

            rule a:
                shell: x
        """)
    first, second = list_commands(text)
    assert first.commands == ("batchx one \\\n  --two", "cat > a <<'E'\ntext\nE")
    assert (second.commands, second.printed) == (("ls 'a\nb'",), ("said",))


def test_half_a_command_is_no_command() -> None:
    with pytest.raises(ValueError, match="no end"):
        list(split_commands(["cat <<'E'", "text"]))


@pytest.mark.parametrize(
    ("output", "is_right"),
    [
        ("a 1 b\nx\ny\nend\n", True),
        ("a 1 b\n\nend", True),
        ("a 1 b\nx\ny\n", False),
        ("b\na 1 b\nend\n", False),
        ("a 1 b\nend\nmore\n", False),
    ],
)
def test_what_is_printed_is_compared(output: str, is_right: bool) -> None:
    assert is_printed(["a … b", "…", "end"], output) == is_right


def test_commands_of_one_shell_share_it(tmp_path: Path) -> None:
    commands = ["A=1; cd /", 'printf "%s %s" "$A" "$PWD"', "false"]
    outcomes = run_in_one_shell(commands, tmp_path, {"PATH": "/usr/bin:/bin"})
    assert [(each.exit_code, each.output) for each in outcomes] == [(0, ""), (0, "1 /"), (1, "")]
