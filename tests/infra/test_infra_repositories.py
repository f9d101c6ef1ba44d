"""The end of repositories, in the embedded ECR."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from snakemake_executor_plugin_batchx.infra.repositories import Repositories
from snakemake_executor_plugin_batchx.local.launch import (
    PROCESS,
    EmbeddedAws,
    launch_embedded_aws,
    make_environment,
)

MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST = (
    '{{"schemaVersion": 2, "mediaType": "{1}", '
    '"config": {{"digest": "sha256:{0}", "size": 1}}, '
    '"layers": [{{"mediaType": "m", "size": 1, "digest": "sha256:{0}"}}]}}'
)


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with launch_embedded_aws(runner=PROCESS) as aws:
        yield aws


@pytest.fixture
def client(aws: EmbeddedAws, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in make_environment(aws).items():
        monkeypatch.setenv(name, value)
    return boto3.client("ecr")


class Shelf:
    """Repositories with images, each by its tag; "" has none."""

    def __init__(self, client: Any, images: dict[str, list[str]]) -> None:
        self.client = client
        self.number = 0
        for name, tags in images.items():
            client.create_repository(repositoryName=name)
            for tag in tags:
                self.put(name, tag)

    def put(self, name: str, tag: str) -> None:
        self.number += 1
        digest = f"{abs(hash(name)) % 10**9}{self.number}".zfill(64)
        tagged = {"imageTag": tag} if tag else {}
        manifest = MANIFEST.format(digest, MEDIA_TYPE)
        self.client.put_image(repositoryName=name, imageManifest=manifest, **tagged)


def test_only_what_is_surely_ours_counts_as_ours(client: Any) -> None:
    images = {
        "p/derived": ["bx-1", "bx-2", ""],
        "p/mixed": ["bx-1", "v1"],
        "p/none": [],
        "p/untagged": ["", ""],
        "p/gpu/other-stack": ["bx-1"],
        "other": ["bx-1"],
    }
    Shelf(client, images)
    found = Repositories(client).list_repositories("p/", ["p/gpu/"])
    assert {each.name: each.is_ours for each in found} == {
        "p/derived": True,
        "p/mixed": False,
        "p/none": False,
        "p/untagged": False,
    }
    assert {each.name: each.images for each in found}["p/derived"] == 3


def test_a_repository_of_ours_goes_with_its_images(client: Any) -> None:
    Shelf(client, {"q/derived": ["bx-1", "runtime-2", ""]})
    repositories = Repositories(client)
    assert repositories.delete("q/derived")
    assert repositories.delete("q/derived"), "and once more where it is gone"
    assert repositories.list_repositories("q/") == []


def test_what_others_pushed_meanwhile_stays(client: Any) -> None:
    shelf = Shelf(client, {"r/derived": ["bx-1"]})
    repositories = Repositories(client)
    (found,) = repositories.list_repositories("r/")
    assert found.is_ours
    shelf.put("r/derived", "v1")
    assert not repositories.delete("r/derived")
    (kept,) = repositories.list_repositories("r/")
    assert kept.images == 2


def test_no_repository_is_deleted_that_is_not_empty(client: Any) -> None:
    """An image may come between the last look and the end."""
    shelf = Shelf(client, {"s/derived": ["bx-1"]})

    class LatePush:
        def __getattr__(self, name: str) -> Any:
            if name == "delete_repository":
                shelf.put("s/derived", "v1")
            return getattr(client, name)

    assert not Repositories(LatePush()).delete("s/derived")
    (left,) = Repositories(client).list_repositories("s/")
    assert (left.images, left.is_ours) == (1, False)
