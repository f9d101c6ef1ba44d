"""The page of all commands: each has a heading, its options, and what it says of itself."""

import argparse

from snakemake_executor_plugin_batchx.cli import COMMANDS
from snakemake_executor_plugin_batchx.reference.command_tables import (
    describe_commands,
    make_commands_section,
)


def make_tool() -> argparse.ArgumentParser:
    """Return a parser with one command of each kind."""
    parser = argparse.ArgumentParser(prog="tool")
    commands = parser.add_subparsers()
    plain = commands.add_parser("plain", help="do nothing")
    plain.add_argument("--hidden", help=argparse.SUPPRESS)
    group = commands.add_parser("group").add_subparsers()
    both = commands.add_parser("both", help="do one thing")
    both.add_argument("--here", action="store_true")
    both.add_subparsers().add_parser("more", help="do two")
    rich = group.add_parser("rich", description="Do *much* of\nit.\n\nAnd more.")
    rich.add_argument("files", metavar="FILE", nargs="+", help="what <to> take")
    rich.add_argument(
        "--kind", choices=("a", "b"), default="a", help="with --all (default: %(default)s)"
    )
    rich.add_argument("-n", "--number", type=int)
    rich.add_argument("--all", action="store_true", help="100 %% of it")
    return parser


def test_a_command_is_told_with_all_its_options() -> None:
    plain, rich, both, more = describe_commands(make_tool()).split("\n## ")
    assert plain == "## tool plain\n\n`tool plain`\n\nDo nothing.\n"
    assert rich == (
        "tool group rich\n\n`tool group rich FILE […] [OPTIONS]`\n\nDo \\*much\\* of it.\n\n"
        "| option | meaning |\n| --- | --- |\n"
        "| `FILE […]` | what \\<to> take |\n"
        "| `--kind a\\|b` | with `--all` (default: a) |\n"
        "| `-n NUMBER`, `--number NUMBER` | – |\n"
        "| `--all` | 100 % of it |\n"
    )

    assert both.startswith("tool both\n\n`tool both [OPTIONS]`\n\nDo one thing.\n\n| option |")
    assert more == "tool both more\n\n`tool both more`\n\nDo two.\n"


def test_all_commands_of_batchx_are_told() -> None:
    told = make_commands_section()
    names = [each.__name__.rpartition(".")[2] for each in COMMANDS]
    assert [name for name in names if f"## batchx {name}" not in told] == []
    assert "\n\n\n" not in told
