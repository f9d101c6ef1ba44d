"""What a container gets of the account's secrets: variables, and the login to a registry.

The words are ECS's, where it cannot get them: of its agent on EC2 and of Fargate's. Sources:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/resource-initialization-error.html,
https://repost.aws/knowledge-center/ecs-unable-to-pull-secrets and
https://github.com/aws/amazon-ecs-agent (agent/asm/asm.go, agent/taskresource/ssmsecret)
"""

from __future__ import annotations

import json

from snakemake_executor_plugin_batchx.local.docker_pulls import PullCredentials
from snakemake_executor_plugin_batchx.local.orders import ContainerOrder
from snakemake_executor_plugin_batchx.local.secret_source import (
    SecretDeniedError,
    SecretMissingError,
    SecretSource,
    is_of_secrets_manager,
    read_reference,
)

ON_EC2 = {
    "secret": "Fetching secret data from AWS Secrets Manager in region {region}: secret {place}: "
    "{said}",
    "key": "Fetching secret data from AWS Secrets Manager in region {region}: {said}",
    "parameter": "Fetching secret data from SSM Parameter Store in {region}: invalid parameters: "
    "{place}",
    "denied": "Fetching secret data from SSM Parameter Store in {region}: {said}",
    "login": "Asm fetching secret from the service for {place}: {said}",
    "malformed": "Asm fetching {said}",
}
FARGATE = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource "
)
ON_FARGATE = {
    "secret": FARGATE + "retrieval failed: unable to retrieve secret from asm: service call has "
    "been retried 1 time(s): failed to fetch secret {place} from secrets manager: {said}",
    "key": FARGATE + "retrieval failed: unable to retrieve secret from asm: service call has been "
    "retried 1 time(s): {said}",
    "parameter": FARGATE + "retrieval failed: unable to retrieve secrets from ssm: service call "
    "has been retried 1 time(s): invalid ssm parameters: {place}",
    "denied": FARGATE + "retrieval failed: unable to retrieve secrets from ssm: service call has "
    "been retried 1 time(s): {said}",
    "login": FARGATE + "retrieval failed: unable to get registry auth from asm: service call has "
    "been retried 1 time(s): asm fetching secret from the service for {place}: {said}",
    "malformed": FARGATE + "retrieval failed: unable to get registry auth from asm: service call "
    "has been retried 1 time(s): asm fetching {said}",
}
NO_KEY = "retrieved secret from Secrets Manager did not contain json key {key}"
NO_JSON = "retrieved secret from Secrets Manager is no JSON object, and has no key {key}"
BAD_SCHEMA = "authorization data: unable to unmarshal secret value, invalid schema"
EMPTY_FIELD = "{field}: AuthorizationData is malformed, empty field"


class SecretRefusedError(Exception):
    """A container's secret cannot be had; the text is ECS's reason for the whole task."""


def fetch_secrets(
    container: ContainerOrder, source: SecretSource, *, is_fargate: bool
) -> dict[str, str]:
    """The variables that ``secrets`` of a container stand for.

    Raises:
        SecretRefusedError: one is missing, or lacks the key that is asked for.
    """
    words = ON_FARGATE if is_fargate else ON_EC2
    return {
        each["name"]: _fetch_value(each["valueFrom"], source, words)
        for each in container.properties.get("secrets", [])
    }


def fetch_login(
    container: ContainerOrder, source: SecretSource, *, is_fargate: bool
) -> PullCredentials | None:
    """User and password of ``repositoryCredentials``; None for a container without.

    Raises:
        SecretRefusedError: the secret is missing, or is not ``{"username": …, "password": …}``.
    """
    place = container.properties.get("repositoryCredentials", {}).get("credentialsParameter")
    if place is None:
        return None
    words = ON_FARGATE if is_fargate else ON_EC2
    try:
        text = source.read_secret(read_reference(place))
    except (SecretMissingError, SecretDeniedError) as error:
        raise SecretRefusedError(words["login"].format(place=place, said=error)) from error
    members = _read_object(text)
    if members is None:
        raise SecretRefusedError(words["malformed"].format(said=BAD_SCHEMA))
    for field in ("username", "password"):
        if not members.get(field):
            said = EMPTY_FIELD.format(field=field)
            raise SecretRefusedError(words["malformed"].format(said=said))
    return PullCredentials(str(members["username"]), str(members["password"]))


def _fetch_value(place: str, source: SecretSource, words: dict[str, str]) -> str:
    if not is_of_secrets_manager(place):
        try:
            return source.read_parameter(place)
        except SecretMissingError as error:
            refusal = words["parameter"].format(region=source.region, place=place)
            raise SecretRefusedError(refusal) from error
        except SecretDeniedError as error:
            refusal = words["denied"].format(region=source.region, said=error)
            raise SecretRefusedError(refusal) from error
    reference = read_reference(place)
    try:
        text = source.read_secret(reference)
    except (SecretMissingError, SecretDeniedError) as error:
        refusal = words["secret"].format(region=reference.region, place=reference.arn, said=error)
        raise SecretRefusedError(refusal) from error
    if not reference.json_key:
        return text
    members = _read_object(text)
    if members is None or reference.json_key not in members:
        said = (NO_JSON if members is None else NO_KEY).format(key=reference.json_key)
        raise SecretRefusedError(words["key"].format(region=reference.region, said=said))
    value = members[reference.json_key]
    return value if isinstance(value, str) else json.dumps(value)


def _read_object(text: str) -> dict[str, object] | None:
    """A JSON object; None for any other text."""
    try:
        members = json.loads(text)
    except ValueError:
        return None
    return members if isinstance(members, dict) else None
