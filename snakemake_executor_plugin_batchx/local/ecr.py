"""The part of ECR's API that moto lacks, and what it tells of its registry.

Without a registry, tokens are handed out all the same, and images are moto's.

Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from moto.ecr.models import ecr_backends

from snakemake_executor_plugin_batchx.aws.partitions import find_dns_suffix
from snakemake_executor_plugin_batchx.local.docker_pulls import PullCredentials
from snakemake_executor_plugin_batchx.local.ecr_images import (
    EcrError,
    Registry,
    list_images,
    read_images,
    remove_images,
    show_images,
)
from snakemake_executor_plugin_batchx.local.iam.principals import Principal
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.local.launch import RegistryAccess
from snakemake_executor_plugin_batchx.local.registry_logins import USER, RegistryLogins
from snakemake_executor_plugin_batchx.local.shapes import JsonObject

ACCOUNT_SETTINGS = {
    "BASIC_SCAN_TYPE_VERSION": "AWS_NATIVE",
    "REGISTRY_POLICY_SCOPE": "V2",
    "BLOB_MOUNTING": "DISABLED",
}
"""A new account's."""

RULE_MEMBERS = (
    "ecrRepositoryPrefix",
    "upstreamRegistryUrl",
    "upstreamRegistry",
    "credentialArn",
    "customRoleArn",
    "upstreamRepositoryPrefix",
)
IMAGE_CALLS: dict[str, Callable[[Registry, JsonObject], JsonObject]] = {
    "ListImages": list_images,
    "DescribeImages": show_images,
    "BatchGetImage": read_images,
    "BatchDeleteImage": remove_images,
}


@dataclass(frozen=True)
class EcrRegistry:
    """ECR's registry, ``host:port``, and the one that has its images."""

    host: str
    behind: RegistryAccess


class EmbeddedEcr:
    """Answers what moto does not.

    Args:
        identity: account and region.
        logins: those of the registry.
        registry: the registry; None without one.
        read_now: the time, in seconds since 1970.
    """

    def __init__(
        self,
        identity: Identity,
        logins: RegistryLogins,
        registry: EcrRegistry | None,
        read_now: Callable[[], float] = time.time,
    ):
        self._identity = identity
        self._logins = logins
        self._registry = registry
        self._read_now = read_now
        self._lock = threading.Lock()
        self._rules: dict[str, JsonObject] = {}
        self._settings = dict(ACCOUNT_SETTINGS)
        suffix = find_dns_suffix(identity.region)
        host = f"{identity.account_id}.dkr.ecr.{identity.region}.{suffix}"
        self._aws_host = host
        self._calls: dict[str, Callable[[JsonObject], JsonObject]] = {
            "DescribePullThroughCacheRules": self._describe_rules,
            "CreatePullThroughCacheRule": self._create_rule,
            "DeletePullThroughCacheRule": self._delete_rule,
            "GetAccountSetting": self._get_setting,
            "PutAccountSetting": self._put_setting,
        }

    def answer(
        self, operation: str, parameters: JsonObject, principal: Principal
    ) -> JsonObject | None:
        """Answers a call of a principal; None where moto should.

        Raises:
            EcrError: what the API answers with instead.
        """
        if operation == "GetAuthorizationToken":
            return self._issue_token(principal)
        call = self._calls.get(operation)
        if call is not None:
            with self._lock:
                return call(parameters)
        if operation in IMAGE_CALLS and self._registry is not None:
            name = parameters.get("repositoryName")
            if name in ecr_backends[self._identity.account_id][self._identity.region].repositories:
                behind = self._registry.behind
                registry = Registry(behind.host, USER, behind.read_password())
                request = {"registryId": self._identity.account_id, **parameters}
                return IMAGE_CALLS[operation](registry, request)
        return None

    def name_registry(self, answer: bytes) -> bytes:
        """An answer of moto's with the registry's address where it has AWS's."""
        if self._registry is None:
            return answer
        return answer.replace(f"{self._aws_host}/".encode(), f"{self._registry.host}/".encode())

    @property
    def registry_host(self) -> str:
        """The registry's ``host:port``, empty without one."""
        return self._registry.host if self._registry is not None else ""

    def has_image(self, image: str) -> bool:
        """See Registries."""
        return self._registry is not None and image.startswith(f"{self._registry.host}/")

    def log_in(self, principal: Principal) -> PullCredentials:
        """See Registries."""
        return PullCredentials(USER, self._logins.issue(principal).password)

    def _issue_token(self, principal: Principal) -> JsonObject:
        login = self._logins.issue(principal)
        token = base64.b64encode(f"{USER}:{login.password}".encode()).decode()
        endpoint = f"https://{self._aws_host}"
        if self._registry is not None:
            endpoint = f"http://{self._registry.host}"
        datum = {
            "authorizationToken": token,
            "expiresAt": login.expiry,
            "proxyEndpoint": endpoint,
        }
        return {"authorizationData": [datum]}

    def _describe_rules(self, parameters: JsonObject) -> JsonObject:
        prefixes = parameters.get("ecrRepositoryPrefixes")
        if prefixes is None:
            return {"pullThroughCacheRules": list(self._rules.values())}
        return {"pullThroughCacheRules": [self._find_rule(prefix) for prefix in prefixes]}

    def _create_rule(self, parameters: JsonObject) -> JsonObject:
        prefix = parameters["ecrRepositoryPrefix"]
        if prefix in self._rules:
            raise EcrError(
                "PullThroughCacheRuleAlreadyExistsException",
                f"The pull through cache rule with prefix '{prefix}' already exists in the "
                f"registry with id '{self._identity.account_id}'",
            )
        rule = {name: parameters[name] for name in RULE_MEMBERS if name in parameters}
        now = self._read_now()
        owner = self._identity.account_id
        self._rules[prefix] = {**rule, "registryId": owner, "createdAt": now, "updatedAt": now}
        return {**rule, "registryId": owner, "createdAt": now}

    def _delete_rule(self, parameters: JsonObject) -> JsonObject:
        rule = self._find_rule(parameters["ecrRepositoryPrefix"])
        return self._rules.pop(rule["ecrRepositoryPrefix"])

    def _find_rule(self, prefix: str) -> JsonObject:
        if prefix not in self._rules:
            raise EcrError(
                "PullThroughCacheRuleNotFoundException",
                f"Pull through cache rule not found for prefix '{prefix}' in the registry with "
                f"id '{self._identity.account_id}'",
            )
        return self._rules[prefix]

    def _get_setting(self, parameters: JsonObject) -> JsonObject:
        name = parameters.get("name")
        if name not in self._settings:
            raise EcrError("InvalidParameterException", f"There is no account setting {name!r}")
        return {"name": name, "value": self._settings[name]}

    def _put_setting(self, parameters: JsonObject) -> JsonObject:
        self._get_setting(parameters)
        self._settings[parameters["name"]] = parameters["value"]
        return self._get_setting(parameters)
