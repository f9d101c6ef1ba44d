"""Images for tests, made on this machine from Debian's packages: no registry is asked.

Each is a root filesystem given to `docker import`, with a marker in it by which a tool can prove
where it runs. They stay in the engine, under a tag that tells their recipe.
"""

import contextlib
import fcntl
import hashlib
import inspect
import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType

MARKER = "etc/batchx-image"
APPLETS = "cat chmod cp cut echo env grep head id ln ls mkdir mv rm sed sh sleep sort tr true wc"

HOSTILE_LIBRARIES = ("libz.so.1", "libffi.so.8", "libcrypto.so.3", "libstdc++.so.6")

PRELOADED = """
#include <stdlib.h>
__attribute__((constructor)) static void leave_mark(void) { setenv("PRELOADED", "yes", 1); }
"""

HELD_ENVIRONMENT = "dependencies: [held-by-the-image]\n"

CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"

SAY_HELLO = """
#include <stdio.h>
int main(void) { puts("musl says hello"); return 0; }
"""


@dataclass(frozen=True)
class Recipe:
    """How an image is made: what fills its root, and the changes to its configuration."""

    fill: FunctionType
    changes: tuple[str, ...] = ()

    def make_tag(self, name: str) -> str:
        cells = [cell.cell_contents for cell in self.fill.__closure__ or ()]
        recipe = f"{name}{inspect.getsource(self.fill)}{cells}{self.changes}"
        return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def fill_busybox(root: Path) -> None:
    for folder in ("bin", "etc", "tmp"):
        (root / folder).mkdir()
    (root / "tmp").chmod(0o1777)
    shutil.copy(shutil.which("busybox") or "", root / "bin" / "busybox")
    for applet in APPLETS.split():
        (root / "bin" / applet).symlink_to("busybox")


def fill_musl(root: Path) -> None:
    """A root whose one tool needs musl's loader, as Alpine's have."""
    fill_busybox(root)
    (root / "lib").mkdir()
    loader = next(Path("/lib").glob("ld-musl-*.so.1"))
    shutil.copy(os.path.realpath(loader), root / "lib" / loader.name)
    compile_c("musl-gcc", SAY_HELLO, root / "bin" / "say-hello")


def fill_hostile(root: Path) -> None:
    """A Debian whose variables point all programs to libraries that break a foreign Python."""
    fill_from("python39", root)
    hostile = root / "hostile"
    hostile.mkdir()
    for name in HOSTILE_LIBRARIES:
        (hostile / name).write_text("no library at all")
    # Sound for the image's own programs, and another one than the runtime's.
    libc = next((root / "lib").glob("*-linux-gnu/libc.so.6"))
    shutil.copy(libc, hostile / "libc.so.6")
    for name in ("json", "os", "encodings"):
        (hostile / f"{name}.py").write_text("raise SystemExit('the image got in')\n")
    compile_c("gcc", PRELOADED, root / "preloaded.so", "-shared", "-fPIC")


CONDA = Path(__file__).parent / "e2e/tools/conda"
CONDA_SUM = hashlib.sha256((CONDA / "bin/conda").read_bytes()).hexdigest()


def fill_conda(root: Path) -> None:
    """A Debian with a stand-in for conda, and the environment of a `containerized:` rule."""
    fill_from("python39", root)
    shutil.copytree(CONDA, root / "opt/conda")
    name = hashlib.md5(HELD_ENVIRONMENT.encode()).hexdigest()
    programs = root / "conda-envs" / name / "bin"
    programs.mkdir(parents=True)
    (programs / "tool").write_text('#!/bin/sh\necho "the image\'s own"\n')
    (programs / "tool").chmod(0o755)


def fill_without_shell(root: Path) -> None:
    fill_busybox(root)
    (root / "bin/sh").unlink()


