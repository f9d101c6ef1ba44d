"""`python -m snakemake` without the second that its imports take: forked off where they are done.

Each message on the socket whose number it is started with is a request, answered by two: the
child's process id, then its exit code. The child is what `python -m snakemake` is after the same
imports, which look at neither arguments nor folder, and it ends as that would: test_warm_heads.py
compares the two. It differs in that

- modules in its folder do not take the place of those that are imported already,
- all children have the same hash seed: sets of strings are not in another order in each,
- /proc tells the server's command line and variables, and what Python itself takes from its
  variables (PYTHON…, the locale) is the server's; the client gives it those of the children.

Whatever a child starts is a real process, the jobs included.
"""

import gc
import json
import os
import runpy
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

LONGEST_MESSAGE_BYTES = 1 << 20


@dataclass(frozen=True)
class Request:
    """What follows `python -m snakemake`, where it runs, and the file that it writes to."""

    args: list[str]
    folder: str
    environment: dict[str, str]
    output: int


def import_snakemake() -> dict[str, str]:
    """Import what Snakemake does as it starts, all plugins too; return variables this has set."""
    before = dict(os.environ)
    from snakemake.cli import get_argument_parser  # noqa: PLC0415

    get_argument_parser()
    threads = os.listdir("/proc/self/task")
    if len(threads) > 1:
        raise RuntimeError(f"a process with {len(threads)} threads must not fork")
    return {name: value for name, value in os.environ.items() if before.get(name) != value}


def receive_request(client: socket.socket) -> Request | None:
    """Return the next request, None if the client has gone."""
    message, fds, _, _ = socket.recv_fds(client, LONGEST_MESSAGE_BYTES, 1)
    return Request(**json.loads(message), output=fds[0]) if message else None


def fork_heads(client: socket.socket) -> Request | None:
    """Fork for each request, one after the other; return it in the child, None in the server."""
    while request := receive_request(client):
        child = os.fork()
        if child == 0:
            return request
        os.close(request.output)
        client.send(str(child).encode())
        _, status = os.waitpid(child, 0)
        client.send(str(os.waitstatus_to_exitcode(status)).encode())
    return None


def become_head(request: Request, set_by_imports: dict[str, str]) -> None:
    """Give this process the files, variables, folder and arguments of a new one."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for opened, number in ((nothing, 0), (request.output, 1), (request.output, 2)):
        os.dup2(opened, number)
    os.close(nothing)
    os.close(request.output)
    os.environ.clear()
    os.environ.update({**request.environment, **set_by_imports})
    os.chdir(request.folder)
    sys.path[0] = str(Path.cwd())
    sys.argv = [sys.argv[0], *request.args]  # runpy sets the first


def main(number: int) -> None:
    """Serve until the client has gone; what comes back in a child runs Snakemake, and ends so."""
    set_by_imports = import_snakemake()
    gc.freeze()  # or looking for garbage would copy all pages in every child
    with socket.socket(fileno=number) as client:
        request = fork_heads(client)
    if request:
        become_head(request, set_by_imports)
        runpy.run_module("snakemake", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
