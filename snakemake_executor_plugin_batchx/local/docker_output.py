"""A container's output: from the frames of Docker's attach stream to lines of a log."""

from __future__ import annotations

import os
from contextlib import suppress

from snakemake_executor_plugin_batchx.local.docker_engine import Attachment
from snakemake_executor_plugin_batchx.local.ecs_agent import Nowhere
from snakemake_executor_plugin_batchx.local.log_sink import LineSplitter, LogSink
from snakemake_executor_plugin_batchx.local.orders import ContainerOrder

READ_BYTES = 64 * 1024
HEADER_BYTES = 8


class FrameSplitter:
    """Cuts the attach stream into pieces of stdout (1) and stderr (2).

    Source: https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
    """

    def __init__(self) -> None:
        self._header = b""
        self._stream = 0
        self._missing = 0

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The pieces in ``data``: a frame may come in several."""
        pieces = []
        while data:
            if self._missing == 0:
                wanted = HEADER_BYTES - len(self._header)
                self._header, data = self._header + data[:wanted], data[wanted:]
                if len(self._header) == HEADER_BYTES:
                    self._stream = self._header[0]
                    self._missing = int.from_bytes(self._header[4:], "big")
                    self._header = b""
                continue
            piece, data = data[: self._missing], data[self._missing :]
            self._missing -= len(piece)
            pieces.append((self._stream, piece))
        return pieces


class ContainerOutput:
    """Reads an attachment and passes lines on; stdout and stderr are cut apart, as awslogs does."""

    def __init__(self, order: ContainerOrder, attachment: Attachment, logs: LogSink | Nowhere):
        self.handle = attachment.handle
        self._order = order
        self._attachment = attachment
        self._logs = logs
        self._frames = FrameSplitter()
        self._lines = {stream: LineSplitter() for stream in (0, 1, 2)}

    def read(self) -> bool:
        """Passes what is there on; returns False at the end."""
        with suppress(BlockingIOError):
            try:
                data = os.read(self.handle, READ_BYTES)
            except ConnectionResetError:
                data = b""
            if not data:
                return False
            for stream, piece in self._frames.feed(data):
                self._put(self._lines[stream].feed(piece))
        return True

    def finish(self) -> None:
        """Passes on what is left after the last line's end, and closes."""
        for splitter in self._lines.values():
            self._put(splitter.finish())
        self._attachment.close()

    def _put(self, messages: list[str]) -> None:
        if messages:
            self._logs.put(self._order.log_group, self._order.log_stream, messages)
