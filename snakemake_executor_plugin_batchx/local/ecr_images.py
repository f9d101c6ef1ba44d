"""ECR's calls about images, answered by asking the registry that stands for it.

What has no tag, a plain registry does not list.
Source: https://distribution.github.io/distribution/spec/api/
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.local.shapes import JsonObject

TIMEOUT_SECONDS = 30.0
NOT_FOUND = 404
DIGEST = "Docker-Content-Digest"
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)


class EcrError(Exception):
    """An error of ECR's API."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Manifest:
    """An image's manifest as it is stored."""

    digest: str
    media_type: str
    text: str

    @property
    def size_bytes(self) -> int:
        """What its layers and its configuration take; 0 for an index."""
        content = json.loads(self.text)
        layers = [*content.get("layers", []), content.get("config", {})]
        return sum(each.get("size", 0) for each in layers)


class Registry:
    """The few calls of a registry, with a user's password."""

    def __init__(self, host: str, username: str, password: str):
        self._url = f"http://{host}/v2/"
        pair = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {pair}", "Accept": ", ".join(MANIFEST_TYPES)}
        # It is on this machine, whatever the environment says of proxies.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def list_tags(self, name: str) -> list[str]:
        """The tags of a repository, sorted; none where it has nothing yet."""
        answer = self._request("GET", f"{name}/tags/list")
        return sorted(json.loads(answer[0])["tags"] or []) if answer is not None else []

    def find_manifest(self, name: str, reference: str) -> Manifest | None:
        """An image by tag or digest; None if it is not there."""
        answer = self._request("GET", f"{name}/manifests/{reference}")
        if answer is None:
            return None
        body, headers = answer
        return Manifest(headers[DIGEST], headers["Content-Type"], body.decode())

    def remove_manifest(self, name: str, digest: str) -> None:
        """Removes an image with all its tags."""
        self._request("DELETE", f"{name}/manifests/{digest}")

    def _request(self, method: str, path: str) -> tuple[bytes, dict[str, str]] | None:
        """Body and headers; None for what is not found."""
        request = urllib.request.Request(  # noqa: S310 - the URL begins with http
            self._url + path, method=method, headers=self._headers
        )
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                return answer.read(), dict(answer.headers)
        except urllib.error.HTTPError as error:
            if error.code == NOT_FOUND:
                return None
            raise EcrError("ServerException", f"The registry answers {error.code}") from error
        except OSError as error:
            raise EcrError("ServerException", f"The registry does not answer: {error}") from error


def list_images(registry: Registry, request: JsonObject) -> JsonObject:
    """ListImages."""
    ids = [
        {"imageDigest": manifest.digest, "imageTag": tag}
        for tag, manifest in _iterate_tags(registry, request["repositoryName"])
    ]
    return {"imageIds": ids}


def show_images(registry: Registry, request: JsonObject) -> JsonObject:
    """DescribeImages.

    Raises:
        EcrError: an image that is asked for is not there.
    """
    name = request["repositoryName"]
    tags: dict[str, list[str]] = {}
    found: dict[str, Manifest] = {}
    for tag, manifest in _iterate_tags(registry, name):
        tags.setdefault(manifest.digest, []).append(tag)
        found[manifest.digest] = manifest
    if "imageIds" in request:
        found = {}
        for image_id in request["imageIds"]:
            wanted = _find(registry, name, image_id)
            if wanted is None:
                raise EcrError(
                    "ImageNotFoundException",
                    f"The image with imageId {_show(image_id)} does not exist within the "
                    f"repository with name '{name}' in the registry with id "
                    f"'{request['registryId']}'",
                )
            found[wanted.digest] = wanted
    details = [
        {
            "registryId": request["registryId"],
            "repositoryName": name,
            "imageDigest": digest,
            "imageTags": tags.get(digest, []),
            "imageSizeInBytes": manifest.size_bytes,
            "imageManifestMediaType": manifest.media_type,
        }
        for digest, manifest in found.items()
    ]
    return {"imageDetails": details}


def read_images(registry: Registry, request: JsonObject) -> JsonObject:
    """BatchGetImage."""
    name = request["repositoryName"]
    images, failures = [], []
    for image_id in request["imageIds"]:
        manifest = _find(registry, name, image_id)
        if manifest is None:
            failures.append(_make_failure(image_id))
            continue
        images.append(
            {
                "registryId": request["registryId"],
                "repositoryName": name,
                "imageId": {**image_id, "imageDigest": manifest.digest},
                "imageManifest": manifest.text,
                "imageManifestMediaType": manifest.media_type,
            }
        )
    return {"images": images, "failures": failures}


def remove_images(registry: Registry, request: JsonObject) -> JsonObject:
    """BatchDeleteImage: an image named by tag goes with all its tags, other than in ECR."""
    name = request["repositoryName"]
    removed, failures = [], []
    for image_id in request["imageIds"]:
        manifest = _find(registry, name, image_id)
        if manifest is None:
            failures.append(_make_failure(image_id))
            continue
        registry.remove_manifest(name, manifest.digest)
        removed.append({**image_id, "imageDigest": manifest.digest})
    return {"imageIds": removed, "failures": failures}


def _iterate_tags(registry: Registry, name: str) -> Iterator[tuple[str, Manifest]]:
    for tag in registry.list_tags(name):
        manifest = registry.find_manifest(name, tag)
        if manifest is not None:
            yield tag, manifest


def _find(registry: Registry, name: str, image_id: JsonObject) -> Manifest | None:
    reference = image_id.get("imageDigest") or image_id["imageTag"]
    return registry.find_manifest(name, reference)


def _make_failure(image_id: JsonObject) -> JsonObject:
    return {
        "imageId": image_id,
        "failureCode": "ImageNotFound",
        "failureReason": "Requested image not found",
    }


def _show(image_id: JsonObject) -> str:
    members = (("imageDigest", image_id.get("imageDigest")), ("imageTag", image_id.get("imageTag")))
    shown = ", ".join(f"{name}:'{value}'" for name, value in members if value)
    return "{" + shown + "}"
