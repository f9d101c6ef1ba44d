"""The end of a job's output: held for its result while all of it goes on to the log."""

import os
import threading
from collections import deque
from collections.abc import Callable

from snakemake_executor_plugin_batchx.job.kept_output import KeptOutput
from snakemake_executor_plugin_batchx.spec import TAIL_BYTES

READ_BYTES = 64 * 1024


class TailPump:
    """Copies what comes through a pipe to `forward` and `kept`, and holds its last TAIL_BYTES.

    The writing end is `write_fd`: make it a child's stdout and stderr, then call
    `close_writer`. `finish` waits for the end of the stream and returns the tail.
    """

    def __init__(self, forward: Callable[[bytes], object], kept: KeptOutput) -> None:
        self._forward = forward
        self._kept = kept
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._lock = threading.Lock()
        self._read_fd, self.write_fd = os.pipe()
        self._thread = threading.Thread(target=self._pump, name="batchx-tail", daemon=True)

    def start(self) -> None:
        """Begin to copy; call it after a fork, for threads do not survive one."""
        self._thread.start()

    def close_writer(self) -> None:
        """Close our copy of the writing end, so that the stream ends with the children."""
        os.close(self.write_fd)

    def finish(self, timeout_seconds: float) -> str:
        """Return the tail once every writer is gone, or after the time given."""
        self._thread.join(timeout_seconds)
        with self._lock:  # a tool that went to the background may write still
            text = b"".join(self._chunks)[-TAIL_BYTES:].decode("utf-8", "replace")
        return text.replace("\0", "�")

    def _pump(self) -> None:
        with os.fdopen(self._read_fd, "rb", buffering=0) as stream:
            while chunk := stream.read(READ_BYTES):
                self._forward(chunk)
                self._kept.add(chunk)
                with self._lock:
                    self._chunks.append(chunk)
                    self._size += len(chunk)
                    while self._size - len(self._chunks[0]) >= TAIL_BYTES:
                        self._size -= len(self._chunks.popleft())
