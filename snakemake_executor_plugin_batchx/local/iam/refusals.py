"""How each of AWS's protocols says that a caller is not let in.

Sources: https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html and its like of each
service, https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html; seen in
https://github.com/nextflow-io/nextflow/issues/1741 (Batch),
https://github.com/gigascience/gigadb-website/issues/1791 and
https://github.com/hashicorp/terraform-provider-aws/issues/4664 (EC2),
https://github.com/FormidableLabs/terraform-aws-serverless/issues/49 (CloudWatch Logs)
"""

from __future__ import annotations

import enum
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from xml.sax.saxutils import escape

Headers = list[tuple[str, str]]


class Protocol(enum.Enum):
    """How a service talks."""

    REST_JSON = "rest-json"
    JSON = "json"
    QUERY = "query"
    EC2 = "ec2"
    S3 = "rest-xml"


class Refusal(enum.Enum):
    """Why a caller is not let in."""

    DENIED = "denied"
    UNKNOWN_KEY = "unknown key"
    EXPIRED = "expired token"
    UNSIGNED = "unsigned"


@dataclass(frozen=True)
class Words:
    """A protocol's answer; the text is completed by what is said of the case."""

    status: str
    code: str
    text: str = "{said}"


BAD, FORBIDDEN, UNAUTHORIZED = "400 Bad Request", "403 Forbidden", "401 Unauthorized"
INVALID = "The security token included in the request is invalid."
OVER = "The security token included in the request is expired"
NO_TOKEN = "Missing Authentication Token"  # noqa: S105 - no token
EC2_DENIED = "You are not authorized to perform this operation. {said}"
EC2_INVALID = "AWS was not able to validate the provided access credentials"
S3_INVALID = "The AWS Access Key Id you provided does not exist in our records."

WORDS: Mapping[tuple[Protocol, Refusal], Words] = MappingProxyType(
    {
        (Protocol.REST_JSON, Refusal.DENIED): Words(FORBIDDEN, "AccessDeniedException"),
        (Protocol.REST_JSON, Refusal.UNKNOWN_KEY): Words(
            FORBIDDEN, "UnrecognizedClientException", INVALID
        ),
        (Protocol.REST_JSON, Refusal.EXPIRED): Words(FORBIDDEN, "ExpiredTokenException", OVER),
        (Protocol.REST_JSON, Refusal.UNSIGNED): Words(
            FORBIDDEN, "MissingAuthenticationTokenException", NO_TOKEN
        ),
        (Protocol.JSON, Refusal.DENIED): Words(BAD, "AccessDeniedException"),
        (Protocol.JSON, Refusal.UNKNOWN_KEY): Words(BAD, "UnrecognizedClientException", INVALID),
        (Protocol.JSON, Refusal.EXPIRED): Words(BAD, "ExpiredTokenException", OVER),
        (Protocol.JSON, Refusal.UNSIGNED): Words(
            BAD, "MissingAuthenticationTokenException", NO_TOKEN
        ),
        (Protocol.QUERY, Refusal.DENIED): Words(FORBIDDEN, "AccessDenied"),
        (Protocol.QUERY, Refusal.UNKNOWN_KEY): Words(FORBIDDEN, "InvalidClientTokenId", INVALID),
        (Protocol.QUERY, Refusal.EXPIRED): Words(FORBIDDEN, "ExpiredToken", OVER),
        (Protocol.QUERY, Refusal.UNSIGNED): Words(
            FORBIDDEN, "MissingAuthenticationToken", NO_TOKEN
        ),
        (Protocol.EC2, Refusal.DENIED): Words(FORBIDDEN, "UnauthorizedOperation", EC2_DENIED),
        (Protocol.EC2, Refusal.UNKNOWN_KEY): Words(UNAUTHORIZED, "AuthFailure", EC2_INVALID),
        (Protocol.EC2, Refusal.EXPIRED): Words(BAD, "RequestExpired", "Request has expired."),
        (Protocol.EC2, Refusal.UNSIGNED): Words(UNAUTHORIZED, "AuthFailure", EC2_INVALID),
        (Protocol.S3, Refusal.DENIED): Words(FORBIDDEN, "AccessDenied"),
        (Protocol.S3, Refusal.UNKNOWN_KEY): Words(FORBIDDEN, "InvalidAccessKeyId", S3_INVALID),
        (Protocol.S3, Refusal.EXPIRED): Words(
            BAD, "ExpiredToken", "The provided token has expired."
        ),
        (Protocol.S3, Refusal.UNSIGNED): Words(FORBIDDEN, "AccessDenied", "Access Denied"),
    }
)

QUERY_BODY = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
    "</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
)
EC2_BODY = (
    "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
    "<RequestID>{request_id}</RequestID></Response>"
)
S3_BODY = (
    "<Error><Code>{code}</Code><Message>{message}</Message>"
    "<RequestId>{request_id}</RequestId></Error>"
)
XML_BODIES: Mapping[Protocol, str] = MappingProxyType(
    {Protocol.QUERY: QUERY_BODY, Protocol.EC2: EC2_BODY, Protocol.S3: S3_BODY}
)


@dataclass(frozen=True)
class Answer:
    """An answer of HTTP."""

    status: str
    headers: Headers
    body: bytes


def find_protocol(service: str, *, has_target: bool) -> Protocol:
    """How a service talks, by its name, and whether a header names a request's operation."""
    if has_target:
        return Protocol.JSON
    own = {"s3": Protocol.S3, "ec2": Protocol.EC2, "batch": Protocol.REST_JSON}
    return own.get(service, Protocol.QUERY)


def make_answer(
    protocol: Protocol, refusal: Refusal, said: str = "", *, has_body: bool = True
) -> Answer:
    """The answer to a caller who is not let in.

    Args:
        protocol: the service's.
        refusal: why.
        said: the sentence that tells of the case.
        has_body: False for an answer to HEAD.
    """
    words = WORDS[protocol, refusal]
    message = words.text.format(said=said)
    request_id = str(uuid.uuid4())
    headers = [("x-amzn-RequestId", request_id)]
    if protocol in XML_BODIES:
        headers.append(("Content-Type", "application/xml"))
        text = XML_BODIES[protocol].format(
            code=words.code, message=escape(message), request_id=request_id
        )
    else:
        headers += [("Content-Type", "application/json"), ("x-amzn-errortype", words.code)]
        text = json.dumps({"__type": words.code, "message": message})
    return Answer(words.status, headers, text.encode() if has_body else b"")
