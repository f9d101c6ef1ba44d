"""Secrets Manager and Parameter Store for a runner: moto's, in this process."""

from __future__ import annotations

from moto.core.exceptions import JsonRESTError
from moto.secretsmanager.models import secretsmanager_backends
from moto.ssm.models import ssm_backends

from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.secret_source import (
    SecretMissingError,
    SecretReference,
)

BINARY = "InvalidRequestException: the secret holds no text"
NO_PARAMETER = "ParameterNotFound: {name}"


class MotoSecrets:
    """moto's secrets and parameters in this process. Implements SecretSource.

    Args:
        identity: account and region.
    """

    def __init__(self, identity: Identity) -> None:
        self.region = identity.region
        self._identity = identity
        self._account_id = identity.account_id

    def read_secret(self, reference: SecretReference) -> str:
        """See SecretSource."""
        backend = secretsmanager_backends[self._account_id][reference.region]
        try:
            found = backend.get_secret_value(
                reference.arn, reference.version_id, reference.version_stage
            )
        except JsonRESTError as error:
            raise SecretMissingError(f"{error.error_type}: {error.message}") from error
        text: str | None = found.get("SecretString")
        if text is None:
            raise SecretMissingError(BINARY)
        return text

    def find_secret_arn(self, reference: SecretReference) -> str:
        """See SecretSource."""
        secret = secretsmanager_backends[self._account_id][reference.region].secrets.get(
            reference.arn
        )
        return reference.arn if secret is None else str(secret.arn)

    def find_parameter_arn(self, name_or_arn: str) -> str:
        """See SecretSource."""
        if name_or_arn.startswith("arn:"):
            return name_or_arn
        return self._identity.make_arn("parameter", name_or_arn.lstrip("/"), service="ssm")

    def read_parameter(self, name_or_arn: str) -> str:
        """See SecretSource."""
        is_arn = name_or_arn.startswith("arn:")
        region = name_or_arn.split(":")[3] if is_arn else self.region
        found = ssm_backends[self._account_id][region].get_parameters([name_or_arn])
        value: str | None = None
        if name_or_arn in found:
            value = found[name_or_arn].response_object(decrypt=True)["Value"]
        if value is None:
            raise SecretMissingError(NO_PARAMETER.format(name=name_or_arn))
        return value
