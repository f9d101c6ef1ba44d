"""Images made by hand, and clients as tests want them."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import random
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.exceptions
from docker_registry import TestRegistry

from snakemake_executor_plugin_batchx.images.access import RegistryAccess
from snakemake_executor_plugin_batchx.images.blobs import BlobCopier, make_bytes_blob
from snakemake_executor_plugin_batchx.images.credentials import Credential, DockerConfig
from snakemake_executor_plugin_batchx.images.deliver import Deliverer, Way
from snakemake_executor_plugin_batchx.images.destination import Destination
from snakemake_executor_plugin_batchx.images.ecr import EcrGateway
from snakemake_executor_plugin_batchx.images.media import (
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    INDEXES,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_MANIFEST,
)
from snakemake_executor_plugin_batchx.images.registry import Registry, hash_bytes
from snakemake_executor_plugin_batchx.images.runtime_layers import RuntimeLayer, use_layer_files
from snakemake_executor_plugin_batchx.images.transport import Retry, Transport, open_pool

CONFIG_OF = {
    OCI_MANIFEST: OCI_CONFIG,
    DOCKER_MANIFEST: "application/vnd.docker.container.image.v1+json",
}
LAYER_OF = {OCI_MANIFEST: OCI_LAYER, DOCKER_MANIFEST: DOCKER_LAYER}


@dataclass
class Waits:
    """Time as a test wants it: sleeping takes none, and is noted."""

    seconds: list[float] = field(default_factory=list)

    def make_retry(self, clock: Callable[[], float] = time.time) -> Retry:
        return Retry(clock, self.seconds.append, random.Random(7).random)


@dataclass(frozen=True)
class Layer:
    """A gzip tar, in memory and on disk."""

    path: Path
    data: bytes
    digest: str
    diff_id: str
    size: int


def make_layer(folder: Path, name: str, files: Mapping[str, bytes]) -> Layer:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o755
            archive.addfile(info, io.BytesIO(content))
    data = gzip.compress(plain.getvalue(), mtime=0)
    (folder / name).write_bytes(data)
    diff_id = "sha256:" + hashlib.sha256(plain.getvalue()).hexdigest()
    return Layer(folder / name, data, hash_bytes(data), diff_id, len(data))


def open_registry(
    host: str, user: str = "", password: str = "", waits: Waits | None = None
) -> Registry:
    credential = Credential(user, password) if user else None
    retry = (waits or Waits()).make_retry()
    return Registry(Transport(host, lambda _renew: credential, open_pool(host, {}), retry))


def open_server(server: TestRegistry) -> Registry:
    return open_registry(server.host, server.user, server.password)


def push_image(
    registry: Registry,
    repository: str,
    tag: str,
    layers: Sequence[Layer],
    config: Mapping[str, Any] | None = None,
    *,
    media_type: str = OCI_MANIFEST,
    has_media_type: bool = True,
    architecture: str = "amd64",
    changes: Mapping[str, Any] | None = None,
) -> str:
    """Push an image made by hand; return its digest."""
    whole = {
        "architecture": architecture,
        "os": "linux",
        "created": "2024-01-02T03:04:05Z",
        "config": dict(config or {}),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
        "history": [{"created_by": "ENV x=y", "empty_layer": True}]
        + [{"created_by": f"ADD {layer.digest}"} for layer in layers],
        "moby.buildkit.cache.v0": "kept",
    }
    raw_config = json.dumps(whole).encode()
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "config": {
            "mediaType": CONFIG_OF[media_type],
            "digest": hash_bytes(raw_config),
            "size": len(raw_config),
        },
        "layers": [
            {"mediaType": LAYER_OF[media_type], "digest": layer.digest, "size": layer.size}
            for layer in layers
        ],
        **(changes or {}),
    }
    if has_media_type:
        manifest["mediaType"] = media_type
    blobs = [make_bytes_blob(raw_config), *(make_bytes_blob(layer.data) for layer in layers)]
    BlobCopier(registry, Waits().make_retry()).copy(repository, blobs, lambda _count: None)
    raw = json.dumps(manifest, indent=2).encode()
    return registry.write_manifest(repository, tag, media_type, raw)


def push_index(
    registry: Registry,
    repository: str,
    tag: str,
    images: Mapping[str, str],
    media_type: str = INDEXES[0],
) -> str:
    """Push an index of platform (os/architecture) to digest."""
    entries = []
    for platform, digest in images.items():
        raw = registry.read_manifest(repository, digest).raw
        system, _, architecture = platform.partition("/")
        entries.append(
            {
                "mediaType": OCI_MANIFEST,
                "digest": digest,
                "size": len(raw),
                "platform": {"os": system, "architecture": architecture},
            }
        )
    raw = json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}).encode()
    return registry.write_manifest(repository, tag, media_type, raw)


class FakeEcr:
    """ECR's API in front of a real registry: boto3's answers and errors, not our code's."""

    def __init__(self, server: TestRegistry) -> None:
        self.server = server
        self.password = server.password
        self.tokens = 0
        self.repositories: dict[str, dict[str, Any]] = {}
        self.rules: list[dict[str, str]] = []
        self.denied: set[str] = set()
        self.mounting = "DISABLED"

    def get_authorization_token(self) -> dict[str, Any]:
        self._note("GetAuthorizationToken")
        self.tokens += 1
        login = f"{self.server.user or 'AWS'}:{self.password or 'x'}"
        return {
            "authorizationData": [
                {
                    "authorizationToken": base64.b64encode(login.encode()).decode(),
                    "expiresAt": datetime.now(UTC) + timedelta(hours=12),
                    "proxyEndpoint": f"http://{self.server.host}",
                }
            ]
        }

    def describe_repositories(self, **request: Any) -> dict[str, Any]:
        self._note("DescribeRepositories")
        names = request.get("repositoryNames", sorted(self.repositories))
        for name in names:
            if name not in self.repositories:
                raise make_client_error("RepositoryNotFoundException", f"no {name}")
        return {"repositories": [{"repositoryName": name} for name in names]}

    def create_repository(self, **request: Any) -> dict[str, Any]:
        self._note("CreateRepository")
        if request["repositoryName"] in self.repositories:
            raise make_client_error("RepositoryAlreadyExistsException", "there")
        self.repositories[request["repositoryName"]] = request
        return {"repository": {}}

    def put_lifecycle_policy(self, **request: str) -> dict[str, Any]:
        self._note("PutLifecyclePolicy")
        self.repositories[request["repositoryName"]]["policy"] = request["lifecyclePolicyText"]
        return {}

    def describe_images(self, **request: Any) -> dict[str, Any]:
        self._note("DescribeImages")
        return {"imageDetails": []}

    def describe_pull_through_cache_rules(self, **request: Any) -> dict[str, Any]:
        self._note("DescribePullThroughCacheRules")
        return {"pullThroughCacheRules": self.rules}

    def get_account_setting(self, *, name: str) -> dict[str, Any]:
        self._note("GetAccountSetting")
        return {"name": name, "value": self.mounting}

    def _note(self, operation: str) -> None:
        if operation in self.denied:
            raise make_client_error(
                "AccessDeniedException",
                f"User: arn:aws:iam::123456789012:user/u is not authorized to perform: "
                f"ecr:{operation} on resource: * because no identity-based policy allows it",
            )


def make_client_error(code: str, message: str) -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": message}}, "call")


@dataclass
class Head:
    """What a run has: access to registries, and what it was told."""

    ecr: Any
    access: RegistryAccess
    said: list[str]

    def make_deliverer(
        self,
        layers: Sequence[Layer | RuntimeLayer],
        delivery: Way = "layer",
        setting: str = "batchx/",
        architecture: str = "amd64",
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> Deliverer:
        return Deliverer(
            self.access,
            Destination(setting),
            delivery,
            [x if isinstance(x, RuntimeLayer) else use_layer_files([x])[0] for x in layers],
            architecture,
            self.said.append,
            is_stopped,
        )


def make_head(ecr: Any, *logins: TestRegistry, region: str = "eu-west-1") -> Head:
    """Return a head whose ECR is `ecr` and which is logged in at the servers."""
    auths = {host: entry for server in logins for host, entry in server.login.items()}

    def open_ecr(name: str) -> EcrGateway:
        return EcrGateway(ecr, name, time.time)

    access = RegistryAccess(
        open_ecr(region),
        open_ecr,
        DockerConfig({"auths": auths}, None),
        {},
        Waits().make_retry(),
    )
    return Head(ecr, access, [])
