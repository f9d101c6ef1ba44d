"""Where a runner gets a job's secrets: the account's Secrets Manager and Parameter Store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

SECRETS_MANAGER = ":secretsmanager:"
ARN_PARTS = 7
"""Of a secret's ARN, up to its name; what may follow says what of the secret is meant."""


class SecretMissingError(Exception):
    """The account has no such secret or parameter; the text is the service's code and words."""


class SecretDeniedError(Exception):
    """The role may not read a secret or parameter; the text is the service's code and words."""


@dataclass(frozen=True)
class SecretReference:
    """What ``valueFrom`` names in Secrets Manager; empty texts stand for the usual.

    Source: https://docs.aws.amazon.com/batch/latest/userguide/specifying-sensitive-data-secrets.html
    """

    arn: str
    region: str
    json_key: str = ""
    version_stage: str = ""
    version_id: str = ""


class SecretSource(Protocol):
    """The two calls that the ECS agent makes with the execution role."""

    @property
    def region(self) -> str:
        """Of parameters that are given by name."""

    def read_secret(self, reference: SecretReference) -> str:
        """The text of a secret.

        Raises:
            SecretMissingError: there is none.
            SecretDeniedError: the role may not read it.
        """

    def read_parameter(self, name_or_arn: str) -> str:
        """The value of a parameter, decrypted.

        Raises:
            SecretMissingError: there is none.
        """

    def find_secret_arn(self, reference: SecretReference) -> str:
        """The whole ARN of a secret, which may be named by a part of it."""

    def find_parameter_arn(self, name_or_arn: str) -> str:
        """The ARN of a parameter."""


def is_of_secrets_manager(value_from: str) -> bool:
    """True for a secret of Secrets Manager; a parameter otherwise."""
    return value_from.startswith("arn:") and SECRETS_MANAGER in value_from


def read_reference(value_from: str) -> SecretReference:
    """Takes apart ``arn:…:secret:name[:json-key[:version-stage[:version-id]]]``."""
    parts = value_from.split(":")
    return SecretReference(":".join(parts[:ARN_PARTS]), parts[3], *parts[ARN_PARTS:])
