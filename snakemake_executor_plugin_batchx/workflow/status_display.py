"""The status line among what Snakemake itself says."""

import logging
import shutil
import time
from typing import Any

from snakemake.settings.enums import Quietness

from snakemake_executor_plugin_batchx.status.teller import StatusTeller
from snakemake_executor_plugin_batchx.terminal_line import TerminalLine

STREAM_HANDLER = "DefaultStreamHandler"
"""Snakemake's own, by which it says things on the terminal (snakemake/logging.py); a logger plugin
that does so takes its place."""

SILENCING = {Quietness.PROGRESS, Quietness.ALL}


def open_status(logger: logging.Logger, workflow: Any) -> StatusTeller:
    """Return what tells the status: a line on Snakemake's terminal, else lines in its log.

    Under --quiet progress and --quiet all neither is shown.
    """
    return StatusTeller(
        time.monotonic,
        # Snakemake's filter leaves out what has a quietness that it was asked for.
        lambda text: logger.info(text, extra={"quietness": Quietness.PROGRESS}),
        _open_line(logger, set(workflow.output_settings.quiet or ())),
    )


def _open_line(logger: logging.Logger, quiet: set[Quietness]) -> TerminalLine | None:
    handler = next((each for each in logger.handlers if each.name == STREAM_HANDLER), None)
    if not isinstance(handler, logging.StreamHandler) or quiet & SILENCING:
        return None
    if not handler.stream.isatty():
        return None
    line = TerminalLine(handler.stream, lambda: shutil.get_terminal_size().columns)

    def clear_line(_record: logging.LogRecord) -> bool:
        line.clear()
        return True

    # Behind its own filters: what these leave out does not touch the terminal.
    handler.addFilter(clear_line)
    return line
