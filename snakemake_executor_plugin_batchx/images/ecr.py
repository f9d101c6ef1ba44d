"""The one place that calls ECR's own API: login tokens, repositories, rules of the account."""

import base64
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import botocore.exceptions

from snakemake_executor_plugin_batchx.denials import DENIED_CODES, HEAD, explain_denial
from snakemake_executor_plugin_batchx.errors import SKEWED, BatchxError
from snakemake_executor_plugin_batchx.images.credentials import Credential
from snakemake_executor_plugin_batchx.images.recipe import TAG_PREFIX
from snakemake_executor_plugin_batchx.images.source import PullThroughRule, make_rule

EARLY_SECONDS = 600.0
"""A token, good for 12 hours, is renewed this long before it expires."""

KEEP_DAYS = 90
"""How long after its push ECR keeps a derived image; one that is gone is derived again."""

LIFECYCLE_POLICY = json.dumps(
    {
        "rules": [
            {
                "rulePriority": 1,
                "description": "Images that batchx derived; it derives them again when needed",
                "selection": {
                    "tagStatus": "tagged",
                    "tagPrefixList": [TAG_PREFIX],
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": KEEP_DAYS,
                },
                "action": {"type": "expire"},
            }
        ]
    }
)
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html"""

SKEWED_SENTENCE = (
    "AWS refuses {action} because of the time that this machine's clock shows ({said}): let it be "
    "set by the network (timedatectl set-ntp true, say)."
)

SENTENCES = {
    "RepositoryNotFoundException": (
        "ECR of {region} has no such repository ({said}): check its name."
    ),
    "LimitExceededException": (
        "ECR of {region} takes no more repositories or images ({said}): have the limit raised, or "
        "name one repository for all images (--batchx-repository)."
    ),
    **dict.fromkeys(
        ("UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException"),
        "ECR of {region} does not know the AWS credentials in use ({said}): check the profile, and "
        "that they are of the partition that the image's registry is in.",
    ),
    **dict.fromkeys(
        ("ExpiredTokenException", "ExpiredToken"),
        "The AWS credentials in use have expired: renew them (aws sso login, say) and start again.",
    ),
}
"""https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html and the errors of
each operation there."""


class EcrError(BatchxError):
    """ECR would not do what was asked; `code` is its error code, empty without an answer."""

    def __init__(self, text: str, code: str) -> None:
        super().__init__(text)
        self.code = code

    @property
    def is_denied(self) -> bool:
        """Whether a permission is lacking."""
        return self.code in DENIED_CODES


class EcrClient(Protocol):
    """The methods of boto3's ECR client that we use."""

    def get_authorization_token(self) -> dict[str, Any]: ...  # noqa: D102

    def describe_repositories(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def create_repository(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def put_lifecycle_policy(self, **request: str) -> dict[str, Any]: ...  # noqa: D102

    def describe_images(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def describe_pull_through_cache_rules(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def get_account_setting(self, *, name: str) -> dict[str, Any]: ...  # noqa: D102


@dataclass(frozen=True)
class StoredImage:
    """A tagged image in a repository, as ECR lists it.

    `size` in bytes; `pushed` in seconds since 1970, 0 where ECR does not tell.
    """

    repository: str
    tag: str
    digest: str
    size: int
    pushed: float


class EcrGateway:
    """The ECR calls that batchx makes, in one region. Safe to use from many threads.

    Every method raises EcrError, one sentence, where ECR refuses or stays out of reach.
    """

    def __init__(self, client: EcrClient, region: str, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._credential: Credential | None = None
        self._host = ""
        self._until = 0.0
        self.region = region

    @property
    def registry_host(self) -> str:
        """The host of the account's own registry."""
        self.get_credential(False)
        return self._host

    def get_credential(self, is_renewal: bool) -> Credential | None:
        """Return a login for all registries that these AWS credentials may use in the region.

        https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html
        """
        with self._lock:
            if is_renewal or self._credential is None or self._until <= self._clock():
                answer = self._call("GetAuthorizationToken", self._client.get_authorization_token)
                data = answer["authorizationData"][0]
                login = base64.b64decode(data["authorizationToken"]).decode()
                user, _, password = login.partition(":")
                self._credential = Credential(user, password)
                self._host = urlsplit(data["proxyEndpoint"]).netloc
                self._until = data["expiresAt"].timestamp() - EARLY_SECONDS
            return self._credential

    def has_repository(self, name: str) -> bool:
        """Return True if a repository exists."""
        try:
            self._call(
                "DescribeRepositories",
                lambda: self._client.describe_repositories(repositoryNames=[name]),
            )
        except EcrError as error:
            if error.code == "RepositoryNotFoundException":
                return False
            raise
        return True

    def create_repository(self, name: str) -> str:
        """Make a repository: scanned, tags for good, our images expiring. Once is enough.

        Returns a remark if it exists now, but without the lifecycle policy; else nothing.
        """
        try:
            self._call(
                "CreateRepository",
                lambda: self._client.create_repository(
                    repositoryName=name,
                    imageTagMutability="IMMUTABLE",
                    imageScanningConfiguration={"scanOnPush": True},
                ),
            )
            self._call(
                "PutLifecyclePolicy",
                lambda: self._client.put_lifecycle_policy(
                    repositoryName=name, lifecyclePolicyText=LIFECYCLE_POLICY
                ),
            )
        except EcrError as error:
            if error.code == "RepositoryAlreadyExistsException":
                return ""
            if error.is_denied and self.has_repository(name):
                return f"Images in ECR repository {name} are kept for ever: {error}"
            raise
        return ""

    def list_rules(self) -> list[PullThroughRule]:
        """Return the pull-through cache rules; none where these credentials may not ask."""
        found: list[PullThroughRule] = []
        try:
            for answer in self._page(
                "DescribePullThroughCacheRules", self._client.describe_pull_through_cache_rules
            ):
                found += [
                    make_rule(
                        rule["ecrRepositoryPrefix"],
                        rule["upstreamRegistryUrl"],
                        rule.get("upstreamRepositoryPrefix") or "ROOT",
                    )
                    for rule in answer.get("pullThroughCacheRules", [])
                ]
        except EcrError as error:
            if not error.is_denied:
                raise
        return found

    def is_mounting(self) -> bool:
        """Return True unless the account is known not to mount blobs across repositories.

        https://docs.aws.amazon.com/AmazonECR/latest/userguide/blob-mounting.html
        """
        try:
            answer = self._call(
                "GetAccountSetting", lambda: self._client.get_account_setting(name="BLOB_MOUNTING")
            )
        except EcrError as error:
            if error.is_denied or error.code in {
                "InvalidParameterException",
                "ValidationException",
            }:
                return True
            raise
        return str(answer.get("value", "")).upper() != "DISABLED"

    def list_images(self, prefix: str, tag_prefix: str) -> list[StoredImage]:
        """Return the images whose tags start so, of repositories whose names start so."""
        found: list[StoredImage] = []
        for answer in self._page("DescribeRepositories", self._client.describe_repositories):
            for repository in answer["repositories"]:
                name = str(repository["repositoryName"])
                if name.startswith(prefix):
                    found += self._list_repository(name, tag_prefix)
        return found

    def _list_repository(self, name: str, tag_prefix: str) -> Iterator[StoredImage]:
        request = {"repositoryName": name, "filter": {"tagStatus": "TAGGED"}}
        for answer in self._page("DescribeImages", self._client.describe_images, **request):
            for image in answer["imageDetails"]:
                pushed = image.get("imagePushedAt")
                for tag in image.get("imageTags", []):
                    if tag.startswith(tag_prefix):
                        yield StoredImage(
                            name,
                            tag,
                            str(image["imageDigest"]),
                            int(image.get("imageSizeInBytes", 0)),
                            pushed.timestamp() if pushed else 0.0,
                        )

    def _page(
        self, operation: str, call: Callable[..., dict[str, Any]], **request: Any
    ) -> Iterator[dict[str, Any]]:
        while True:
            answer = self._call(operation, lambda: call(**request))
            yield answer
            if not answer.get("nextToken"):
                return
            request["nextToken"] = answer["nextToken"]

    def _call(self, operation: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            return call()
        except botocore.exceptions.ClientError as error:
            told = error.response.get("Error", {})
            code = str(told.get("Code", ""))
            said = str(told.get("Message") or code).strip().rstrip(".")
            sentence = SENTENCES.get(code, "ECR of {region} answers {action} with {code}: {said}.")
            if SKEWED.search(said):
                sentence = SKEWED_SENTENCE
            action = f"ecr:{operation}"
            text = sentence.format(action=action, region=self.region, code=code, said=said)
            if code in DENIED_CODES:
                text = explain_denial(said, action, HEAD)
            raise EcrError(text, code) from error
        except botocore.exceptions.BotoCoreError as error:
            text = f"ECR of {self.region} did not answer ecr:{operation}: {error}."
            raise EcrError(text, "") from error
