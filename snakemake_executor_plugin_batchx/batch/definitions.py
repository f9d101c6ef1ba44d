"""Job definitions, each registered once."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.plan.definition import DefinitionSettings, plan_definition
from snakemake_executor_plugin_batchx.plan.image import JobImage
from snakemake_executor_plugin_batchx.plan.names import REGISTERED_TAG, format_time
from snakemake_executor_plugin_batchx.plan.request import JobRequest


class DefinitionRegistry(Protocol):
    """What is needed of the Batch gateway."""

    def find_definition(self, name: str) -> str | None:
        """Return the ARN of the newest active definition of a name."""

    def register_definition(self, request: dict[str, Any]) -> str:
        """Register a definition; return its ARN."""


@dataclass
class _Slot:
    lock: threading.Lock
    arn: str | None = None


class Definitions:
    """The job definitions of a run: each looked up once, and registered if it is not there.

    `clock` returns seconds since 1970. Safe to use from many threads: those that need the same
    definition wait for the first.
    """

    def __init__(
        self,
        registry: DefinitionRegistry,
        settings: DefinitionSettings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._slots: dict[str, _Slot] = {}
        self.registered_count = 0

    def provide(
        self, rule: str, image: JobImage, request: JobRequest, cache_folder: str | None = None
    ) -> str:
        """Return the ARN of the definition for a rule's jobs. Raises AwsError where Batch refuses.

        `cache_folder` is the host's, for jobs with inputs that hosts keep. Two heads that race may
        register two equal revisions, which does no harm.
        """
        planned = plan_definition(rule, image, request, self._settings, cache_folder)
        name = planned["jobDefinitionName"]
        with self._lock:
            slot = self._slots.setdefault(name, _Slot(threading.Lock()))
        with slot.lock:
            if slot.arn is None:
                slot.arn = self._registry.find_definition(name)
            if slot.arn is None:
                slot.arn = self._register(planned)
            return slot.arn

    def forget(self, arn: str) -> None:
        """Look a definition up again when it is needed next: Batch does not have it any more."""
        with self._lock:
            slots = [slot for slot in self._slots.values() if slot.arn == arn]
        for slot in slots:
            with slot.lock:
                slot.arn = None

    def _register(self, planned: dict[str, Any]) -> str:
        """Register a definition, with when that was: its content, and so its name, has no time."""
        tags = {**planned["tags"], REGISTERED_TAG: format_time(self._clock())}
        arn = self._registry.register_definition({**planned, "tags": tags})
        with self._lock:
            self.registered_count += 1
        return arn
