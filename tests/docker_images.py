"""Images for tests, made of this machine's own busybox: no registry is asked."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools import need_docker, need_program

BUSYBOX = "busybox"
USERS = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n"


@dataclass(frozen=True)
class Image:
    """An image of the local engine, by tag and by id (``sha256:…``)."""

    tag: str
    identifier: str


def make_root(files: Mapping[str, str]) -> bytes:
    """A tar file of a root folder with busybox, its applets, two users and ``files``."""
    binary = Path(shutil.which(BUSYBOX) or "").read_bytes()
    listed = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as root:
        for folder, mode in (("bin", 0o755), ("etc", 0o755), ("tmp", 0o1777)):
            _add(root, folder, tarfile.DIRTYPE, mode)
        _add(root, "bin/busybox", tarfile.REGTYPE, 0o755, binary)
        for applet in listed.stdout.split():
            if applet != BUSYBOX:
                _add(root, f"bin/{applet}", tarfile.SYMTYPE, 0o777, link=BUSYBOX)
        for name, text in {"etc/passwd": USERS, **files}.items():
            _add(root, name, tarfile.REGTYPE, 0o644, text.encode())
    return stream.getvalue()


def _add(
    root: tarfile.TarFile, name: str, kind: bytes, mode: int, content: bytes = b"", link: str = ""
) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.mode, member.linkname, member.size = kind, mode, link, len(content)
    root.addfile(member, io.BytesIO(content))


@contextmanager
def import_busybox(
    *, files: Mapping[str, str] | None = None, changes: Sequence[str] = ()
) -> Iterator[Image]:
    """An image with busybox and ``files``; ``changes`` are Dockerfile lines such as ``USER 1000``.

    Its tag is its own; it is removed afterwards.
    """
    need_docker()
    need_program(BUSYBOX)
    tag = f"batchx-test-{os.getpid()}:{uuid.uuid4().hex[:8]}"
    options = [part for change in changes for part in ("--change", change)]
    command = ["docker", "import", *options, "-", tag]
    done = subprocess.run(command, input=make_root(files or {}), capture_output=True, check=True)
    try:
        yield Image(tag, done.stdout.decode().strip())
    finally:
        subprocess.run(["docker", "rmi", "--force", tag], capture_output=True, check=False)
