"""The image of a job, as its definition will name it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class JobImage:
    """An image that Batch can run, with the runtime inside or mounted.

    `image` is what the definition names, `base` the image as the user knows it, both by digest
    where there is a registry to tell it; `environment` is what the definition has to set for it.
    `template` is what a definition of the user's own says, where `container:` named one: members
    of a RegisterJobDefinition request.
    """

    image: str
    base: str
    environment: Mapping[str, str] = field(default_factory=dict)
    template: Mapping[str, Any] = field(default_factory=dict)

    def find_memory_mib(self) -> int | None:
        """Return the memory that the user's own definition gives, None without one."""
        container = self.template.get("containerProperties", {})
        for requirement in container.get("resourceRequirements", ()):
            if requirement["type"] == "MEMORY":
                return int(requirement["value"])
        memory = container.get("memory")
        return None if memory is None else int(memory)
