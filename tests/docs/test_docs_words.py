"""What the text of the documentation names in passing is there: commands, settings, resources."""

from __future__ import annotations

import argparse
import re
from dataclasses import fields
from pathlib import Path

import pytest
from doc_commands import PAGES

from snakemake_executor_plugin_batchx.cli import make_parser
from snakemake_executor_plugin_batchx.plan.options import OPTIONS, OTHER_RESOURCES
from snakemake_executor_plugin_batchx.settings import ExecutorSettings

SETTINGS = {f"--batchx-{each.name.replace('_', '-')}" for each in fields(ExecutorSettings)}
RESOURCES = {each.resource for each in OPTIONS} | OTHER_RESOURCES
MISTAKES = {"batchx_option"}
"""What an example gets wrong, to show what is said of it."""


def find_command(words: list[str]) -> tuple[argparse.ArgumentParser, list[str]]:
    """Return the parser of the command that words begin with, and the words that are left."""
    parser, rest = make_parser(), words
    while rest:
        groups = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
        if not groups or rest[0].startswith(("-", "[")):
            break
        # `batchx policy head|job` is about each of them.
        names = rest[0].split("|")
        assert set(names) <= set(groups[0].choices), f"there is no batchx {rest[0]}"
        parser, rest = groups[0].choices[names[0]], rest[1:]
    return parser, rest


def list_unknown_options(span: str) -> list[str]:
    """Return the options of a command in a text that its parser does not know."""
    parser, rest = find_command(span.split()[1:])
    return [
        word
        for word in (each.strip(".,;:[]()") for each in rest)
        if word.startswith("--") and word.partition("=")[0] not in parser._option_string_actions
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_named_in_a_text_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    spans = re.findall(r"(?<!`)`(batchx [a-z][^`]*)`(?!`)", text)
    # What comes after -- is for another command.
    own = [re.split(r" --(?: |$)", each)[0] for each in spans if "COMMAND" not in each]
    assert {each: list_unknown_options(each) for each in own if list_unknown_options(each)} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_and_resources_named_in_a_text_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    settings = set(re.findall(r"--batchx-[a-z][a-z0-9-]*[a-z0-9](?![a-z0-9-]*[-…])", text))
    resources = set(re.findall(r"(?<![\w.])batchx_[a-z_]*[a-z](?![\w…])", text))
    assert (settings - SETTINGS, resources - RESOURCES - MISTAKES) == (set(), set())


def test_what_is_not_there_would_be_found() -> None:
    assert list_unknown_options("batchx infra up --spot --nothing 3") == ["--nothing"]
    with pytest.raises(AssertionError, match="no batchx nothing"):
        list_unknown_options("batchx nothing")
