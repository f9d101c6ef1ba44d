"""Why there are no credentials to sign a call with, and what to do: AWS was not even asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import botocore.exceptions

from snakemake_executor_plugin_batchx.denials import (
    DENIED_CODES,
    HEAD,
    MAX_SAID_CHARACTERS,
    describe_denial,
)

LOCAL_NEEDS_NONE = "; --batchx-job-queue local needs none"

AGAIN = " and start again"
"""How the fix goes on for who has to begin anew."""

MEANWHILE = " in another terminal; the run goes on as soon as that is done"
"""How it goes on for who need not."""

EXPIRED_CODES = frozenset({"ExpiredToken", "ExpiredTokenException"})
"""What AWS says of a session that is over
(https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html)."""


@dataclass(frozen=True)
class Trouble:
    """A clause on what is wrong and one on the fix; both may hold {profile}, {message}, {option}.

    `profile` is what sentences call the profile, `option` names it to AWS's command line. `then` is
    how the fix goes on, where that does not depend on who is told.
    """

    what: str
    fix: str
    then: str | None = None


class CredentialsLostError(botocore.exceptions.BotoCoreError):  # type: ignore[misc]
    """The credentials have ended, and no others can be had; the text is a sentence."""

    fmt = "{sentence}"


class ExpiredError(Exception):
    """AWS says that the session which signed a request is over."""


EXPIRED = Trouble("The AWS credentials in use have expired", "renew them (aws sso login, say)")

NOT_HAD = Trouble(
    "The AWS credentials in use could not be had ({message})",
    "mend what it says",
)

TROUBLES: Mapping[str, Trouble] = {
    "NoCredentialsError": Trouble(
        "No AWS credentials were found",
        "set --batchx-profile, sign in (aws configure, aws sso login), or set AWS_ACCESS_KEY_ID "
        "and AWS_SECRET_ACCESS_KEY",
        LOCAL_NEEDS_NONE,
    ),
    **dict.fromkeys(
        ("UnauthorizedSSOTokenError", "SSOTokenLoadError", "TokenRetrievalError"),
        Trouble(
            "The SSO session of {profile} has expired, or was not begun",
            "sign in (aws sso login{option})",
        ),
    ),
    **dict.fromkeys(
        ("LoginRefreshRequired", "LoginTokenLoadError"),
        Trouble(
            "The session of {profile} has expired, or was not begun", "sign in (aws login{option})"
        ),
    ),
    "PartialCredentialsError": Trouble(
        "The AWS credentials in use are not complete ({message})", "add what is missing"
    ),
    "CredentialRetrievalError": NOT_HAD,
    "RefreshWithMFAUnsupportedError": Trouble(
        "The AWS credentials in use have ended, and new ones take an MFA code", "get new ones"
    ),
    **dict.fromkeys(
        ("InvalidConfigError", "InfiniteLoopConfigError", "UnknownCredentialError"),
        Trouble(
            "What ~/.aws/config says of {profile} cannot be followed ({message})",
            "mend it there",
        ),
    ),
    "ForbiddenException": Trouble(
        "IAM Identity Center gives you not the role that {profile} names ({message})",
        "check its sso_account_id and sso_role_name",
    ),
    **dict.fromkeys((*EXPIRED_CODES, "ExpiredError"), EXPIRED),
}
"""By the type of botocore's exception
(https://github.com/boto/botocore/blob/develop/botocore/exceptions.py), or the code of AWS's answer
to who asked for a session."""

OPERATIONS = {
    "AssumeRole": "sts:AssumeRole",
    "AssumeRoleWithWebIdentity": "sts:AssumeRoleWithWebIdentity",
    "GetRoleCredentials": "sso:GetRoleCredentials",
}
"""The calls that get a session, by IAM's names."""


def explain_trouble(error: Exception, profile: str | None = None, then: str = AGAIN) -> str:
    """Return a sentence on why there are no credentials. `then` is what the fix leads to."""
    trouble = describe_trouble(error)
    words = {
        "profile": f"AWS profile {profile}" if profile else "the AWS profile in use",
        "option": f" --profile {profile or 'NAME'}",
        "message": " ".join(str(error).split())[:MAX_SAID_CHARACTERS].rstrip("."),
    }
    ending = then if trouble.then is None else trouble.then
    return f"{trouble.what.format(**words)}: {trouble.fix.format(**words)}{ending}."


def describe_trouble(error: Exception) -> Trouble:
    """Return what is wrong, by the type of an exception or what AWS answered."""
    if not isinstance(error, botocore.exceptions.ClientError):
        return TROUBLES.get(type(error).__name__, NOT_HAD)
    told: Mapping[str, Any] = error.response.get("Error", {})
    code, message = str(told.get("Code", "")), str(told.get("Message", ""))
    action = OPERATIONS.get(error.operation_name, error.operation_name)
    if code in DENIED_CODES:
        what, fix = describe_denial(message, action, HEAD)
        return Trouble(_escape(what), _escape(fix))
    return TROUBLES.get(code, NOT_HAD)


def _escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
