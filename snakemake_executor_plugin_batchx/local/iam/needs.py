"""What a call needs: an action on a resource, with the condition keys of the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

NO_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType({})


@dataclass(frozen=True)
class Need:
    """One action on one resource; ``keys`` are those of this action alone, in lower case."""

    action: str
    resource: str
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NO_KEYS)
