"""Whose credentials are in use, and why AWS does not take them."""

from collections.abc import Mapping
from typing import Any

from snakemake_executor_plugin_batchx.checks.finding import (
    UNSEEN,
    Finding,
    make_failure,
    make_ok,
)
from snakemake_executor_plugin_batchx.checks.table import CREDENTIALS

RENEW = "renew them (aws sso login, say) and start again"
REACH_IT = "check the network, the proxy (HTTPS_PROXY), the region and AWS_ENDPOINT_URL"
CHECK_THEM = "check the profile and the AWS_… environment variables"

REFUSALS = {
    "ExpiredToken": ("have expired", RENEW),
    "ExpiredTokenException": ("have expired", RENEW),
    "InvalidClientTokenId": ("are not known to AWS", CHECK_THEM),
    "UnrecognizedClientException": ("are not known to AWS", CHECK_THEM),
    "SignatureDoesNotMatch": ("have a secret key that AWS does not accept", CHECK_THEM),
    "InvalidSignatureException": ("have a secret key that AWS does not accept", CHECK_THEM),
}
"""By STS's error code, what is wrong with the credentials in use, and the fix
(https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html)."""


def judge_identity(answer: Mapping[str, Any], region: str) -> Finding:
    """Return whose credentials are in use, from GetCallerIdentity.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    """
    return make_ok(
        CREDENTIALS, f"account {answer['Account']} as {answer['Arn']}, in region {region}"
    )


def judge_credentials(code: str) -> Finding | None:
    """Return what is wrong with the credentials by AWS's error code, None for other troubles."""
    if code not in REFUSALS:
        return None
    what, fix = REFUSALS[code]
    return make_failure(CREDENTIALS, f"The AWS credentials in use {what}", fix)


def judge_unreached(identity: Finding) -> Finding:
    """Return that no way leads to AWS, from the check of the identity that got no answer."""
    said = identity.text.partition(f"{UNSEEN}: ")[2]
    return make_failure(CREDENTIALS, f"AWS cannot be reached: {said}", REACH_IT)
