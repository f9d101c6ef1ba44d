"""What S3 does for the bytes that it is given, done for a server that may do less of it."""

import http.client
from collections.abc import Callable

from bad_s3.digests import DEFAULT, DIGESTS, PREFIX, Keeper, digest_content, find_mismatch
from bad_s3.wire import HOP_HEADERS, STREAMED_HEADERS, Answer, Call, refuse

CHECKED = frozenset({"PutObject", "UploadPart"})
MISMATCHED = refuse(
    412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"
)


class CarefulServer:
    """A connection to an S3 server.

    What a request tells of its content is verified, and If-Match on reading honoured; with
    `has_checksums` objects have checksums that are kept in `keeper` and told to who asks.
    """

    def __init__(self, address: str, keeper: Keeper, *, has_checksums: bool) -> None:
        self._connection = http.client.HTTPConnection(address, timeout=60)
        self._keeper = keeper
        self._has_checksums = has_checksums

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def perform(self, call: Call, trailer: dict[str, str]) -> Answer:
        """Do as S3 does; return its answer."""
        operation = call.request.operation
        if operation in CHECKED and (refusal := find_mismatch(call, trailer)):
            return refusal
        care = _CARES.get(operation)
        return care(self, call, trailer) if care else self._forward(call)

    def _forward(self, call: Call) -> Answer:
        """Return the server's answer, without what the server behind thinks of checksums."""
        left_out = HOP_HEADERS | STREAMED_HEADERS
        headers = {
            name: value
            for name, value in call.headers.items()
            if name not in left_out and not name.startswith(PREFIX)
        }
        if "aws-chunked" in headers.get("content-encoding", ""):
            del headers["content-encoding"]
        if "x-amz-content-sha256" in headers:
            headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD"
        self._connection.request(call.method, call.target, call.content or None, headers)
        answer = self._connection.getresponse()
        kept = {name.lower(): value for name, value in answer.getheaders()}
        left_out = HOP_HEADERS - ({"content-length"} if call.method == "HEAD" else set())
        shown = {name: value for name, value in kept.items() if name not in left_out}
        told = {name: value for name, value in shown.items() if not name.startswith(PREFIX)}
        return Answer(answer.status, told, answer.read())

    def _read_object(self, call: Call, _: dict[str, str]) -> Answer:
        """Return the answer to GetObject or HeadObject."""
        answer = self._forward(call)
        if answer.status >= 300:
            return answer
        wanted = call.headers.get("if-match", "*")
        if wanted not in {"*", answer.headers.get("etag")}:
            return MISMATCHED
        is_asked = call.headers.get(PREFIX + "mode", "").upper() == "ENABLED"
        is_whole = "range" not in call.headers and "partNumber" not in call.query
        if not (self._has_checksums and is_asked and is_whole):
            return answer
        return Answer(
            answer.status, {**answer.headers, **self._find_checksum(call, answer)}, answer.body
        )

    def _find_checksum(self, call: Call, answer: Answer) -> dict[str, str]:
        """Return the headers that tell an object's checksum; what never had one gets one now."""
        etag = answer.headers.get("etag", "")
        kept = self._keeper.get_object(call.path, etag)
        if kept is None:
            content = answer.body
            if call.method == "HEAD":
                content = self._forward(Call("GET", call.target, call.headers)).body
            kept = digest_content(content, DEFAULT)
            self._keeper.note_object(call.path, etag, kept)
        return kept.headers

    def _write_object(self, call: Call, trailer: dict[str, str]) -> Answer:
        """Return the answer to PutObject."""
        answer = self._forward(call)
        if answer.status >= 300 or not self._has_checksums:
            return answer
        told = {**call.headers, **trailer}
        algorithm = next((name for name in DIGESTS if PREFIX + name in told), DEFAULT)
        kept = digest_content(call.content, algorithm)
        self._keeper.note_object(call.path, answer.headers.get("etag", ""), kept)
        return Answer(answer.status, {**answer.headers, **kept.headers}, answer.body)

    def _begin_upload(self, call: Call, _: dict[str, str]) -> Answer:
        """Return the answer to CreateMultipartUpload."""
        answer = self._forward(call)
        if answer.status < 300:
            _, _, rest = answer.body.decode().partition("<UploadId>")
            self._keeper.begin(rest.partition("</UploadId>")[0], call.headers)
        return answer

    def _write_part(self, call: Call, _: dict[str, str]) -> Answer:
        """Return the answer to UploadPart."""
        answer = self._forward(call)
        if answer.status >= 300 or not self._has_checksums:
            return answer
        kept = self._keeper.note_part(call)
        told = {PREFIX + kept.algorithm: kept.value}
        return Answer(answer.status, {**answer.headers, **told}, answer.body)

    def _finish_upload(self, call: Call, _: dict[str, str]) -> Answer:
        """Return the answer to CompleteMultipartUpload."""
        if not self._has_checksums:
            return self._forward(call)
        found = self._keeper.finish(call)
        if isinstance(found, Answer):
            return found
        answer = self._forward(call)
        if found is not None and answer.status < 300:
            _, _, rest = answer.body.decode().partition("<ETag>")
            etag = rest.partition("</ETag>")[0].replace("&quot;", '"')
            self._keeper.note_object(call.path, etag, found)
        return answer


_CARES: dict[str, Callable[[CarefulServer, Call, dict[str, str]], Answer]] = {
    "GetObject": CarefulServer._read_object,
    "HeadObject": CarefulServer._read_object,
    "PutObject": CarefulServer._write_object,
    "CreateMultipartUpload": CarefulServer._begin_upload,
    "UploadPart": CarefulServer._write_part,
    "CompleteMultipartUpload": CarefulServer._finish_upload,
}
