"""Where a runner puts a job's output: CloudWatch Logs, as the embedded AWS has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

LONGEST_MESSAGE_BYTES = 256 * 1024
"""Docker's awslogs driver cuts longer lines.

Source: https://docs.docker.com/engine/logging/drivers/awslogs/
"""


class LogSink(Protocol):
    """The few calls of CloudWatch Logs that a runner needs."""

    def has_group(self, group: str) -> bool:
        """True if the log group exists."""

    def create_group(self, group: str) -> None:
        """Creates a log group that does not exist."""

    def create_stream(self, group: str, stream: str) -> None:
        """Creates a log stream in a group."""

    def put(self, group: str, stream: str, messages: Sequence[str]) -> None:
        """Appends messages, all of the present time."""

    def make_stream_arn(self, group: str, stream: str) -> str:
        """The ARN by which IAM knows a stream; of a group, without a stream."""


def provide_group(logs: LogSink, group: str, *, is_creating: bool) -> bool:
    """Creates a log group that does not exist, if wished; returns whether it exists now."""
    if logs.has_group(group):
        return True
    if is_creating:
        logs.create_group(group)
    return is_creating


class LineSplitter:
    """Cuts a stream of bytes into lines that are never longer than CloudWatch takes."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The messages that ``data`` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > LONGEST_MESSAGE_BYTES:
            lines.append(self._rest[:LONGEST_MESSAGE_BYTES])
            self._rest = self._rest[LONGEST_MESSAGE_BYTES:]
        return [text for line in lines for text in _decode(line)]

    def finish(self) -> list[str]:
        """What is left after the last line's end."""
        rest, self._rest = self._rest, b""
        return _decode(rest) if rest else []


def _decode(line: bytes) -> list[str]:
    """CloudWatch takes no empty message: an empty line is a blank, as ECS shows it."""
    text = line.removesuffix(b"\r")
    pieces = range(0, max(len(text), 1), LONGEST_MESSAGE_BYTES)
    return [
        text[start : start + LONGEST_MESSAGE_BYTES].decode("utf-8", "replace") or " "
        for start in pieces
    ]
