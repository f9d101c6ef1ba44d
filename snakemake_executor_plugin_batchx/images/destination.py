"""Where derived images go: repositories of the account's ECR, named after their sources."""

import hashlib
import re
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.reference import (
    MAX_IMAGE_CHARACTERS,
    ImageReference,
)

DEFAULT_REPOSITORY = "batchx/"
RUNTIME_REPOSITORY = "runtime"

MIN_REPOSITORY_CHARACTERS = 2
MAX_REPOSITORY_CHARACTERS = 256
"""https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html"""

_DIGEST_CHARACTERS = len("@sha256:") + 64
_HASH_CHARACTERS = 12
_PART = r"[a-z0-9]+(?:[._-][a-z0-9]+)*"
ECR_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")


@dataclass(frozen=True)
class Destination:
    """The `--batchx-repository` setting: one repository for all, or a prefix that ends with /."""

    setting: str = DEFAULT_REPOSITORY

    def __post_init__(self) -> None:
        name = self.setting.removesuffix("/")
        if not ECR_REPOSITORY.fullmatch(name) or not (
            MIN_REPOSITORY_CHARACTERS <= len(name) <= MAX_REPOSITORY_CHARACTERS
        ):
            raise BatchxError(
                f"--batchx-repository {self.setting!r} is not valid: it must be the name of an "
                "ECR repository (my/tools), or a prefix that ends with / (batchx/), in lower case."
            )

    @property
    def is_prefix(self) -> bool:
        """Whether each source gets a repository of its own, which batchx may create."""
        return self.setting.endswith("/")

    def choose_repository(self, source: ImageReference, registry_host: str) -> str:
        """Return the repository for what is derived from `source`.

        Short enough for ECR, and for the image by digest to fit into a job definition.
        """
        if not self.is_prefix:
            return self.setting
        return self._fit(f"{source.host}/{source.repository}", registry_host)

    def choose_runtime_repository(self, registry_host: str) -> str:
        """Return the repository for the runtime itself."""
        return self._fit(RUNTIME_REPOSITORY, registry_host) if self.is_prefix else self.setting

    def _fit(self, name: str, registry_host: str) -> str:
        room = min(
            MAX_REPOSITORY_CHARACTERS,
            MAX_IMAGE_CHARACTERS - len(registry_host) - 1 - _DIGEST_CHARACTERS,
        )
        repository = self.setting + sanitize_name(name)
        if len(repository) <= room:
            return repository
        mark = hashlib.sha256(name.encode()).hexdigest()[:_HASH_CHARACTERS]
        kept = repository[: room - len(mark) - 1].rstrip("./_-")
        return f"{kept}-{mark}"


def sanitize_name(name: str) -> str:
    """Return a source's name as ECR takes it, which allows single separators only."""
    parts = (re.sub(r"[^a-z0-9]*([._-])[^a-z0-9]*", r"\1", part) for part in _split(name))
    return "/".join(part.strip("._-") for part in parts if part.strip("._-"))


def _split(name: str) -> list[str]:
    return [re.sub(r"[^a-z0-9._-]+", "-", part) for part in name.lower().split("/")]
