"""What S3 asks of permissions beside a request's own.

It asks for each key of DeleteObjects, and before it tells that a key is not there.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any
from xml.etree import ElementTree as ET

from snakemake_executor_plugin_batchx.local.iam.authority import AccessDeniedError
from snakemake_executor_plugin_batchx.local.iam.gate import Gate, Visitor
from snakemake_executor_plugin_batchx.local.iam.s3_needs import (
    S3Request,
    make_delete_need,
    read_s3_request,
)

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
EMPTY = f'<DeleteResult xmlns="{NAMESPACE}"></DeleteResult>'.encode()
XML = [("Content-Type", "application/xml")]

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class S3Door:
    """Answers requests to S3 of those whom policies bind.

    Args:
        gate: knows who may what.
        partition: of the ARNs.
        s3: answers all requests.
    """

    def __init__(self, gate: Gate, partition: str, s3: Application):
        self._gate = gate
        self._partition = partition
        self._s3 = s3

    def answer(
        self, environ: dict[str, Any], start_response: Callable[..., Any], visitor: Visitor | None
    ) -> Iterable[bytes]:
        """Answers a request that was let in."""
        if visitor is None or visitor.principal.is_root:
            return self._s3(environ, start_response)
        request = read_s3_request(environ)
        if request.is_bulk_delete:
            return self._delete(environ, start_response, visitor, request)
        started: list[tuple[str, Any]] = []
        answer = list(self._s3(environ, lambda *given: started.append((given[0], given[1]))))
        status, headers = started[-1]
        if status.startswith("404") and request.key and request.method in ("GET", "HEAD"):
            hidden = self._gate.find_hidden(environ, visitor)
            if hidden is not None:
                start_response(hidden.status, hidden.headers)
                return [hidden.body]
        start_response(status, headers)
        return answer

    def _delete(
        self,
        environ: dict[str, Any],
        start_response: Callable[..., Any],
        visitor: Visitor,
        request: S3Request,
    ) -> Iterable[bytes]:
        """Deletes the keys that the caller may delete, and refuses the others."""
        wish = ET.fromstring(environ["wsgi.input"].getvalue())  # noqa: S314 - from this machine
        refused = []
        for entry in [each for each in wish if _strip(each.tag) == "Object"]:
            members = {_strip(each.tag): each.text or "" for each in entry}
            need = make_delete_need(
                request.bucket,
                members.get("Key", ""),
                self._partition,
                is_version="VersionId" in members,
            )
            try:
                self._gate.authority.check(visitor.principal, [need], visitor.keys)
            except AccessDeniedError as error:
                wish.remove(entry)
                refused.append({**members, "Code": "AccessDenied", "Message": str(error)})
        answer = EMPTY
        if any(_strip(each.tag) == "Object" for each in wish):
            body = _write(wish)
            environ["wsgi.input"] = io.BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
            started: list[str] = []
            given = self._s3(environ, lambda *head: started.append(head[0]))
            answer = b"".join(given)
            if not started[-1].startswith("200"):
                start_response(started[-1], XML)
                return [answer]
        start_response("200 OK", XML)
        return [_add_errors(answer, refused)]


def _add_errors(answer: bytes, refused: list[dict[str, str]]) -> bytes:
    result = ET.fromstring(answer)  # noqa: S314 - moto's
    for members in refused:
        error = ET.SubElement(result, "Error")
        for name, value in members.items():
            ET.SubElement(error, name).text = value
    return _write(result)


def _write(root: ET.Element) -> bytes:
    """The text of an element, in S3's namespace without a prefix: moto knows no other."""
    for each in root.iter():
        each.tag = _strip(each.tag)
    root.set("xmlns", NAMESPACE)
    return ET.tostring(root)


def _strip(tag: str) -> str:
    """A tag without its namespace."""
    return tag.rpartition("}")[2]
