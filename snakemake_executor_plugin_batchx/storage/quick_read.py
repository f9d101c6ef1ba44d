"""Small objects, read with little around the request: thousands of results make it felt.

boto3 takes more than half of a request's CPU to choose an endpoint, to call handlers and to parse
what nobody looks at. Here the address is the one that boto3 chose for an earlier object of the
bucket, the signature botocore's, and the connections those of the client.
"""

import base64
import hashlib
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import botocore.exceptions
from botocore.awsrequest import AWSRequest

OK = 200

PLAIN_SIGNATURE = "s3v4"
"""Other kinds of buckets want other signatures, which are left to boto3."""

WANTED = {"x-amz-checksum-mode": "ENABLED"}
CHECKSUM = "x-amz-checksum-sha256"
"""https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"""

UNESCAPED = "/~"
"""What botocore leaves in a key as it is, besides what every URL does (botocore/serialize.py)."""


@dataclass(frozen=True)
class Route:
    """How boto3 asks for the objects of a bucket: what comes before the key, and who signs."""

    prefix: str
    signer: Any
    signing_name: str
    region: str

    def sign(self, key: str) -> AWSRequest:
        """Return a signed request for an object."""
        request = AWSRequest("GET", self.prefix + quote_key(key), headers=dict(WANTED))
        auth = self.signer.get_auth_instance(self.signing_name, self.region, PLAIN_SIGNATURE)
        auth.add_auth(request)
        return request


class QuickReader:
    """Reads objects through a boto3 S3 client. Safe to use from many threads.

    It learns how from the requests that the client makes in `watch`.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._route: Route | None = None
        self._watched = threading.local()
        client.meta.events.register("before-sign.s3.GetObject", self._note_route)

    def read(self, key: str) -> bytes | None:
        """Return an object; None where boto3 has to ask, and to say what is wrong."""
        route = self._route
        if route is None:
            return None
        try:
            # Connections, proxies and certificates are the client's: nothing public has them.
            session = self._client._endpoint.http_session
            answer = session.send(route.sign(key).prepare())
            content: bytes = answer.content
        except botocore.exceptions.BotoCoreError:
            return None
        if answer.status_code != OK or not is_whole(content, answer.headers.get(CHECKSUM)):
            return None
        return content

    @contextmanager
    def watch(self, key: str) -> Iterator[None]:
        """Learn from the client's own request for an object, made within."""
        self._watched.key = key
        try:
            yield
        finally:
            self._watched.key = None

    def _note_route(
        self, request: Any, signature_version: Any, request_signer: Any, **signing: Any
    ) -> None:
        key = getattr(self._watched, "key", None)
        ending = "/" + quote_key(key or "")
        if key and signature_version == PLAIN_SIGNATURE and request.url.endswith(ending):
            signing |= request.context.get("signing", {})
            self._route = Route(
                prefix=request.url.removesuffix(ending) + "/",
                signer=request_signer,
                signing_name=signing["signing_name"],
                region=signing.get("region", signing["region_name"]),
            )


def is_whole(content: bytes, checksum: str | None) -> bool:
    """Tell whether content has the checksum (base64 of a SHA-256) that S3 knows, if any."""
    return (
        checksum is None or base64.b64encode(hashlib.sha256(content).digest()) == checksum.encode()
    )


def quote_key(key: str) -> str:
    """Return a key as it stands in a URL."""
    return urllib.parse.quote(key, safe=UNESCAPED)