def fill_debian(suite: str, *packages: str) -> Callable[[Path], None]:
    def fill(root: Path) -> None:
        options = ["--variant=minbase"]
        if packages:
            options.append(f"--include={','.join(packages)}")
        run("debootstrap", *options, suite, str(root), "http://deb.debian.org/debian")
        for cache in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc"):
            shutil.rmtree(root / cache, ignore_errors=True)
        (root / "var/cache/apt/archives").mkdir()

    return fill


def fill_python_builder(root: Path) -> None:
    """A Debian whose Python makes environments, and trusts whom this machine trusts."""
    fill_debian("bookworm", "python3", "python3-venv")(root)
    trusted = ssl.get_default_verify_paths().cafile or CA_BUNDLE
    (root / CA_BUNDLE[1:]).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(trusted, root / CA_BUNDLE[1:])


def fill_from(name: str, root: Path) -> None:
    """Fill a root with what another image holds."""
    made = run("docker", "create", provide_image(name), "true").strip()
    try:
        with subprocess.Popen(["docker", "export", made], stdout=subprocess.PIPE) as export:
            subprocess.run(["tar", "-C", str(root), "-x"], stdin=export.stdout, check=True)
    finally:
        run("docker", "rm", made)


def compile_c(compiler: str, source: str, path: Path, *options: str) -> None:
    command = [compiler, "-x", "c", "-", "-O1", *options, "-o", str(path)]
    subprocess.run(command, input=source.encode(), check=True)


RECIPES = {
    "busybox": Recipe(fill_busybox),
    "musl": Recipe(fill_musl),
    "entrypoint": Recipe(
        fill_busybox, ('ENTRYPOINT ["/bin/echo", "the entrypoint got in"]', 'CMD ["and the cmd"]')
    ),
    "user": Recipe(fill_busybox, ("USER 1000:1000", "WORKDIR /etc")),
    "python39": Recipe(fill_debian("bullseye", "python3")),
    "python313": Recipe(fill_debian("trixie", "python3")),
    "python_builder": Recipe(fill_python_builder, (f"ENV PIP_CERT={CA_BUNDLE}",)),
    "r": Recipe(fill_debian("bookworm", "python3", "r-base-core")),
    "conda": Recipe(
        fill_conda, ("ENV PATH=/opt/conda/bin:/usr/bin:/bin", f"LABEL conda={CONDA_SUM}")
    ),
    "shell-less": Recipe(fill_without_shell),
    "hostile": Recipe(
        fill_hostile,
        (
            "ENV PYTHONHOME=/hostile PYTHONPATH=/hostile LD_LIBRARY_PATH=/hostile",
            "ENV LD_PRELOAD=/preloaded.so LANG=xx_YY.ISO-8859-1 PYTHONSTARTUP=/hostile/os.py",
        ),
    ),
}


def run(*command: str) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]} {done.stderr}"
    return done.stdout


def has_image(name: str) -> bool:
    command = ["docker", "image", "inspect", name]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@contextlib.contextmanager
def hold_lock(name: str) -> Iterator[None]:
    """Keep the other test processes from making the same image meanwhile."""
    path = Path(tempfile.gettempdir(), f"batchx-test-{name}.lock")
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def provide_image(name: str) -> str:
    """Return the name of an image in the engine; made if it is not there."""
    recipe = RECIPES[name]
    image = f"batchx-test/{name}:{recipe.make_tag(name)}"
    with hold_lock(name):
        if not has_image(image):
            with tempfile.TemporaryDirectory(prefix="batchx-root-") as folder:
                root = Path(folder, "root")
                root.mkdir()
                recipe.fill(root)
                (root / MARKER).write_text(f"{name}\n")
                import_root(root, image, recipe.changes)
    return image


def import_root(root: Path, image: str, changes: tuple[str, ...] = ()) -> None:
    options = [part for change in changes for part in ("--change", change)]
    with subprocess.Popen(["tar", "-C", str(root), "-c", "."], stdout=subprocess.PIPE) as tar:
        command = ["docker", "import", *options, "-", image]
        subprocess.run(command, stdin=tar.stdout, check=True, capture_output=True)
    assert tar.returncode == 0
