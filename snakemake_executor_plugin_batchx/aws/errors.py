"""AWS error codes as sentences: what is wrong, with what, and the fix."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import botocore.exceptions
import botocore.parsers

from snakemake_executor_plugin_batchx.aws.credential_words import (
    EXPIRED_CODES,
    TROUBLES,
    CredentialsLostError,
    ExpiredError,
    explain_trouble,
)
from snakemake_executor_plugin_batchx.aws.endpoints import explain_silence
from snakemake_executor_plugin_batchx.denials import DENIED_CODES, HEAD, Party, explain_denial
from snakemake_executor_plugin_batchx.errors import SKEWED, BatchxError

SENTENCES = {
    **dict.fromkeys(
        ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidAccessKeyId"),
        "AWS does not know the credentials in use: check --batchx-profile or the AWS_… "
        "environment, and the region, for AWS in China and GovCloud know only their own.",
    ),
    "SignatureDoesNotMatch": (
        "AWS does not accept the secret key in use: check --batchx-profile or the AWS_… variables."
    ),
    **dict.fromkeys(EXPIRED_CODES, explain_trouble(ExpiredError())),
    "RequestTimeTooSkewed": (
        "AWS refuses {action} because of the time that this machine's clock shows ({message}): let "
        "it be set by the network (timedatectl set-ntp true, say)."
    ),
    "ClientException": "AWS Batch refuses {action}: {message}.",
    "ServerException": "AWS Batch failed at {action}: {message}.",
}
"""https://docs.aws.amazon.com/batch/latest/APIReference/CommonErrors.html and the error types of
each operation there."""

THROTTLING_CODES = frozenset(
    {
        "TooManyRequestsException",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
    }
)
"""What AWS calls it to be asked too often: the call was not taken. Batch says the first
(https://repost.aws/knowledge-center/aws-batch-requests-error), AWS's common front the others
(botocore/retries/standard.py, ThrottledRetryableChecker)."""

UNANSWERED_CODES = frozenset(
    {
        "ServerException",
        "InternalFailure",
        "InternalError",
        "ServiceUnavailable",
        "RequestTimeout",
        "RequestTimeoutException",
    }
)
"""The service's own trouble, which may have come after it did what was asked."""

SERVER_TROUBLE = 500
"""From this HTTP status on it is not the request's fault."""

UNREACHED_ERRORS = (
    botocore.exceptions.EndpointConnectionError,
    botocore.exceptions.ProxyConnectionError,
    botocore.exceptions.ConnectTimeoutError,
)
"""No connection was made, so AWS has heard nothing."""

UNANSWERED_ERRORS = (
    botocore.exceptions.HTTPClientError,
    botocore.exceptions.ConnectionError,
    botocore.parsers.ResponseParserError,
)
"""The connection broke, or something on the way answered: AWS may have done what was asked."""

CALL_ERRORS = (
    botocore.exceptions.ClientError,
    botocore.exceptions.BotoCoreError,
    botocore.parsers.ResponseParserError,
)
"""All that a boto3 call raises because of AWS or the way to it."""

SKEWED_CODE = "RequestTimeTooSkewed"
"""What S3 calls it that a clock is wrong; AwsError has it where other services say it in words."""

_JAVA_PREFIX = re.compile(r"^Error executing request, Exception : |, RequestId: [0-9a-f-]{36}")


T = TypeVar("T")


class AwsError(BatchxError):
    """AWS would not do what was asked; `is_transient` tells whether another try may help."""

    def __init__(self, text: str, code: str, *, is_transient: bool) -> None:
        super().__init__(text)
        self.code = code
        self.is_transient = is_transient

    @property
    def is_throttled(self) -> bool:
        """Whether AWS was asked too often, and did not take the call."""
        return self.code in THROTTLING_CODES


class UnansweredError(AwsError):
    """Nobody knows whether AWS did what was asked; another try may help, or do it twice."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text, code, is_transient=True)


def explain_error(error: Exception, action: str, party: Party = HEAD) -> AwsError:
    """Return what a boto3 exception means for the user.

    `action` is IAM's name of the call, `party` whose it is.
    """
    if isinstance(error, botocore.exceptions.ClientError):
        return _explain_answer(error, action, party)
    silence = explain_silence(str(getattr(error, "kwargs", {}).get("endpoint_url", "")))
    text, code = silence or f"{action} failed: {error}", type(error).__name__
    if isinstance(error, CredentialsLostError):
        return AwsError(str(error), code, is_transient=False)
    if code in TROUBLES:
        return AwsError(explain_trouble(error), code, is_transient=False)
    if isinstance(error, UNANSWERED_ERRORS) and not isinstance(error, UNREACHED_ERRORS):
        return UnansweredError(text, code)
    return AwsError(text, code, is_transient=isinstance(error, UNREACHED_ERRORS))


def ask_aws(action: str, call: Callable[[], T], party: Party = HEAD) -> T:
    """Return what a boto3 call returns; `action` and `party` as above. Raises AwsError."""
    try:
        return call()
    except CALL_ERRORS as error:
        raise explain_error(error, action, party) from error


def _explain_answer(error: botocore.exceptions.ClientError, action: str, party: Party) -> AwsError:
    told: Mapping[str, Any] = error.response.get("Error", {})
    code = str(told.get("Code", ""))
    message = _JAVA_PREFIX.sub("", str(told.get("Message") or code)).strip().rstrip(".")
    if SKEWED.search(message):
        code = SKEWED_CODE
    sentence = SENTENCES.get(code, "AWS answers {action} with {code}: {message}.")
    text = sentence.format(action=action, code=code, message=message)
    if code in DENIED_CODES:
        text = explain_denial(message, action, party)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in THROTTLING_CODES:
        return AwsError(text, code, is_transient=True)
    if code in UNANSWERED_CODES or status >= SERVER_TROUBLE:
        return UnansweredError(text, code)
    return AwsError(text, code, is_transient=False)
