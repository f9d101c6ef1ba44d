"""A registry of this machine (distribution v2): as ECR does, it wants the password of user AWS."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools import need_program

from snakemake_executor_plugin_batchx.local.launch import RegistryAccess

START_SECONDS = 30
CONFIG = """
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {folder}/storage}}
  delete: {{enabled: true}}
http: {{addr: {host}}}
"""
AUTH = """
auth:
  htpasswd: {{realm: ECR, path: {folder}/htpasswd}}
"""
USER = "AWS"


@dataclass(frozen=True)
class TestRegistry:
    """A registry that runs: ``access`` is what an embedded AWS is told of it."""

    __test__ = False

    access: RegistryAccess
    password: str
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def host(self) -> str:
        """``127.0.0.1:<port>``."""
        return self.access.host

    @property
    def user(self) -> str:
        """Who may log in; nobody has to where it is empty."""
        return USER if self.password else ""

    @property
    def login(self) -> dict[str, object]:
        """What docker's config.json has in ``auths`` after logging in."""
        entry = {"username": self.user, "password": self.password}
        return {self.host: entry} if self.user else {}

    def count_blobs(self) -> int:
        """How many blobs, manifests among them, it keeps for all repositories."""
        return len(list(self.folder.glob("storage/docker/registry/v2/blobs/sha256/*/*")))

    def find_repository(self, name: str) -> Path:
        """The folder in which it keeps a repository."""
        return self.folder / "storage/docker/registry/v2/repositories" / name

    def remove_images(self, name: str) -> None:
        """Forgets a repository's images, as a lifecycle rule does."""
        shutil.rmtree(self.find_repository(name) / "_manifests")

    def stop(self) -> None:
        """Ends it, as if it had crashed."""
        self.process.terminate()
        self.process.wait(timeout=30)

    def change_password(self, password: str) -> None:
        """As if ECR's tokens had expired: only the new password is taken from now on."""
        write_password(self.folder, password)

    def push(self, local: str, name: str) -> str:
        """Pushes a local image as ``<host>/<name>``; returns its name by digest."""
        remote = f"{self.host}/{name}"
        config = self.folder / "docker"
        docker = ["docker", "--config", str(config)]
        if self.password:
            login = [*docker, "login", "--username", USER, "--password-stdin", self.host]
            password = Path(self.access.password_file).read_text()
            subprocess.run(login, input=password, text=True, capture_output=True, check=True)
        subprocess.run([*docker, "tag", local, remote], check=True)
        try:
            done = subprocess.run(
                [*docker, "push", remote], capture_output=True, text=True, check=True
            )
        finally:
            # Gone from the engine, so that jobs must pull it.
            subprocess.run([*docker, "rmi", remote], capture_output=True, check=False)
        digest = done.stdout.partition("digest: ")[2].split()[0]
        by_digest = f"{remote.rpartition(':')[0]}@{digest}"
        subprocess.run([*docker, "rmi", by_digest], capture_output=True, check=False)
        return by_digest


@contextmanager
def run_registry(folder: Path, *, is_private: bool = True) -> Iterator[TestRegistry]:
    """Runs a registry with its storage in an empty folder, on a free port."""
    need_program("docker-registry", "htpasswd")
    with socket.create_server(("127.0.0.1", 0)) as free:
        host = f"127.0.0.1:{free.getsockname()[1]}"
    password = secrets.token_hex(16) if is_private else ""
    if is_private:
        write_password(folder, password)
    config = folder / "config.yml"
    template = CONFIG + (AUTH if is_private else "")
    config.write_text(template.format(folder=folder, host=host))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(config)], stdout=log, stderr=log
        )
    try:
        wait_until_it_answers(host, process)
        access = RegistryAccess(host, str(folder / "password"))
        yield TestRegistry(access, password, folder, process)
    finally:
        process.terminate()
        process.wait(timeout=30)


def write_password(folder: Path, password: str) -> None:
    """Writes the password, and its bcrypt hash, which the registry reads anew when it changed."""
    command = ["htpasswd", "-niB", "AWS"]
    done = subprocess.run(command, input=password, capture_output=True, text=True, check=True)
    (folder / "htpasswd").write_text(done.stdout)
    (folder / "password").write_text(password)


def wait_until_it_answers(host: str, process: subprocess.Popen[bytes]) -> None:
    """Returns when it answers, be it by demanding a password."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            opener.open(f"http://{host}/v2/", timeout=START_SECONDS).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"docker-registry did not start: it ended with {process.returncode}")
