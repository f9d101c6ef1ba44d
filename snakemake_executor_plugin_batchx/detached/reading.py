"""Snakemake's arguments, read as Snakemake reads them: with profiles and environment."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.values import Problems
from snakemake_executor_plugin_batchx.settings import LOCAL_QUEUE, ExecutorSettings

EXECUTOR = "batchx"

WITHOUT_HEAD = {
    "dryrun": "--dry-run",
    "touch": "--touch",
    "unlock": "--unlock",
    "lint": "--lint",
    "list_rules": "--list-rules",
    "list_target_rules": "--list-target-rules",
    "summary": "--summary",
    "detailed_summary": "--detailed-summary",
    "dag": "--dag",
    "rulegraph": "--rulegraph",
    "filegraph": "--filegraph",
    "report": "--report",
    "cleanup_metadata": "--cleanup-metadata",
    "delete_all_output": "--delete-all-output",
    "delete_temp_output": "--delete-temp-output",
    "archive": "--archive",
    "print_compilation": "--print-compilation",
}
"""What Snakemake does without jobs, by the names of its parser's values (snakemake/cli.py)."""


@dataclass(frozen=True)
class Storage:
    """The default storage, with the names that Snakemake's settings have."""

    default_storage_provider: str | None
    default_storage_prefix: str | None


@dataclass(frozen=True)
class Asked:
    """What Snakemake's arguments say.

    `settings` are our executor's; `directory` is where the run works. `named` are options with the
    absolute paths that they name, `profiles` texts of profiles that the user's configuration folder
    holds, by their paths below it.
    """

    arguments: tuple[str, ...]
    settings: ExecutorSettings
    storage: Storage
    snakefile: str
    directory: str
    named: tuple[tuple[str, str], ...]
    profiles: dict[str, str]


def read_arguments(words: Sequence[str]) -> Asked:
    """Return what arguments of Snakemake say, in the folder where this runs.

    A `snakemake` before them is passed over. Raises BatchxError where Snakemake's parser refuses
    them, or where they are not for a detached run.
    """
    arguments = _skip_command(words)
    args = _parse(arguments)
    problems = Problems()
    if args.executor != EXECUTOR:
        named = f"names the executor {args.executor}" if args.executor else "names no executor"
        problems.add_reasons(
            [f"What stands after -- {named}: give --executor {EXECUTOR}, there or in a profile"]
        )
    problems.add_reasons(
        f"{flag} needs no head: call snakemake itself"
        for name, flag in WITHOUT_HEAD.items()
        if getattr(args, name, None)
    )
    problems.raise_all()
    settings = _read_settings(args)
    if settings.job_queue == LOCAL_QUEUE:
        raise BatchxError(
            "The queue local ends with the run that starts it: for a detached run keep an embedded "
            "AWS standing (batchx local up) and name its queue, or name one of AWS."
        )
    return Asked(
        arguments=arguments,
        settings=settings,
        storage=Storage(args.default_storage_provider, args.default_storage_prefix),
        snakefile=_find_snakefile(args),
        directory=os.path.abspath(args.directory or "."),
        named=tuple(_iter_named(args, settings)),
        profiles=dict(_iter_profiles(args)),
    )


def _skip_command(words: Sequence[str]) -> tuple[str, ...]:
    # A first word that is no option would be a target, and a misspelt `snakemake` one, too.
    if not words or words[0].startswith("-"):
        return tuple(words)
    if Path(words[0]).name != "snakemake":
        raise BatchxError(f"After -- stands {words[0]}: put snakemake there, before its arguments.")
    return tuple(words[1:])


def _parse(arguments: Sequence[str]) -> Any:
    # Not at the top: other commands of `batchx` need no Snakemake.
    from snakemake import cli  # noqa: PLC0415
    from snakemake_interface_common.exceptions import ApiError  # noqa: PLC0415

    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            _, args = cli.parse_args(list(arguments))
    except (ApiError, OSError, ValueError) as error:
        raise BatchxError(f"Snakemake's arguments cannot be read: {error}") from error
    except SystemExit as end:
        if not end.code:  # --help, --version
            raise
        # Of argparse, all options before the one line that says what is wrong.
        reason = told.getvalue().strip().rpartition("\n")[2].rpartition("rror: ")[2]
        raise BatchxError(f"Snakemake's arguments cannot be read: {reason}") from end
    sys.stderr.write(told.getvalue())
    return args


def _read_settings(args: Any) -> ExecutorSettings:
    from snakemake_interface_executor_plugins.registry import (  # noqa: PLC0415
        ExecutorPluginRegistry,
    )

    settings = ExecutorPluginRegistry().get_plugin(EXECUTOR).get_settings(args)
    return settings if isinstance(settings, ExecutorSettings) else ExecutorSettings()


def _find_snakefile(args: Any) -> str:
    from snakemake.api import resolve_snakefile  # noqa: PLC0415

    found = resolve_snakefile(args.snakefile, allow_missing=True)
    if found is None:
        raise BatchxError(
            f"There is no Snakefile in {os.getcwd()}: start there, or name one by --snakefile."
        )
    return str(found)


def _iter_named(args: Any, settings: ExecutorSettings) -> Iterator[tuple[str, str]]:
    snakefile = _find_snakefile(args)
    if "://" not in snakefile:
        if not os.path.exists(snakefile):
            raise BatchxError(f"The Snakefile {snakefile} is not there.")
        yield "--snakefile", os.path.abspath(snakefile)
    if args.directory:
        yield "--directory", os.path.abspath(args.directory)
    for path in args.configfile or ():
        if not os.path.exists(path):
            raise BatchxError(f"--configfile {path} is not there.")
        yield "--configfile", os.path.abspath(path)
    for profile in args.profile or ():
        if os.path.exists(profile):
            yield "--profile", os.path.abspath(profile)
    if args.workflow_profile not in (None, "none") and os.path.exists(args.workflow_profile):
        yield "--workflow-profile", os.path.abspath(args.workflow_profile)
    yield from _iter_named_by_settings(settings)


def _iter_named_by_settings(settings: ExecutorSettings) -> Iterator[tuple[str, str]]:
    if settings.module_map:
        yield "--batchx-module-map", os.path.abspath(settings.module_map)
    if settings.report and os.path.isabs(settings.report):  # elsewhere it would never come home
        yield "--batchx-report", os.path.normpath(settings.report)


def _iter_profiles(args: Any) -> Iterator[tuple[str, str]]:
    """Yield the profiles that are called by their names, from wherever Snakemake finds them."""
    from snakemake.cli import get_profile_dir  # noqa: PLC0415

    for profile in args.profile or ():
        found = None if os.path.exists(profile) else get_profile_dir(profile)
        if found is not None:
            folder, file = found
            name = profile if folder.name == Path(profile).name else ""
            yield str(Path(name, file.name)), file.read_text(encoding="utf-8")
