"""A registry's manifests and blobs: the part of the OCI distribution API that is needed here.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import hashlib
from collections import Counter
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from urllib.parse import urlencode

import urllib3

from snakemake_executor_plugin_batchx.images.errors import Asked, RegistryError, explain_refusal
from snakemake_executor_plugin_batchx.images.media import ACCEPTED, name_manifest_type
from snakemake_executor_plugin_batchx.images.reference import is_digest
from snakemake_executor_plugin_batchx.images.transport import (
    ATTEMPTS,
    REDIRECTS,
    Request,
    Transport,
)

CHUNK_BYTES = 1024 * 1024
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
"""Registries take manifests of 4 MiB; configs are about as small."""


def hash_bytes(data: bytes) -> str:
    """Return the digest of bytes, as registries write it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Manifest:
    """A manifest or index as it came: the digest is that of these very bytes."""

    media_type: str
    raw: bytes
    digest: str


class Registry:
    """One registry. Safe to use from many threads; every method raises RegistryError."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def host(self) -> str:
        """The host whose API this is."""
        return self._transport.host

    @property
    def counts(self) -> Counter[str]:
        """How often what was asked."""
        return self._transport.counts

    def is_logged_in(self) -> bool:
        """Return True if there are credentials for this registry."""
        return self._transport.is_logged_in()

    # Manifests

    def read_digest(self, repository: str, locator: str) -> str:
        """Return the digest of a tag.

        A HEAD, which Docker Hub does not count as a pull. Its refusals have no text, and ECR's did
        not always name the digest: a GET then tells.
        """
        request = self._ask_manifest("HEAD", repository, locator)
        try:
            answer = self._transport.send(request)
            digest = answer.headers.get("Docker-Content-Digest", "")
        except RegistryError as error:
            if error.is_transient:
                raise
            digest = ""
        return digest if is_digest(digest) else self.read_manifest(repository, locator).digest

    def find_manifest(self, repository: str, locator: str) -> Manifest | None:
        """Return a manifest by tag or digest, None where there is none such."""
        try:
            return self.read_manifest(repository, locator)
        except RegistryError as error:
            if error.is_absence:
                return None
            raise

    def read_manifest(self, repository: str, locator: str) -> Manifest:
        """Return a manifest by tag or digest; one that is not what its digest says is refused."""
        answer = self._transport.send(self._ask_manifest("GET", repository, locator))
        digest = hash_bytes(answer.data)
        if ":" in locator and digest != locator:
            raise self._tell_damage(repository, locator)
        kind = name_manifest_type(answer.data, answer.headers.get("Content-Type", ""))
        return Manifest(kind, answer.data, digest)

    def write_manifest(self, repository: str, tag: str, media_type: str, raw: bytes) -> str:
        """Write a manifest under a tag and return its digest.

        A tag that may not be written again keeps what another writer put there: its digest is
        returned.
        """
        request = Request(
            "PUT",
            f"{repository}/manifests/{tag}",
            self._ask(repository, tag, is_push=True),
            f"repository:{repository}:pull,push",
            (200, 201),
            {"Content-Type": media_type},
            raw,
        )
        try:
            self._transport.send(request)
        except RegistryError as error:
            if error.kind != "immutable":
                raise
            return self.read_digest(repository, tag)
        return hash_bytes(raw)

    # Blobs

    def has_blob(self, repository: str, digest: str) -> bool:
        """Return True if a repository to be pushed to holds a blob; a redirect to it counts."""
        request = Request(
            "HEAD",
            f"{repository}/blobs/{digest}",
            self._ask(repository, digest, is_push=True),
            f"repository:{repository}:pull",
            {200, 404, *REDIRECTS},
            {},
            follows_redirects=False,
        )
        return self._transport.send(request).status != 404

    def read_small_blob(self, repository: str, digest: str, size: int) -> bytes:
        """Return a blob of up to 16 MiB whole, such as a config."""
        if size > MAX_MANIFEST_BYTES:
            raise self._tell_damage(repository, digest)
        data = b"".join(self.stream_blob(repository, digest, size))
        if hash_bytes(data) != digest:
            raise self._tell_damage(repository, digest)
        return data

    def stream_blob(self, repository: str, digest: str, size: int) -> Generator[bytes, None, None]:
        """Yield a blob of `size` bytes in pieces of up to 1 MiB.

        A connection that breaks off is taken up again where it broke. The digest is not checked.
        """
        done, breaks = 0, 0
        while True:
            before = done
            try:
                for block in self._stream_from(repository, digest, done):
                    done += len(block)
                    yield block
                reason = f"it ended after {done} of {size} bytes"
            except urllib3.exceptions.HTTPError as error:
                reason = f"{type(error).__name__} after {done} of {size} bytes"
            if done >= size:
                return
            breaks = 1 if done > before else breaks + 1
            if breaks >= ATTEMPTS or not self._transport.retry.pause(breaks):
                raise explain_refusal(self._ask(repository, digest), 0, "", reason)

    def _stream_from(
        self, repository: str, digest: str, start: int
    ) -> Generator[bytes, None, None]:
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
        request = Request(
            "GET",
            f"{repository}/blobs/{digest}",
            self._ask(repository, digest),
            f"repository:{repository}:pull",
            (200, 206),
            headers,
            is_stream=True,
        )
        response = self._transport.send(request)
        skip = start if response.status == 200 else 0
        try:
            for block in response.stream(CHUNK_BYTES, decode_content=False):
                kept, skip = block[skip:], max(0, skip - len(block))
                if kept:
                    yield kept
        finally:
            response.close()
            response.release_conn()

    def start_upload(self, repository: str, digest: str, mount_from: str = "") -> str:
        """Return where to put a blob; empty if the registry took it from `mount_from` instead.

        `mount_from` is a repository of the same registry that holds the blob; a registry that
        cannot or may not mount it opens an upload.
        """
        scope, query = f"repository:{repository}:pull,push", ""
        if mount_from and mount_from != repository:
            scope += f" repository:{mount_from}:pull"
            query = "?" + urlencode({"mount": digest, "from": mount_from})
        request = Request(
            "POST",
            f"{repository}/blobs/uploads/{query}",
            self._ask(repository, is_push=True),
            scope,
            (201, 202),
            {"Content-Length": "0"},
            b"",
        )
        answer = self._transport.send(request)
        if answer.status == 201:
            return ""
        return self._transport.resolve(answer.headers.get("Location", ""))

    def put_blob(
        self, repository: str, location: str, digest: str, size: int, blocks: Iterable[bytes]
    ) -> None:
        """Put a blob of `size` bytes where `start_upload` said: in one request, sent once.

        ECR drops what comes after the first PATCH of a series.
        """
        joint = "&" if "?" in location else "?"
        request = Request(
            "PUT",
            f"{location}{joint}{urlencode({'digest': digest})}",
            self._ask(repository, is_push=True),
            f"repository:{repository}:pull,push",
            (201, 204),
            {"Content-Type": "application/octet-stream", "Content-Length": str(size)},
            blocks,
        )
        self._transport.send(request)

    def _ask_manifest(self, method: str, repository: str, locator: str) -> Request:
        return Request(
            method,
            f"{repository}/manifests/{locator}",
            self._ask(repository, locator),
            f"repository:{repository}:pull",
            (200,),
            {"Accept": ACCEPTED},
        )

    def _ask(self, repository: str, locator: str = "", *, is_push: bool = False) -> Asked:
        return Asked(
            self.host,
            repository,
            locator,
            is_push=is_push,
            is_logged_in=self.is_logged_in(),
            is_aws=self._transport.is_aws,
        )

    def _tell_damage(self, repository: str, digest: str) -> RegistryError:
        return RegistryError(
            f"{self.host} answers with other content than {repository}@{digest} names: push the "
            "image again.",
            kind="damage",
        )
