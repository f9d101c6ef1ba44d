"""With what an image is pulled."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PullCredentials:
    """User and password for a registry."""

    username: str
    password: str
