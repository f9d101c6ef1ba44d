"""The `batchx` command."""

import argparse
import os
import sys
from collections.abc import Sequence

from snakemake_executor_plugin_batchx.cli import (
    definitions,
    demo,
    doctor,
    image,
    infra,
    jobs,
    local,
    policy,
    report,
    run,
    runtime,
    sync,
)
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.version import __version__

CLOSED_PIPE = 128 + 13
"""As of a program that SIGPIPE ends."""

COMMANDS = (
    definitions,
    demo,
    doctor,
    image,
    infra,
    jobs,
    local,
    policy,
    report,
    run,
    runtime,
    sync,
)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; each command adds its own part."""
    parser = argparse.ArgumentParser(
        prog="batchx",
        description="Run Snakemake workflows on AWS Batch, every rule in its own container image. "
        "Workflows are run by Snakemake itself: snakemake --executor batchx. This command does "
        "what is around that.",
    )
    parser.add_argument("--version", action="version", version=f"batchx {__version__}")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code. What the user can mend is told in one sentence."""
    try:
        try:
            words, rest = run.split_words(sys.argv[1:] if argv is None else argv)
            args = make_parser().parse_args(words)
            if rest:
                args.snakemake_arguments = rest
            exit_code: int = args.run(args)
        finally:
            sys.stdout.flush()
    except BatchxError as error:
        print(f"batchx: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # `batchx definitions list | head`; what is left unwritten would fail once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE
    return exit_code
