"""The image of a job, as its definition will name it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from snakemake_executor_plugin_batchx.plan.architecture import Architecture
from snakemake_executor_plugin_batchx.plan.resources import Template

DEFINITION_SCHEME = "job-definition://"
"""Before the name of a job definition that `container:` names.

https://www.nextflow.io/docs/latest/aws.html#custom-job-definition"""

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
    of a RegisterJobDefinition request. `credentials` is the ARN of the secret with which ECS logs
    in to the image's registry, None where it needs none.
    """

    image: str
    base: str
    environment: Mapping[str, str] = field(default_factory=dict)
    template: Mapping[str, Any] = field(default_factory=dict)
    credentials: str | None = None

    @property
    def container(self) -> Mapping[str, Any]:
        """What the definition of the user's own says of its container."""
        found: Mapping[str, Any] = self.template.get("containerProperties", {})
        return found

    def make_template(self) -> Template:
        """Return what the definition of the user's own asks for."""
        wanted = {
            each["type"]: each["value"] for each in self.container.get("resourceRequirements", ())
        }
        return Template(
            vcpus=float(wanted["VCPU"]) if "VCPU" in wanted else None,
            memory_mib=int(wanted["MEMORY"]) if "MEMORY" in wanted else None,
            gpus=int(wanted["GPU"]) if "GPU" in wanted else None,
        )


NO_IMAGE = JobImage("", "")
"""Stands for an image that is not known yet."""


@dataclass(frozen=True)
class ImageNeed:
    """What a job needs of those who provide images.

    `container` is what its rule names, `credentials` the ARNs of the secrets that hold the logins
    of registries, by host, and `secret` the one for whatever other registry the image is in. For
    others there is what this machine has.
    """

    container: str
    architecture: Architecture = "amd64"
    credentials: tuple[tuple[str, str], ...] = ()
    secret: str | None = None

    def find_secret(self, host: str) -> str | None:
        """Return the ARN of the secret for a registry, None where none was named."""
        return dict(self.credentials).get(host, self.secret)
