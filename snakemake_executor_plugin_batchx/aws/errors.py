"""AWS error codes as sentences: what is wrong, with what, and the fix."""

import re
from collections.abc import Mapping
from typing import Any

import botocore.exceptions

from snakemake_executor_plugin_batchx.errors import BatchxError

SENTENCES = {
    "AccessDeniedException": (
        "AWS refuses {action}: the credentials in use lack that permission ({message})."
    ),
    "AccessDenied": (
        "AWS refuses {action}: the credentials in use lack that permission ({message})."
    ),
    "UnrecognizedClientException": (
        "AWS does not know the credentials in use: check --batchx-profile or the AWS_… environment."
    ),
    "InvalidClientTokenId": (
        "AWS does not know the credentials in use: check --batchx-profile or the AWS_… environment."
    ),
    "SignatureDoesNotMatch": (
        "AWS does not accept the secret key in use: check --batchx-profile or the AWS_… variables."
    ),
    "ExpiredTokenException": (
        "The AWS credentials in use have expired: renew them (aws sso login, say) and start again."
    ),
    "ExpiredToken": (
        "The AWS credentials in use have expired: renew them (aws sso login, say) and start again."
    ),
    "ClientException": "AWS Batch refuses {action}: {message}.",
    "ServerException": "AWS Batch failed at {action}: {message}.",
}
"""https://docs.aws.amazon.com/batch/latest/APIReference/CommonErrors.html and the error types of
each operation there."""

TRANSIENT_CODES = frozenset(
    {
        "ServerException",
        "TooManyRequestsException",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "InternalFailure",
        "InternalError",
        "ServiceUnavailable",
    }
)
"""What another try may mend: the service's own trouble, never ours."""

NETWORK_ERRORS = (botocore.exceptions.HTTPClientError, botocore.exceptions.ConnectionError)

_JAVA_PREFIX = re.compile(r"^Error executing request, Exception : |, RequestId: [0-9a-f-]{36}")


class AwsError(BatchxError):
    """AWS would not do what was asked; `is_transient` tells whether another try may help."""

    def __init__(self, text: str, code: str, *, is_transient: bool) -> None:
        super().__init__(text)
        self.code = code
        self.is_transient = is_transient


def explain_error(error: Exception, action: str) -> AwsError:
    """Return what a boto3 exception means for the user. `action` is IAM's name of the call."""
    if isinstance(error, botocore.exceptions.ClientError):
        told: Mapping[str, Any] = error.response.get("Error", {})
        code = str(told.get("Code", ""))
        message = _JAVA_PREFIX.sub("", str(told.get("Message") or code)).strip().rstrip(".")
        text = SENTENCES.get(code, "AWS answers {action} with {code}: {message}.")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return AwsError(
            text.format(action=action, code=code, message=message),
            code,
            is_transient=code in TRANSIENT_CODES or status >= 500,
        )
    if isinstance(error, botocore.exceptions.NoCredentialsError):
        return AwsError(NO_CREDENTIALS, "NoCredentials", is_transient=False)
    is_network = isinstance(error, NETWORK_ERRORS)
    return AwsError(f"{action} failed: {error}", type(error).__name__, is_transient=is_network)


NO_CREDENTIALS = (
    "No AWS credentials were found: set --batchx-profile, sign in (aws configure, aws sso login), "
    "or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; --batchx-job-queue local needs none."
)
