"""What a registry's refusal means: one table from its words to a sentence and the fix."""

import json
import re
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.denials import HEAD, explain_denial
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.reference import (
    DOCKER_HUB,
    DOCKER_HUB_NAMES,
    parse_ecr_host,
)

TRANSIENT_STATUSES = frozenset({0, 408, 429, 500, 502, 503, 504})
"""What another try may mend; 0 stands for no answer at all."""

TRANSIENT_KINDS = frozenset({"trouble", "garbled"})

EXPIRED_WORDS = re.compile(r"authorization token has expired", re.IGNORECASE)
"""ECR says so with 403 (ECR Public with 400), where others send 401."""

PUSHING, READING = "ecr:PutImage", "ecr:BatchGetImage"
LOOKING = "ecr:BatchCheckLayerAvailability"
"""What a push begins with, by HEAD: its refusal has no words."""

NOT_AUTHORIZED = r"not authorized to perform: ecr:\w"

MAX_SAID_CHARACTERS = 300


class RegistryError(BatchxError):
    """A registry would not do what was asked.

    `status` is that of HTTP, 0 where there was no answer; `code` is the registry's own, such as
    NAME_UNKNOWN; `kind` is the row of the table; `is_push` tells that it was about writing.
    """

    def __init__(
        self, text: str, *, kind: str, status: int = 0, code: str = "", is_push: bool = False
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.is_push = is_push
        self.status = status
        self.code = code

    @property
    def is_transient(self) -> bool:
        """Whether another try may help."""
        return self.kind in TRANSIENT_KINDS or (
            self.status in TRANSIENT_STATUSES and self.kind != "certificate"
        )

    @property
    def is_absence(self) -> bool:
        """Whether it says that the thing does not exist."""
        return self.status == 404

    @property
    def is_denied_push(self) -> bool:
        """Whether writing is what is not allowed."""
        return self.is_push and self.kind in {"permission", "login"}


@dataclass(frozen=True)
class Asked:
    """What was asked of which registry. `locator` is a tag or digest, empty for uploads.

    `is_aws` tells that AWS credentials are the login, whatever the host's name is.
    """

    host: str
    repository: str
    locator: str = ""
    is_push: bool = False
    is_logged_in: bool = False
    is_aws: bool = False

    def __str__(self) -> str:
        name = f"{DOCKER_HUB if self.host in DOCKER_HUB_NAMES else self.host}/{self.repository}"
        if not self.locator:
            return name
        return f"{name}@{self.locator}" if ":" in self.locator else f"{name}:{self.locator}"

    @property
    def traits(self) -> frozenset[str]:
        """What rows of the table may ask for."""
        is_ecr = parse_ecr_host(self.host) is not None
        return frozenset(
            {
                "push" if self.is_push else "pull",
                "ecr" if is_ecr else "elsewhere",
                "aws" if is_ecr or self.is_aws else "not aws",
                "hub" if self.host in DOCKER_HUB_NAMES else "not hub",
                "logged in" if self.is_logged_in else "anonymous",
            }
        )


@dataclass(frozen=True)
class RefusalRow:
    """Statuses and words (a pattern over code and message) of a refusal, and their meaning."""

    kind: str
    statuses: frozenset[int]
    pattern: str
    traits: frozenset[str]
    sentence: str


def _row(
    kind: str, statuses: set[int], pattern: str, traits: set[str], sentence: str
) -> RefusalRow:
    return RefusalRow(kind, frozenset(statuses), pattern, frozenset(traits), sentence)


_ECR_LOGIN = (
    "ECR of account {account} in {region} takes the AWS credentials in use for no login, so "
    "{image} cannot be reached ({said}): check account and region of the image, and that the "
    "credentials may use ecr:GetAuthorizationToken there."
)

ROWS = (
    _row(
        "immutable",
        {400, 409},
        r"TAG_INVALID|ImageTagAlreadyExists",
        {"push"},
        "{image} exists already and its repository lets no tag be written again.",
    ),
    _row(
        "expired",
        {400, 401, 403},
        EXPIRED_WORDS.pattern,
        set(),
        "{host} says that its login token has expired, of a new one as well: check this "
        "machine's clock, and the login (docker login {host}).",
    ),
    _row(
        "limit",
        {429},
        "",
        {"hub"},
        "Docker Hub's limit of pulls is reached for {image}: log in on this machine (docker "
        "login), add an ECR pull-through cache rule for registry-1.docker.io, or try again in "
        "some hours.",
    ),
    _row(
        "limit",
        {429},
        "",
        set(),
        "{host} takes no more requests for {image} for now ({said}): log in there (docker login "
        "{host}), or try again later.",
    ),
    _row(
        "permission",
        {400, 403},
        NOT_AUTHORIZED,
        {"push"},
        "{image} cannot be pushed: {denial}",
    ),
    _row(
        "permission",
        {400, 401, 403},
        NOT_AUTHORIZED,
        set(),
        "{image} cannot be read: {denial}",
    ),
    _row("permission", {403}, r"^$", {"push", "aws"}, "{image} cannot be pushed: {denial}"),
    _row("login", {401, 403}, "", {"ecr"}, _ECR_LOGIN),
    # What ECR says to a login of another region.
    _row("login", {400}, r"^(bad request)?$", {"ecr"}, _ECR_LOGIN),
    _row(
        "login",
        {401, 403},
        "",
        {"push"},
        "{host} lets this machine push nothing to {repository} ({said}): log in there with the "
        "right to (docker login {host}).",
    ),
    _row(
        "login",
        {401, 403},
        "",
        {"logged in"},
        "{host} lets the login of this machine not read {image}, or there is no such repository "
        "({said}): check the name, and the login (docker login {host}).",
    ),
    _row(
        "login",
        {401, 403},
        "",
        set(),
        "{image} is private or does not exist ({said}): check the name, or log in on this machine "
        "(docker login {host}).",
    ),
    _row(
        "repository",
        {404},
        r"NAME_UNKNOWN|repository .*(not found|does not exist)",
        {"ecr"},
        "There is no repository {repository} in ECR of account {account} in {region}: check "
        "name, account and region of {image}.",
    ),
    _row(
        "repository",
        {404},
        r"NAME_UNKNOWN|repository .*(not found|does not exist)",
        set(),
        "There is no repository {repository} at {host}: check the name of {image}.",
    ),
    _row(
        "blob",
        {404},
        r"BLOB_UNKNOWN",
        set(),
        "A layer of {image} is missing in its registry: push the image again.",
    ),
    _row(
        "tag",
        {404},
        "",
        set(),
        "There is no image {image}: check its name and tag.",
    ),
    # Also what distribution says to the second of two that push the same manifest at once.
    _row(
        "garbled",
        {400},
        r"DIGEST_INVALID|SIZE_INVALID",
        {"push"},
        "{host} got other bytes for {image} than were sent ({said}): try again, and look for what "
        "changes them on the way.",
    ),
    _row(
        "certificate",
        {0},
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        set(),
        "The certificate of {host} is not trusted here ({said}): name the file of your "
        "organisation's certificates in SSL_CERT_FILE.",
    ),
    _row(
        "unreachable",
        {0},
        "",
        set(),
        "{host} cannot be reached for {image} ({said}): check the name of the registry and this "
        "machine's network.",
    ),
    _row(
        "trouble",
        {408, 500, 502, 503, 504},
        "",
        set(),
        "{host} has trouble of its own with {image} ({status} {said}): try again later.",
    ),
    _row("refused", set(), "", set(), "{host} refuses {image} ({status} {said})."),
)
"""First match wins; an empty set of statuses fits all. The words were seen at the URLs in
tests/aws_messages/registry.json."""


def explain_refusal(asked: Asked, status: int, code: str, message: str) -> RegistryError:
    """Return what a registry's answer means for the user; `status` is 0 without an answer."""
    words = f"{code} {message}".strip()
    for row in ROWS:
        is_said = re.search(row.pattern, words, re.IGNORECASE)
        if is_said and row.traits <= asked.traits and (not row.statuses or status in row.statuses):
            break
    ecr = parse_ecr_host(asked.host)
    action = (PUSHING if words else LOOKING) if asked.is_push else READING
    text = row.sentence.format(
        image=asked,
        host=DOCKER_HUB if asked.host in DOCKER_HUB_NAMES else asked.host,
        repository=asked.repository,
        account=ecr.account if ecr else "",
        region=ecr.region if ecr else "",
        status=status,
        said=" ".join(words.split())[:MAX_SAID_CHARACTERS].rstrip(". ") or "no reason given",
        denial=explain_denial(message, action, HEAD),
    )
    return RegistryError(text, kind=row.kind, status=status, code=code, is_push=asked.is_push)


def read_refusal(body: bytes) -> tuple[str, str]:
    """Return code and message of a registry's error body, as far as it has any.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
    """
    try:
        answer = json.loads(body)
        first = (answer.get("errors") or [{}])[0]
        return str(first.get("code") or ""), str(first.get("message") or answer.get("details", ""))
    except (ValueError, AttributeError, LookupError, TypeError):
        text = body[:MAX_SAID_CHARACTERS].decode("utf-8", "replace")
        return "", "" if "<" in text else text
