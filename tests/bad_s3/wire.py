"""S3's requests and answers as they are on the wire."""

import io
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from bad_s3.rules import Fault, Request

OPERATIONS: tuple[tuple[str, str, str, str], ...] = (
    ("PUT", "partNumber", "x-amz-copy-source", "UploadPartCopy"),
    ("PUT", "partNumber", "", "UploadPart"),
    ("PUT", "", "x-amz-copy-source", "CopyObject"),
    ("PUT", "", "", "PutObject"),
    ("POST", "uploads", "", "CreateMultipartUpload"),
    ("POST", "uploadId", "", "CompleteMultipartUpload"),
    ("POST", "delete", "", "DeleteObjects"),
    ("DELETE", "uploadId", "", "AbortMultipartUpload"),
    ("DELETE", "", "", "DeleteObject"),
    ("GET", "list-type", "", "ListObjectsV2"),
    ("GET", "", "", "GetObject"),
    ("HEAD", "", "", "HeadObject"),
)
"""Operations by method, a parameter of the query and a header that they have."""

HOP_HEADERS = frozenset(
    {"connection", "content-length", "expect", "host", "keep-alive", "transfer-encoding"}
)
STREAMED_HEADERS = frozenset({"x-amz-decoded-content-length", "x-amz-trailer"})


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; header names in lower case, without those of the connection."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


REFUSALS = {
    Fault.SLOW_DOWN: (503, "SlowDown", "Please reduce your request rate."),
    Fault.INTERNAL_ERROR: (500, "InternalError", "We encountered an internal error."),
    Fault.ACCESS_DENIED: (403, "AccessDenied", "Access Denied"),
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
    Fault.ERROR_IN_OK: (200, "InternalError", "We encountered an internal error."),
}
"""https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""


def refuse(status: int, code: str, message: str) -> Answer:
    """Return an error as S3 words it."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
        f"<Message>{message}</Message><RequestId>FAULT</RequestId></Error>"
    )
    return Answer(status, {"content-type": "application/xml"}, body.encode())


@dataclass(frozen=True)
class Call:
    """A request as it arrived, its content decoded. `path` has the bucket, `query` is raw."""

    method: str
    target: str
    headers: Mapping[str, str]
    content: bytes = b""

    @property
    def path(self) -> str:
        """The path, unquoted."""
        return urllib.parse.unquote(urllib.parse.urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        """The parameters."""
        raw = urllib.parse.urlsplit(self.target).query
        return dict(urllib.parse.parse_qsl(raw, keep_blank_values=True))

    @property
    def request(self) -> Request:
        """What it is."""
        _, _, key = self.path.lstrip("/").partition("/")
        return Request(self.method, self._name_operation(key), key)

    def _name_operation(self, key: str) -> str:
        for method, parameter, header, operation in OPERATIONS:
            is_fit = (not parameter or parameter in self.query) and (
                not header or header in self.headers
            )
            if method == self.method and is_fit and (key or parameter):
                return operation
        return f"{self.method} bucket"


def read_content(headers: Mapping[str, str], stream: BinaryIO) -> tuple[bytes, dict[str, str]]:
    """Return the content of a request and what its trailer says.

    Raises ConnectionError where it ends before its end.
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
    """
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body, trailer = read_chunks(stream)
    else:
        body, trailer = read_exactly(stream, int(headers.get("content-length", 0))), {}
    if "aws-chunked" in headers.get("content-encoding", ""):
        body, trailer = read_chunks(io.BytesIO(body))
    return body, trailer


def read_chunks(stream: BinaryIO) -> tuple[bytes, dict[str, str]]:
    """Return what came in chunks (RFC 9112, 7.1), and the trailer behind them."""
    chunks = []
    while size := int(stream.readline().partition(b";")[0] or b"-1", 16):
        chunks.append(read_exactly(stream, size))
        stream.readline()
    trailer = {}
    while line := stream.readline().strip():
        name, _, value = line.decode().partition(":")
        trailer[name.lower()] = value.strip()
    return b"".join(chunks), trailer


def read_exactly(stream: BinaryIO, size: int) -> bytes:
    """Return the next bytes. Raises ConnectionError where there are fewer."""
    content = stream.read(max(size, 0))
    if len(content) != size:
        raise ConnectionResetError("the client went")
    return content


def change_a_byte(content: bytes) -> bytes:
    """Return a content with the byte in its middle changed."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x10]) + content[middle + 1 :]
