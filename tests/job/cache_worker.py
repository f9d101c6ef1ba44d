"""A job that wants files of a host's cache, as a process of its own (run by test_host_cache.py).

Arguments: folder, bound in bytes, target folder, log of fetches, a file to wait for while fetching
("" for none), a user to become, and names. Says "fetching" and "placed <inode>" and holds the files
until its standard input ends.
"""

import encodings.ascii  # noqa: F401 - another user may not read the standard library
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from snakemake_executor_plugin_batchx.job.host_cache import open_host_cache
from snakemake_executor_plugin_batchx.spec import HostCacheSpec
from snakemake_executor_plugin_batchx.storage.kept_files import Wanted

SIZE = 1024 * 1024 + 1
MTIME_NS = 1_600_000_000_123_456_789
WAIT_SECONDS = 60


def make_content(name: str) -> bytes:
    return (name.encode() * SIZE)[:SIZE]


def want(name: str, folder: Path, identity: str = "") -> Wanted:
    return Wanted(identity or f"sha256:{name}", SIZE, MTIME_NS, folder / name)


def main() -> None:
    folder, bound, targets, log, gate, user, *names = sys.argv[1:]
    if int(user) != os.geteuid():
        os.setgroups([])
        os.setgid(int(user))
        os.setuid(int(user))

    def fetch(errands: Sequence[tuple[Wanted, Path]]) -> None:
        for wanted, path in errands:
            path.parent.mkdir(parents=True, exist_ok=True)
            content = make_content(wanted.target.name)
            path.with_name("half").write_bytes(content[: SIZE // 2])
            with open(log, "a", encoding="utf-8") as file:
                file.write(wanted.target.name + "\n")
            print("fetching", flush=True)
            deadline = time.monotonic() + WAIT_SECONDS
            while gate and not Path(gate).exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            path.with_name("half").unlink()
            path.write_bytes(content)

    with open_host_cache(HostCacheSpec(folder, "/nowhere", int(bound), ())) as cache:
        wanted = [want(name, Path(targets)) for name in names]
        if cache is None:
            fetch([(each, each.target) for each in wanted])
        else:
            cache.provide_all(wanted, fetch)
        for each in wanted:
            if each.target.read_bytes() != make_content(each.target.name):
                sys.exit(f"{each.target} is wrong")
            print("placed", each.target.stat().st_ino, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
