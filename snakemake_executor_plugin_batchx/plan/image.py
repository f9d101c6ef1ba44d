"""The image of a job, as its definition will name it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PRELOAD = "LD_PRELOAD"
KEPT_PRELOAD = "BATCHX_IMAGE_LD_PRELOAD"
"""Where the image's value waits for its tools (job/standin/apptainer)."""

NO_PRELOAD = ":"
"""Names nothing to load. Not empty: Batch drops variables without a value from definitions.

https://github.com/hashicorp/terraform-provider-aws/issues/26960"""


def shield_preload(preload: str) -> dict[str, str]:
    """Return what a definition has to set where LD_PRELOAD would be `preload`.

    It loads the image's libraries into every program, into the runtime's interpreter too, which
    has another C library (https://man7.org/linux/man-pages/man8/ld.so.8.html).
    """
    return {PRELOAD: NO_PRELOAD, KEPT_PRELOAD: preload} if preload else {}


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
        return None
