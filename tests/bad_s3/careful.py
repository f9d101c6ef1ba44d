"""What S3 does for the bytes that it is given, done for a server that may do less of it."""

import http.client
import re
from collections.abc import Callable

from bad_s3.digests import (
    DEFAULT,
    DIGESTS,
    FULL,
    PREFIX,
    Keeper,
    Kept,
    digest_content,
    find_mismatch,
)
from bad_s3.wire import HOP_HEADERS, STREAMED_HEADERS, Answer, Call, refuse

_RANGE = re.compile(r"(\d+)-(\d+)/(\d+)")
CHECKED = frozenset({"PutObject", "UploadPart"})
MISMATCHED = refuse(
    412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"
)

ENDED = refuse(404, "NoSuchUpload", "The specified multipart upload does not exist.")


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
        upload_id = call.query.get("uploadId")
        if upload_id is not None and not self._keeper.has_upload(upload_id):
            return ENDED
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
        if not (self._has_checksums and is_asked and _is_whole(answer)):
            return answer
        kept = self._find_checksum(call, answer)
        # Of a range that is all of an object what it tells of parts' checksums was wrong once:
        # https://github.com/boto/botocore/issues/3346
        told = kept.headers if answer.status == 200 or kept.kind == FULL else {}
        return Answer(answer.status, {**answer.headers, **told}, answer.body)

    def _find_checksum(self, call: Call, answer: Answer) -> Kept:
        """Return an object's checksum; what never had one gets one now."""
        etag = answer.headers.get("etag", "")
        kept = self._keeper.get_object(call.path, etag)
        if kept is None:
            content = answer.body
            if call.method == "HEAD":
                content = self._forward(Call("GET", call.target, call.headers)).body
            kept = digest_content(content, DEFAULT)
            self._keeper.note_object(call.path, etag, kept)
        return kept

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
        kept = self._keeper.combine(call) if self._has_checksums else None
        if isinstance(kept, Answer):
            return kept
        answer = self._end_upload(call, _)
        if kept is not None and answer.status < 300:
            _, _, rest = answer.body.decode().partition("<ETag>")
            etag = rest.partition("</ETag>")[0].replace("&quot;", '"')
            self._keeper.note_object(call.path, etag, kept)
        return answer

    def _end_upload(self, call: Call, _: dict[str, str]) -> Answer:
        """Return the answer to what ends an upload, to AbortMultipartUpload too."""
        answer = self._forward(call)
        if answer.status < 300:
            self._keeper.end(call.query["uploadId"])
        return answer


def _is_whole(answer: Answer) -> bool:
    """Tell whether an answer has all of an object: of other ranges S3 tells no checksum."""
    first, last, size = _RANGE.findall(answer.headers.get("content-range", "0-0/1"))[0]
    return int(first) == 0 and int(last) + 1 == int(size)


_CARES: dict[str, Callable[[CarefulServer, Call, dict[str, str]], Answer]] = {
    "GetObject": CarefulServer._read_object,
    "HeadObject": CarefulServer._read_object,
    "PutObject": CarefulServer._write_object,
    "CreateMultipartUpload": CarefulServer._begin_upload,
    "UploadPart": CarefulServer._write_part,
    "AbortMultipartUpload": CarefulServer._end_upload,
    "CompleteMultipartUpload": CarefulServer._finish_upload,
}
