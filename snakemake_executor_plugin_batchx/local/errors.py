"""The errors of the Batch API, as values that the HTTP layer turns into answers.

AWS Batch knows ``ClientException`` (400) and ``ServerException`` (500); the text tells more. In
front of it AWS answers ``TooManyRequestsException`` (429) to callers that are too fast.
Source: https://docs.aws.amazon.com/batch/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations


class BatchError(Exception):
    """An answer of the Batch API that is not a success.

    Attributes:
        code: the error type that botocore reads from ``x-amzn-errortype``.
        http_status: the HTTP status of the answer.
        message: the text.
        is_framed: true if AWS puts the text in its "Error executing request" frame.
    """

    code = "ServerException"
    http_status = 500

    def __init__(self, message: str, *, is_framed: bool = True):
        super().__init__(message)
        self.message = message
        self.is_framed = is_framed


class ClientError(BatchError):
    """The caller's mistake: ``ClientException``, HTTP 400."""

    code = "ClientException"
    http_status = 400


class ServerError(BatchError):
    """The service's mistake: ``ServerException``, HTTP 500."""


class ThrottledError(BatchError):
    """The caller is too fast: ``TooManyRequestsException``, HTTP 429.

    Code and text seen in https://github.com/ASFHyP3/hyp3/issues/1676.
    """

    code = "TooManyRequestsException"
    http_status = 429

    def __init__(self) -> None:
        super().__init__("Too Many Requests", is_framed=False)
