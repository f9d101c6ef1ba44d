"""Makes the outputs of the do-nothing executor's jobs: `python -m head_bench.maker <S3 url>`.

Prints its port, serves one connection, and ends with it.
"""

import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from head_bench.objects import CONNECTIONS, Objects

CONTENT = b"made\n"
S3_SCHEME = "s3://"


def make_output(objects: Objects, output: str) -> None:
    """Make an output: an object of the benchmark's bucket, or a file in this folder."""
    if output.startswith(S3_SCHEME):
        objects.write(output.removeprefix(S3_SCHEME).partition("/")[2], CONTENT)
        return
    path = Path(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)


def serve(listener: socket.socket, objects: Objects) -> None:
    """Make what the one connection asks for, until it is closed."""
    connection, _ = listener.accept()

    def answer(line: bytes) -> None:
        number, *outputs = line.decode().split()
        for output in outputs:
            make_output(objects, output)
        connection.sendall(number.encode() + b"\n")

    with connection, connection.makefile("rb") as lines, ThreadPoolExecutor(CONNECTIONS) as pool:
        for line in lines:
            pool.submit(answer, line)


def main() -> None:
    """Open the port, say it, and serve."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        serve(listener, Objects(sys.argv[1]))


if __name__ == "__main__":
    main()
