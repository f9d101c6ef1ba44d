"""What a rule's container gets beyond CPUs, memory and volumes, and what that is in the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, TypeVar


@dataclass(frozen=True)
class Tmpfs:
    """A file system in memory (https://docs.aws.amazon.com/batch/latest/APIReference/API_Tmpfs.html)."""

    path: str
    size_mib: int
    mount_options: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What a container has one of."""
        return self.path

    def make_member(self) -> dict[str, Any]:
        """Return the Tmpfs of the API."""
        options = {"mountOptions": list(self.mount_options)} if self.mount_options else {}
        return {"containerPath": self.path, "size": self.size_mib, **options}


@dataclass(frozen=True)
class Ulimit:
    """A limit, -1 being none.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_Ulimit.html
    """

    name: str
    soft: int
    hard: int

    @property
    def key(self) -> str:
        """What a container has one of."""
        return self.name

    def make_member(self) -> dict[str, Any]:
        """Return the Ulimit of the API."""
        return {"name": self.name, "softLimit": self.soft, "hardLimit": self.hard}


@dataclass(frozen=True)
class Device:
    """A host's device (https://docs.aws.amazon.com/batch/latest/APIReference/API_Device.html)."""

    host_path: str
    container_path: str
    permissions: tuple[str, ...]

    @property
    def key(self) -> str:
        """What a container has one of."""
        return self.container_path

    def make_member(self) -> dict[str, Any]:
        """Return the Device of the API."""
        return {
            "hostPath": self.host_path,
            "containerPath": self.container_path,
            "permissions": list(self.permissions),
        }


@dataclass(frozen=True)
class Place:
    """The flag that fills a field, its path in `containerProperties`, whether Fargate has it."""

    flag: str
    path: str
    is_on_fargate: bool


PLACES: Mapping[str, Place] = MappingProxyType(
    {
        "environment": Place("--env", "environment", is_on_fargate=True),
        "user": Place("--user", "user", is_on_fargate=True),
        "is_read_only": Place("--read-only", "readonlyRootFilesystem", is_on_fargate=True),
        "is_privileged": Place("--privileged", "privileged", is_on_fargate=False),
        "ulimits": Place("--ulimit", "ulimits", is_on_fargate=False),
        "is_init": Place("--init", "linuxParameters.initProcessEnabled", is_on_fargate=True),
        "shared_memory_mib": Place(
            "--shm-size", "linuxParameters.sharedMemorySize", is_on_fargate=False
        ),
        "tmpfs": Place("--tmpfs", "linuxParameters.tmpfs", is_on_fargate=False),
        "devices": Place("--device", "linuxParameters.devices", is_on_fargate=False),
        "memory_swap_mib": Place("--memory-swap", "linuxParameters.maxSwap", is_on_fargate=False),
        "swappiness": Place(
            "--memory-swappiness", "linuxParameters.swappiness", is_on_fargate=False
        ),
    }
)
"""Where each field goes.

https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html and
https://docs.aws.amazon.com/batch/latest/APIReference/API_LinuxParameters.html
"""

SINGLE_FIELDS = (
    *("is_init", "is_privileged", "is_read_only", "memory_swap_mib", "swappiness"),
    *("shared_memory_mib", "user"),
)

Keyed = TypeVar("Keyed", bound=Tmpfs | Ulimit | Device)


@dataclass(frozen=True)
class ContainerOptions:
    """What a container gets; None and () where nothing was said.

    Of the environment, `passed_names` have the values of the head, which travel in a job's spec and
    never in a definition. `memory_swap_mib` is memory and swap together, as docker has it. `notes`
    tell what sizes became, each after its flag and a colon.
    """

    environment: tuple[tuple[str, str], ...] = ()
    passed_names: tuple[str, ...] = ()
    is_init: bool | None = None
    is_privileged: bool | None = None
    is_read_only: bool | None = None
    memory_swap_mib: int | None = None
    swappiness: int | None = None
    shared_memory_mib: int | None = None
    tmpfs: tuple[Tmpfs, ...] = ()
    user: str | None = None
    ulimits: tuple[Ulimit, ...] = ()
    devices: tuple[Device, ...] = ()
    notes: tuple[str, ...] = ()

    def join(self, default: ContainerOptions) -> ContainerOptions:
        """Return these options (a rule's) over `default` (the setting's).

        They count flag by flag, and variable, tmpfs, ulimit and device each for itself.
        """
        named = {name for name, _ in self.environment} | set(self.passed_names)
        pairs = (pair for pair in default.environment if pair[0] not in named)
        passed = (name for name in default.passed_names if name not in named)
        overruled = tuple(make_note_start(*subject) for subject in self._list_sized())
        notes = (note for note in default.notes if not note.startswith(overruled))
        unsaid = [field for field in SINGLE_FIELDS if getattr(self, field) is None]
        return replace(
            self,
            environment=(*pairs, *self.environment),
            passed_names=(*passed, *self.passed_names),
            tmpfs=_join_keyed(self.tmpfs, default.tmpfs),
            ulimits=_join_keyed(self.ulimits, default.ulimits),
            devices=_join_keyed(self.devices, default.devices),
            notes=(*notes, *self.notes),
            **{field: getattr(default, field) for field in unsaid},
        )

    def make_properties(self, memory_mib: int) -> dict[str, Any]:
        """Return members of `containerProperties`, without `environment`, which callers merge.

        `memory_mib` is the job's whole memory: AWS gives docker that plus `maxSwap` as
        --memory-swap. Wants options of which list_problems has nothing to say.
        """
        properties: dict[str, Any] = {}
        for field, place in PLACES.items():
            value = getattr(self, field)
            if value is None or value == () or field == "environment":
                continue
            *parents, name = place.path.split(".")
            owner = properties
            for parent in parents:
                owner = owner.setdefault(parent, {})
            if isinstance(value, tuple):
                value = [each.make_member() for each in value]
            owner[name] = value - memory_mib if field == "memory_swap_mib" else value
        return properties

    def list_fargate_problems(self) -> list[str]:
        """Return a reason for each option that Fargate refuses; --privileged=false it takes."""
        asked = {field: getattr(self, field) for field in PLACES}
        return [
            f"holds {PLACES[field].flag}, which Fargate does not have: leave it out, or name a "
            "queue on EC2"
            for field, value in asked.items()
            if not PLACES[field].is_on_fargate
            # By identity: a swappiness of 0 equals False.
            and not (value is None or value is False or value == ())
        ]

    def list_problems(self, memory_mib: int) -> list[str]:
        """Return a reason for each contradiction, the job's whole memory being `memory_mib`."""
        problems = []
        swap = self.memory_swap_mib
        if swap is not None and swap < memory_mib:
            problems.append(
                f"holds --memory-swap with {swap} MiB, below the job's memory of {memory_mib} MiB "
                "(batchx's own share included): it counts memory and swap together, so give "
                f"{memory_mib} MiB for no swap, more for some, or leave it out"
            )
        if self.swappiness is not None and swap is None:
            problems.append(
                "holds --memory-swappiness without --memory-swap, and Batch ignores it then: give "
                f"memory and swap together as well, more than the job's {memory_mib} MiB, such as "
                f"--memory-swap {2 * memory_mib}m"
            )
        if self.swappiness is not None and swap == memory_mib:
            problems.append(
                f"holds --memory-swappiness, but its --memory-swap of {swap} MiB is the job's "
                "memory and leaves no swap: give more than that, or leave --memory-swappiness out"
            )
        return problems

    def _list_sized(self) -> Iterable[tuple[str, str | None]]:
        for field in ("memory_swap_mib", "shared_memory_mib"):
            if getattr(self, field) is not None:
                yield PLACES[field].flag, None
        for each in self.tmpfs:
            yield PLACES["tmpfs"].flag, each.key


def make_note_start(flag: str, key: str | None) -> str:
    """Return how the note on a flag, or on that of its uses that fills `key`, begins."""
    return f"{flag}: " if key is None else f"{flag} {key}: "


def _join_keyed(own: tuple[Keyed, ...], default: tuple[Keyed, ...]) -> tuple[Keyed, ...]:
    keys = {each.key for each in own}
    return (*(each for each in default if each.key not in keys), *own)
