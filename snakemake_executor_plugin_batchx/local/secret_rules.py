"""What a container's secrets and its repository's credentials must be.

Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_Secret.html,
API_RepositoryCredentials and
https://docs.aws.amazon.com/batch/latest/userguide/specifying-sensitive-data.html
"""

from __future__ import annotations

from collections.abc import Iterable

from snakemake_executor_plugin_batchx.local.checks import check_pattern
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.shapes import JsonObject

# ECS's words on RegisterTaskDefinition: https://github.com/fabfuel/ecs-deploy/issues/87,
# https://github.com/sil-org/ecs-deploy/issues/188 and public reports. Batch makes its task
# definitions of job definitions; whether it says so at once or when the job is to start could not
# be verified.
SECRETS_NEED_ROLE = (
    "When you are specifying container secrets, you must also specify a value for "
    "'executionRoleArn'."
)
CREDENTIALS_NEED_ROLE = (
    "Private repository authentication requires that the task definition specify a value for "
    "executionRoleArn."
)
SHARED_NAME = (
    "The secret name must be unique and not shared with any new or existing environment variables "
    "set on the container, such as '{name}'."
)


def check_secrets(container: JsonObject, *, has_execution_role: bool) -> None:
    """Checks ``secrets``, ``secretOptions`` of the log configuration and ``repositoryCredentials``.

    Raises:
        ClientError: for the first rule that is broken.
    """
    secrets = container.get("secrets", [])
    options = container.get("logConfiguration", {}).get("secretOptions", [])
    for secret in secrets:
        check_pattern("environment_name", secret["name"])
    for secret in (*secrets, *options):
        check_pattern("secret_place", secret["valueFrom"])
    if (secrets or options) and not has_execution_role:
        raise ClientError(SECRETS_NEED_ROLE)
    shared = find_shared_name(container)
    if shared is not None:
        raise ClientError(SHARED_NAME.format(name=shared))
    credentials = container.get("repositoryCredentials")
    if credentials is not None:
        check_pattern("secret_arn", credentials["credentialsParameter"])
        if not has_execution_role:
            raise ClientError(CREDENTIALS_NEED_ROLE)


def find_shared_name(container: JsonObject) -> str | None:
    """A secret's name that another secret or a variable of the container has too; None without."""
    taken = _list_names(container.get("environment", []))
    for name in _list_names(container.get("secrets", [])):
        if name in taken:
            return name
        taken.append(name)
    return None


def _list_names(members: Iterable[JsonObject]) -> list[str]:
    return [each.get("name", "") for each in members]
