"""Pins a request, so that moto answers what the gate asked about and nothing else.

moto tells services by the signature's header and by paths of its own, and buckets by the host, each
with rules of its own. A pinned request leaves it no choice: one signature in the header, the
bucket in the path, one spelling of the path.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import quote, urlsplit

from snakemake_executor_plugin_batchx.local.iam.calls import S3, Signature

AUTHORIZATION = (
    "AWS4-HMAC-SHA256 Credential={key}/20000101/{region}/{service}/aws4_request, "
    "SignedHeaders=host, Signature=0"
)
S3_HOST = re.compile(r"(?:(?P<bucket>.+?)\.)?s3[.-](?:.+\.)?amazonaws\.com(?:\.cn)?")
OWN_HOSTS = frozenset({"localhost", "host.docker.internal"})
OWN_PATHS = ("/moto-api", "/favicon.ico", "/latest/meta-data/", "/latest/api/", "/v20180820/")
"""What moto answers by itself, whatever service a request is signed for: its own interface, the
metadata of instances, and S3's control."""


def is_of_moto(environ: dict[str, Any]) -> bool:
    """True for a request of which no table here says what it needs: it is not one of a service."""
    return str(environ["PATH_INFO"]).startswith(OWN_PATHS)


def pin_request(environ: dict[str, Any], signature: Signature, region: str) -> None:
    """Pins a request to the service and, of S3, the bucket that the gate reads.

    Args:
        environ: the request, which is changed.
        signature: of the request.
        region: for signatures without one.
    """
    environ["HTTP_AUTHORIZATION"] = AUTHORIZATION.format(
        key=signature.access_key_id,
        region=signature.region or region,
        service=signature.service,
    )
    bucket = _find_host_bucket(environ.get("HTTP_HOST", ""))
    if bucket is not None:
        environ["HTTP_HOST"] = "localhost"
    if signature.service == S3:
        path = environ["PATH_INFO"].lstrip("/")
        # A bucket in the host alone makes all of the path the key, in which slashes may lead.
        path = f"/{bucket}{environ['PATH_INFO']}" if bucket else f"/{path}"
        query = environ.get("QUERY_STRING", "")
        environ["PATH_INFO"] = path
        environ["RAW_URI"] = environ["REQUEST_URI"] = quote(path.encode("latin-1")) + (
            f"?{query}" if query else ""
        )


def _find_host_bucket(host: str) -> str | None:
    """The bucket that a host names; empty for a foreign host without one, None for our own.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """
    name = urlsplit(f"//{host}").hostname or ""
    found = S3_HOST.fullmatch(name)
    if found is not None:
        return found["bucket"] or ""
    if name in OWN_HOSTS or "." not in name or _is_address(name):
        return None
    return name.partition(".")[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
