"""`container: "job-definition://name"`: a definition of the user's own, as in Nextflow.

A job's image cannot be changed when it is submitted, so where the runtime has to come into the
image, a sibling of the definition is registered that differs in nothing else.
"""

import dataclasses
import threading
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.batch.described_definitions import make_template
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.image import (
    DEFINITION_SCHEME,
    PRELOAD,
    ImageNeed,
    JobImage,
    shield_preload,
)


class Images(Protocol):
    """Where images come from that jobs can run in."""

    def provide(self, need: ImageNeed, label: str) -> JobImage:
        """Return the image that a job needs; raises BatchxError, which starts with `label`."""


class DefinitionReader(Protocol):
    """What is needed of the Batch gateway."""

    def describe_definition(self, name: str) -> dict[str, Any] | None:
        """Return an active definition by name, name:revision or ARN, None where there is none."""


class SiblingImages:
    """Images by reference, and by the definitions that name them."""

    def __init__(self, images: Images, definitions: DefinitionReader) -> None:
        self._images = images
        self._definitions = definitions
        self._lock = threading.Lock()
        self._described: dict[str, dict[str, Any]] = {}

    def provide(self, need: ImageNeed, label: str) -> JobImage:
        """Return the image that a job needs; raises BatchxError, which starts with `label`."""
        if not need.container.startswith(DEFINITION_SCHEME):
            return self._images.provide(need, label)
        name = need.container.removeprefix(DEFINITION_SCHEME)
        found = self._describe(name)
        if found is None:
            raise BatchxError(
                f"{label}: there is no active job definition {name} in this region: name one as "
                f"{DEFINITION_SCHEME}name, …name:revision or …ARN."
            )
        if found.get("type") != "container" or not found.get("containerProperties"):
            raise BatchxError(
                f"{label}: job definition {name} is not one of a single container on ECS, which is "
                "all that batchx can run: name another, or the image itself."
            )
        template = make_template(found)
        # With this login the image is read; what is derived from it lies in ECR, without one.
        login = template["containerProperties"].pop("repositoryCredentials", {})
        wanted = dataclasses.replace(
            need,
            container=found["containerProperties"]["image"],
            secret=login.get("credentialsParameter"),
        )
        image = self._images.provide(wanted, label)
        set_here = template["containerProperties"].get("environment", ())
        preloads = [each.get("value", "") for each in set_here if each["name"] == PRELOAD]
        # The definition's variable wins over the image's.
        environment = shield_preload(preloads[-1]) if preloads else image.environment
        return dataclasses.replace(image, environment=environment, template=template)

    def _describe(self, name: str) -> dict[str, Any] | None:
        """Return a definition as it was when the run first needed it: one for all its jobs."""
        with self._lock:
            if name not in self._described:
                found = self._definitions.describe_definition(name)
                if found is None:
                    return None
                self._described[name] = found
            return self._described[name]
