"""A Unix socket that passes everything on to another, until its connections are cut."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

READ_BYTES = 64 * 1024


class CuttableSocket:
    """Connections through it can be cut; new ones are taken all the same."""

    def __init__(self, listener: socket.socket, target: Path):
        self._listener = listener
        self._target = target
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut(self) -> int:
        """Cuts what is connected now; returns how many connections these were."""
        connections, self._open = self._open, []
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        return len(connections) // 2

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(str(self._target))
                self._open += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(READ_BYTES):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def open_cuttable_socket(path: Path, target: Path) -> Iterator[CuttableSocket]:
    """A socket at ``path`` that leads to ``target``."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(128)
        cuttable = CuttableSocket(listener, target)
        yield cuttable
        cuttable.cut()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
