"""A part of a file as a stream, for clients that read by themselves what they send."""

import io
import os
from typing import Any

from snakemake_executor_plugin_batchx.storage.checksums import Content, Span


class SpanStream(io.RawIOBase):
    """The bytes of a span, from its start to its end.

    It has a descriptor of its own until it is closed or no longer used: a client may read on after
    its request was cancelled, and the number would be another file's by then.
    """

    def __init__(self, span: Span) -> None:
        super().__init__()
        self._span = span
        self._position = 0
        self._descriptor = os.dup(span.descriptor)

    def close(self) -> None:
        """Let go of the file."""
        if not self.closed:
            os.close(self._descriptor)
            self._descriptor = -1
        super().close()

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be sent again."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer as far as that goes; return how many bytes it got.

        Where the file has become shorter, zeros stand for the rest: S3 is not left waiting for it,
        and refuses the whole, for it was told another checksum.
        """
        view = memoryview(buffer)[: self._span.size - self._position]
        if not view:
            return 0
        span = self._span
        count = os.preadv(self._descriptor, [view], span.offset + self._position)
        if not count:
            count = len(view)
            view[:] = bytes(count)
        self._position += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go somewhere; return where that is."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._span.size}
        self._position = base[whence] + offset
        return self._position

    def tell(self) -> int:
        """Return where it is."""
        return self._position


def open_content(content: Content) -> io.RawIOBase | io.BytesIO:
    """Return a content as a stream."""
    return io.BytesIO(content) if isinstance(content, bytes) else SpanStream(content)


def get_size(content: Content) -> int:
    """Return the length of a content in bytes."""
    return len(content) if isinstance(content, bytes) else content.size
