"""Logins for registries that are kept in AWS Secrets Manager."""

from collections.abc import Callable
from typing import Any

from snakemake_executor_plugin_batchx.aws.errors import CALL_ERRORS, explain_error
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.credentials import Credential, interpret_login


def read_login(make_client: Callable[[str], Any], arn: str) -> Credential:
    """Return the login that a secret holds. `make_client` returns a client for a region.

    Raises BatchxError where it cannot be read, or holds none.
    """
    region = arn.split(":")[3]
    try:
        answer = make_client(region).get_secret_value(SecretId=arn)
    except CALL_ERRORS as error:
        told = explain_error(error, "secretsmanager:GetSecretValue")
        raise BatchxError(f"The login in secret {arn} cannot be read: {told}") from error
    return interpret_login(arn, answer.get("SecretString", ""))
