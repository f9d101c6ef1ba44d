"""AWS errors as sentences."""

import botocore.exceptions
import botocore.parsers
import pytest

from snakemake_executor_plugin_batchx.aws.errors import UnansweredError, explain_error

SIGN_IN = (
    "The SSO session of the AWS profile in use has expired, or was not begun: sign in (aws sso "
    "login --profile NAME) and start again."
)


def make_error(code: str, message: str, status: int = 400) -> botocore.exceptions.ClientError:
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return botocore.exceptions.ClientError(answer, "SubmitJob")


@pytest.mark.parametrize(
    ("code", "message", "status", "expected", "is_transient"),
    [
        (
            "ClientException",
            "Error executing request, Exception : ArrayJob Size must be between 2 and 10000, "
            "RequestId: 12345678-1234-1234-1234-123456789012",
            400,
            "AWS Batch refuses batch:SubmitJob: ArrayJob Size must be between 2 and 10000.",
            False,
        ),
        ("ServerException", "busy", 500, "AWS Batch failed at batch:SubmitJob: busy.", True),
        (
            "TooManyRequestsException",
            "Too Many Requests",
            429,
            "AWS answers batch:SubmitJob with TooManyRequestsException: Too Many Requests.",
            True,
        ),
        (
            "ExpiredTokenException",
            "The security token included in the request is expired",
            403,
            "The AWS credentials in use have expired: renew them (aws sso login, say) and start "
            "again.",
            False,
        ),
        ("Weird", "", 503, "AWS answers batch:SubmitJob with Weird: Weird.", True),
    ],
)
def test_client_errors(
    code: str, message: str, status: int, expected: str, *, is_transient: bool
) -> None:
    told = explain_error(make_error(code, message, status), "batch:SubmitJob")
    assert str(told) == expected
    assert told.is_transient is is_transient


def test_network_errors_are_transient() -> None:
    error = botocore.exceptions.EndpointConnectionError(endpoint_url="https://batch")
    told = explain_error(error, "batch:DescribeJobs")
    assert told.is_transient
    assert "https://batch" in str(told)


def test_missing_credentials_say_how_to_get_some() -> None:
    told = explain_error(botocore.exceptions.NoCredentialsError(), "batch:DescribeJobs")
    assert "--batchx-profile" in str(told)
    assert not told.is_transient


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (botocore.exceptions.UnauthorizedSSOTokenError(), SIGN_IN),
        (botocore.exceptions.SSOTokenLoadError(error_msg="Token for lab does not exist"), SIGN_IN),
        (
            botocore.exceptions.TokenRetrievalError(
                provider="sso", error_msg="Token has expired and refresh failed"
            ),
            SIGN_IN,
        ),
        (
            botocore.exceptions.PartialCredentialsError(
                provider="env", cred_var="AWS_SECRET_ACCESS_KEY"
            ),
            "The AWS credentials in use are not complete (Partial credentials found in env, "
            "missing: AWS_SECRET_ACCESS_KEY): add what is missing and start again.",
        ),
        (
            botocore.exceptions.CredentialRetrievalError(
                provider="custom-process", error_msg="no {such} command."
            ),
            "The AWS credentials in use could not be had (Error when retrieving credentials from "
            "custom-process: no {such} command): mend what it says and start again.",
        ),
    ],
)
def test_where_there_is_nothing_to_sign_with_it_is_told_how_to_get_it(
    error: Exception, words: str
) -> None:
    told = explain_error(error, "batch:DescribeJobs")
    assert str(told) == words
    assert told.code == type(error).__name__
    assert not told.is_transient


def test_a_session_of_aws_login_is_begun_by_it() -> None:
    error = type("LoginRefreshRequired", (botocore.exceptions.BotoCoreError,), {})()
    assert "sign in (aws login --profile NAME)" in str(explain_error(error, "batch:DescribeJobs"))


@pytest.mark.parametrize(
    ("error", "is_unanswered", "is_throttled"),
    [
        (make_error("ServerException", "busy", 500), True, False),
        (make_error("504", "Gateway Timeout", 504), True, False),
        (make_error("RequestTimeout", "slow", 400), True, False),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="https://batch"), True, False),
        (botocore.exceptions.ConnectionClosedError(endpoint_url="https://batch"), True, False),
        (botocore.parsers.ResponseParserError("<html>"), True, False),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="https://b"), False, False),
        (botocore.exceptions.ConnectTimeoutError(endpoint_url="https://b"), False, False),
        (make_error("TooManyRequestsException", "Too Many Requests", 429), False, True),
        (make_error("ThrottlingException", "Rate exceeded", 400), False, True),
        (make_error("Throttling", "Rate exceeded", 503), False, True),
        (make_error("ClientException", "no such queue", 400), False, False),
    ],
    ids=lambda value: str(value) if isinstance(value, Exception) else "",
)
def test_who_knows_whether_aws_did_it(
    error: Exception, *, is_unanswered: bool, is_throttled: bool
) -> None:
    told = explain_error(error, "batch:SubmitJob")
    assert isinstance(told, UnansweredError) is is_unanswered
    assert told.is_throttled is is_throttled
    assert told.is_transient is ("no such queue" not in str(error))
