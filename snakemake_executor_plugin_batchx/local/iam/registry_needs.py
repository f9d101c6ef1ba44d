"""Which of ECR's actions stand behind a request to the HTTP API of its registry: one table.

Sources: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html,
https://docs.aws.amazon.com/AmazonECR/latest/userguide/repository-policy-examples.html (pulls) and
https://docs.aws.amazon.com/AmazonECR/latest/userguide/blob-mounting.html; seen in
https://github.com/everything2/everything2/issues/2562 (manifests) and
https://github.com/aws-amplify/amplify-category-api/issues/1255 (layers)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs

from snakemake_executor_plugin_batchx.local.iam.needs import Need
from snakemake_executor_plugin_batchx.local.identity import Identity

BASE = "/v2/"
"""Whoever has a login may ask for it: clients try their login there."""

MOUNTING = "ecr:GetDownloadUrlForLayer"
"""Needed on the repository that a layer is mounted from."""

_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_NAME = rf"/v2/(?P<name>{_PART}(?:/{_PART})*)"
_MANIFEST = re.compile(_NAME + r"/manifests/(?:[A-Za-z0-9_][\w.-]{0,127}|[a-z0-9]+:[0-9a-f]+)")
_BLOB = re.compile(_NAME + r"/blobs/[a-z0-9]+:[0-9a-f]+")
_UPLOADS = re.compile(_NAME + r"/blobs/uploads/")
_UPLOAD = re.compile(_NAME + r"/blobs/uploads/[\w=.-]+")
_TAGS = re.compile(_NAME + r"/tags/list")
"""Strict, so that the registry behind takes a path for the same repository.

Source of the names: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""


@dataclass(frozen=True)
class RegistryRow:
    """Requests of one kind, and the actions that they need on their repository."""

    methods: frozenset[str]
    path: re.Pattern[str]
    actions: tuple[str, ...]


def _row(methods: str, path: re.Pattern[str], *actions: str) -> RegistryRow:
    return RegistryRow(frozenset(methods.split()), path, actions)


ROWS = (
    _row("HEAD GET", _MANIFEST, "ecr:BatchGetImage"),
    _row("PUT", _MANIFEST, "ecr:PutImage"),
    _row("HEAD", _BLOB, "ecr:BatchCheckLayerAvailability"),
    _row("GET", _BLOB, "ecr:GetDownloadUrlForLayer"),
    _row("POST", _UPLOADS, "ecr:InitiateLayerUpload"),
    _row("PATCH", _UPLOAD, "ecr:UploadLayerPart"),
    _row("PUT", _UPLOAD, "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"),
    _row("GET", _TAGS, "ecr:ListImages"),
)


def list_registry_needs(method: str, target: str, identity: Identity) -> list[Need] | None:
    """What a request needs; None for one that ECR does not take.

    Args:
        method: ``GET``.
        target: path and query, as sent.
        identity: account and region of the registry.
    """
    path, _, query = target.partition("?")
    if path == BASE:
        return []
    for row in ROWS:
        found = row.path.fullmatch(path)
        if found is not None and method in row.methods:
            wishes = [(action, found["name"]) for action in row.actions]
            asked = parse_qs(query)
            if "mount" in asked:
                wishes += [(MOUNTING, name) for name in asked.get("from", [])]
            return [
                Need(action, identity.make_arn("repository", name, service="ecr"))
                for action, name in wishes
            ]
    return None
