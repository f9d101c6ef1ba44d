"""The commands of `batchx` and their options, as their parsers know them."""

import argparse
import re
from collections.abc import Iterator

from snakemake_executor_plugin_batchx.cli import make_parser
from snakemake_executor_plugin_batchx.reference.markdown import (
    ABSENT,
    make_table,
    mark_code,
    quote,
)

NO_OPTIONS = (argparse._HelpAction, argparse._VersionAction, argparse._SubParsersAction)

SPECIAL = re.compile(r"([*<])(?![^`]*`[^`]*$)")
"""What Markdown would take for a mark of its own."""


def make_commands_section() -> str:
    """Return a heading, a description and a table of options for each command."""
    return describe_commands(make_parser())


def describe_commands(parser: argparse.ArgumentParser) -> str:
    """Return the same for all commands below a parser."""
    return "\n".join(_describe(*each) for each in iter_parsers(parser))


def iter_parsers(
    parser: argparse.ArgumentParser, told: str = ""
) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """Yield the parsers of all commands that are run, with what the one above says of each.

    One that has further commands is run, too, if it has options of its own.
    """
    groups = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    if not groups or _list_options(parser):
        yield parser, told
    for group in groups:
        helps = {each.dest: each.help or "" for each in group._choices_actions}
        for name, child in group.choices.items():
            yield from iter_parsers(child, helps.get(name, ""))


def _describe(parser: argparse.ArgumentParser, told: str) -> str:
    shown = _list_options(parser)
    positional = [_name_value(each) for each in shown if not each.option_strings]
    usage = " ".join([parser.prog, *positional, *["[OPTIONS]"] * (len(positional) < len(shown))])
    text = _escape((parser.description or _make_sentence(told)).split("\n\n", maxsplit=1)[0])
    table = make_table(("option", "meaning"), (_describe_action(parser, each) for each in shown))
    return f"## {parser.prog}\n\n{quote(usage)}\n\n{text}\n" + (f"\n{table}" if shown else "")


def _list_options(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    actions = [each for each in parser._actions if each.help != argparse.SUPPRESS]
    return [each for each in actions if not isinstance(each, NO_OPTIONS)]


def _describe_action(parser: argparse.ArgumentParser, action: argparse.Action) -> tuple[str, str]:
    value = _name_value(action) if action.nargs != 0 else ""
    names = [f"{name} {value}".strip() for name in action.option_strings] or [value]
    told = parser._get_formatter()._expand_help(action) if action.help else ABSENT
    return ", ".join(map(quote, names)), _escape(mark_code(told))


def _name_value(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        name = action.metavar
    elif action.choices:
        name = "|".join(map(str, action.choices))
    else:
        name = action.dest.upper()
    return {"*": f"[{name} …]", "+": f"{name} […]", "?": f"[{name}]"}.get(str(action.nargs), name)


def _make_sentence(told: str) -> str:
    return f"{told[:1].upper()}{told[1:]}."


def _escape(text: str) -> str:
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))
