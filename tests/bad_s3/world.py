"""A bucket behind the proxy."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from bad_s3.proxy import BadS3, serve_bad_s3


def make_client(url: str, config: Config | None = None) -> Any:
    """Return a boto3 client of the S3 at a URL."""
    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key="secret",
        config=config,
    )


@contextmanager
def serve_moto() -> Iterator[str]:
    """Serve moto's S3; yield its URL."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@dataclass(frozen=True)
class BadBucket:
    """A new bucket; `direct` is a client that goes past the proxy."""

    name: str
    direct: Any
    server: BadS3

    def write(self, key: str, content: bytes) -> str:
        """Put an object there past the proxy; return its ETag."""
        answer = self.direct.put_object(Bucket=self.name, Key=key, Body=content)
        return str(answer["ETag"])

    def read(self, key: str) -> bytes | None:
        """Return what is there, past the proxy; None where there is no such object."""
        if key not in self.list_keys():
            return None
        content: bytes = self.direct.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def list_keys(self) -> list[str]:
        """Return all keys."""
        found = self.direct.list_objects_v2(Bucket=self.name).get("Contents", [])
        return [item["Key"] for item in found]

    def list_uploads(self) -> list[str]:
        """Return the ids of uploads in parts that were begun and neither ended nor aborted."""
        found = self.direct.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return [item["UploadId"] for item in found]


@contextmanager
def open_bad_bucket(
    moto_url: str, *, seed: int = 0, has_checksums: bool = True
) -> Iterator[BadBucket]:
    """Make a bucket, and a proxy before it."""
    direct = make_client(moto_url)
    name = f"bucket-{uuid.uuid4()}"
    direct.create_bucket(Bucket=name)
    with serve_bad_s3(moto_url, seed=seed, has_checksums=has_checksums) as server:
        yield BadBucket(name, direct, server)
