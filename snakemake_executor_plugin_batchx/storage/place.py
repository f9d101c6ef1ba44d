"""Where boto3 sends the requests of a bucket: endpoint, style of the URL and region."""

import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class BucketPlace:
    """Where the objects of a bucket are: `https://host/path` and the object's key."""

    is_tls: bool
    host: str
    path: str
    region: str


def find_place(url: str, authorization: str | bytes, key: str) -> BucketPlace | None:
    """Return the place of the bucket that a signed request about the object `key` went to.

    None where it was of another key, or signed in another way than Signature Version 4 for S3
    (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html).
    """
    signed = authorization.decode() if isinstance(authorization, bytes) else authorization
    algorithm, _, rest = signed.partition(" ")
    scope = rest.partition(",")[0].removeprefix("Credential=").split("/")
    parts = urllib.parse.urlsplit(url)
    quoted = urllib.parse.quote(key, safe="/~")
    if algorithm != "AWS4-HMAC-SHA256" or scope[-2:-1] != ["s3"]:
        return None
    if not parts.path.endswith("/" + quoted):
        return None
    path = parts.path.removesuffix(quoted)
    return BucketPlace(parts.scheme == "https", parts.netloc, path, scope[-3])


def has_proxy(configured: Mapping[str, str | None] | None, place: BucketPlace) -> bool:
    """Tell whether requests go through a proxy: `configured` for the client, or the system's."""
    scheme = "https" if place.is_tls else "http"
    if configured is not None:
        return bool(configured.get(scheme))
    if urllib.request.proxy_bypass(place.host):
        return False
    return scheme in urllib.request.getproxies()
