"""With what an image is pulled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from snakemake_executor_plugin_batchx.local.iam.principals import Principal


@dataclass(frozen=True)
class PullCredentials:
    """User and password for a registry."""

    username: str
    password: str


class Registries(Protocol):
    """The registries of ECR."""

    def has_image(self, image: str) -> bool:
        """Whether an image is ECR's."""

    def log_in(self, principal: Principal) -> PullCredentials:
        """The login that ECR gives a principal."""
