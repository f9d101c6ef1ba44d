"""A real registry (distribution) as a process, with its own storage."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 30
USER, PASSWORD = "AWS", "correct-horse-battery"

CONFIG = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}, delete: {{enabled: true}}}}
http: {{addr: 127.0.0.1:{port}}}
"""
AUTH = "auth: {{htpasswd: {{realm: batchx, path: {folder}/htpasswd}}}}\n"


@dataclass(frozen=True)
class RegistryServer:
    """Where it is, and who may log in."""

    host: str
    folder: Path
    user: str
    password: str

    def count_blobs(self) -> int:
        return len(list((self.folder / "data").glob("docker/registry/v2/blobs/sha256/*/*")))

    def remove_repository(self, name: str) -> None:
        """Forget a repository's images, as a lifecycle rule does."""
        folder = self.folder / "data" / "docker/registry/v2/repositories" / name / "_manifests"
        subprocess.run(["rm", "-rf", str(folder)], check=True)


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serve_registry(folder: Path, *, is_private: bool) -> Iterator[RegistryServer]:
    port = find_free_port()
    config = CONFIG.format(folder=folder, port=port)
    if is_private:
        done = subprocess.run(
            ["htpasswd", "-Bbn", USER, PASSWORD], capture_output=True, text=True, check=True
        )
        (folder / "htpasswd").write_text(done.stdout)
        config += AUTH.format(folder=folder)
    (folder / "config.yml").write_text(config)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/v2/", process)
        login = (USER, PASSWORD) if is_private else ("", "")
        yield RegistryServer(f"127.0.0.1:{port}", folder, *login)
    finally:
        process.kill()
        process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            assert process.poll() is None, "the registry has ended"
            assert time.monotonic() < deadline, "the registry does not answer"
            time.sleep(0.05)
        else:
            return


def docker_config(*servers: RegistryServer) -> dict[str, object]:
    return {
        "auths": {
            server.host: {"username": server.user, "password": server.password}
            for server in servers
            if server.user
        }
    }


def write_docker_config(folder: Path, *servers: RegistryServer) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(docker_config(*servers)))
    return folder
