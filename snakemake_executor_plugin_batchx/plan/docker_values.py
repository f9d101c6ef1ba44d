"""The values of single flags of `docker run`: each reader turns a flag's text into what it fills.

Readers raise WrongValueError with reasons that continue after "holds --flag 'text', which …".
"""

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from snakemake_executor_plugin_batchx.plan.container_options import Device, Tmpfs, Ulimit
from snakemake_executor_plugin_batchx.plan.sizes import MAX_NUMBER, Size, parse_docker_mib
from snakemake_executor_plugin_batchx.plan.values import WrongValueError
from snakemake_executor_plugin_batchx.plan.volume_sources import is_needed_place
from snakemake_executor_plugin_batchx.spec import RUNTIME_PREFIX

BOOLEANS = MappingProxyType(
    {
        **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
        **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
    }
)
"""As docker takes them (https://pkg.go.dev/strconv#ParseBool)."""

VARIABLE_REGEX = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)

RESERVED_VARIABLES = "AWS_BATCH"
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html"""

USER_REGEX = re.compile(
    r"([a-z0-9_][a-z0-9_-]{0,30}|\d+)(:([a-z0-9_][a-z0-9_-]{0,30}|\d+))?", re.ASCII
)
"""Batch's own words for a user that it refuses hold a regex such as this
(https://github.com/nextflow-io/nextflow/discussions/2900)."""

ULIMIT_NAMES = (
    *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc"),
    *("rss", "rtprio", "rttime", "sigpending", "stack"),
)
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_Ulimit.html"""

UNLIMITED = -1
"""As in docker, and in AWS's own example of memlock
(https://docs.aws.amazon.com/batch/latest/userguide/efa.html)."""

PERMISSIONS = MappingProxyType({"r": "READ", "w": "WRITE", "m": "MKNOD"})
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_Device.html"""

PLAIN_MOUNT_OPTIONS = frozenset(
    (
        *("defaults", "ro", "rw", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync"),
        *("async", "dirsync", "mand", "nomand", "atime", "noatime", "diratime", "nodiratime"),
        *("unbindable", "runbindable", "private", "rprivate", "shared", "rshared", "slave"),
        *("rslave", "relatime", "norelatime", "strictatime", "nostrictatime"),
    )
)
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_Tmpfs.html"""

VALUED_MOUNT_OPTIONS = MappingProxyType(
    {
        "mode": (re.compile(r"[0-7]{1,4}"), "an octal number, such as 1777"),
        "uid": (re.compile(r"[0-9]{1,10}"), "a user's number"),
        "gid": (re.compile(r"[0-9]{1,10}"), "a group's number"),
        "nr_inodes": (re.compile(r"[0-9]{1,9}[kmgKMG]?"), "a number, such as 10k"),
        "mpol": (
            re.compile(r"(default|local|prefer|bind|interleave)([=:].*)?"),
            "default, local, prefer, bind or interleave",
        ),
    }
)
"""What these must be set to, or the kernel refuses the mount
(https://docs.kernel.org/filesystems/tmpfs.html). API_Tmpfs names them without a value, which docker
demands; that Batch hands them on with one is not verified."""

REFUSED_MOUNT_OPTIONS = MappingProxyType(
    {
        **dict.fromkeys(("bind", "rbind", "remount"), "with which docker cannot mount a tmpfs"),
        "nr_blocks": "which sets the size that size= sets",
    }
)
"""Options of API_Tmpfs with which a container does not start, or that Batch's own size undoes."""


@dataclass(frozen=True)
class Reading:
    """What a flag's text says; `key` is what several uses of a flag differ in, if they may."""

    value: Any
    key: str | None = None
    note: str | None = None


def read_boolean(text: str) -> Reading:
    """Read a flag that is on or off."""
    if text not in BOOLEANS:
        raise WrongValueError("must be true or false, or left out")
    return Reading(BOOLEANS[text])


def read_variable(text: str) -> Reading:
    """Read NAME=VALUE, or NAME for the head's own value: a name, and the value or None."""
    name, sign, value = text.partition("=")
    if not VARIABLE_REGEX.fullmatch(name):
        raise WrongValueError(
            "must be NAME=VALUE, or NAME for the value that this machine has, the name of letters, "
            "digits, underscores, hyphens and periods, not beginning with a digit"
        )
    if name.startswith(RESERVED_VARIABLES):
        raise WrongValueError(
            f"begins with {RESERVED_VARIABLES}, as only Batch's own variables may: choose another "
            "name"
        )
    if sign and not value:
        # https://github.com/hashicorp/terraform-provider-aws/pull/29820
        raise WrongValueError(
            "has no value, and Batch drops such variables: give one, or leave it out"
        )
    return Reading((name, value if sign else None), key=name)


def read_size(text: str) -> Reading:
    """Read a size above 0, in MiB."""
    size = _parse_positive(text)
    return Reading(size.mib, note=size.note)


def read_memory_swap(text: str) -> Reading:
    """Read memory and swap together, in MiB."""
    # API_LinuxParameters: maxSwap is 0 or more; left out, swap is twice the memory at most.
    if text == "-1":
        raise WrongValueError(
            "asks for unlimited swap, and Batch has none: give memory and swap together, such as "
            "8g, or leave it out"
        )
    size = parse_docker_mib(text)
    if size.mib == 0:
        raise WrongValueError(
            "docker takes as not given: leave it out, or give memory and swap together, such as 8g"
        )
    return Reading(size.mib, note=size.note)


def read_swappiness(text: str) -> Reading:
    """Read a whole number from 0 to 100."""
    if not re.fullmatch(r"[0-9]{1,3}", text) or int(text) > 100:
        raise WrongValueError("must be a whole number from 0 to 100")
    return Reading(int(text))


def read_user(text: str) -> Reading:
    """Read NAME or UID, with :GROUP or none."""
    if not USER_REGEX.fullmatch(text):
        raise WrongValueError(
            "must be a user's name or number, with :GROUP if you like, such as 1000:1000, and "
            "Batch takes names of up to 31 lower-case letters, digits, underscores and hyphens"
        )
    return Reading(text)


def read_ulimit(text: str) -> Reading:
    """Read NAME=SOFT or NAME=SOFT:HARD."""
    found = re.fullmatch(r"([^=]+)=(-?[0-9]{1,19})(?::(-?[0-9]{1,19}))?", text)
    if found is None:
        raise WrongValueError("must be NAME=SOFT or NAME=SOFT:HARD, such as nofile=1024:4096")
    name, soft, hard = found[1], int(found[2]), int(found[3] or found[2])
    if name not in ULIMIT_NAMES:
        known = ", ".join(ULIMIT_NAMES)
        raise WrongValueError(f"names no limit that Batch knows: it can be {known}")
    if min(soft, hard) < UNLIMITED:
        raise WrongValueError("must have limits from 0 on, or -1 for none")
    if max(soft, hard) > MAX_NUMBER:
        raise WrongValueError(
            f"must have limits up to {MAX_NUMBER}, the largest that Batch takes, or -1 for none"
        )
    if hard != UNLIMITED and (soft == UNLIMITED or soft > hard):
        raise WrongValueError("has a soft limit above the hard one: swap them, or raise the second")
    if name == "nofile" and UNLIMITED in (soft, hard):
        # setrlimit(2): never above /proc/sys/fs/nr_open, so no container would start.
        raise WrongValueError("must be a number, since Linux bounds open files: such as 1048576")
    return Reading(Ulimit(name, soft, hard), key=name)


def read_device(text: str) -> Reading:
    """Read HOST, HOST:CONTAINER or HOST:CONTAINER:PERMISSIONS; as in docker, HOST:PERMISSIONS."""
    host, *rest = text.split(":")
    letters = "rwm"
    if rest and _is_permissions(rest[-1]):
        letters = rest.pop()
    container = rest.pop() if rest else host
    if rest or not _is_absolute(host) or not _is_absolute(container):
        raise WrongValueError(
            "must be HOST, HOST:CONTAINER or HOST:CONTAINER:rwm with absolute paths, such as "
            "/dev/fuse:/dev/fuse:rw"
        )
    permissions = tuple(name for letter, name in PERMISSIONS.items() if letter in letters)
    return Reading(Device(host, container, permissions), key=container)


def read_tmpfs(text: str) -> Reading:
    """Read PATH:size=SIZE with further mount options, separated by commas."""
    path, _, rest = text.partition(":")
    options = list(dict.fromkeys(filter(None, rest.split(","))))
    sizes = [each.removeprefix("size=") for each in options if each.startswith("size=")]
    others = [each for each in options if not each.startswith("size=")]
    reasons = [*_list_path_mistakes(path)]
    reasons += [reason for each in others for reason in _list_option_mistakes(each)]
    size = Size(0)
    if len(sizes) == 1:
        try:
            size = _parse_positive(sizes[0])
        except WrongValueError as error:
            reasons += [f"has size={sizes[0]}, which {reason}" for reason in error.reasons]
    else:
        reasons.append("must have one size, which Batch demands, such as size=512m")
    if reasons:
        raise WrongValueError(*reasons)
    path = _tidy_path(path)
    return Reading(Tmpfs(path, size.mib, tuple(others)), path, size.note)


def _parse_positive(text: str) -> Size:
    size = parse_docker_mib(text)
    if size.mib == 0:
        raise WrongValueError("must be above 0")
    return size


def _is_absolute(path: str) -> bool:
    return (
        path.startswith("/") and {".", ".."}.isdisjoint(path.split("/")) and path.strip("/") != ""
    )


def _tidy_path(path: str) -> str:
    return re.sub(r"/+", "/", path).rstrip("/")


def _is_permissions(text: str) -> bool:
    return 0 < len(text) == len(set(text) & set(PERMISSIONS))


def _list_path_mistakes(path: str) -> list[str]:
    if not _is_absolute(path):
        return ["must begin with an absolute path below /, such as /scratch:size=512m"]
    # /batchx is the runtime, /batchx-host-cache what hosts keep (plan/host_cache.py).
    if _tidy_path(path).startswith(RUNTIME_PREFIX):
        return [
            f"begins with {RUNTIME_PREFIX}, as only batchx's own folders do: choose another path"
        ]
    if is_needed_place(_tidy_path(path)):
        return [
            f"mounts over {path}, which containers need their own: choose another path, such as "
            "/scratch"
        ]
    return []


def _list_option_mistakes(option: str) -> list[str]:
    name, sign, value = option.partition("=")
    if name in REFUSED_MOUNT_OPTIONS:
        return [f"has {option}, {REFUSED_MOUNT_OPTIONS[name]}: leave it out"]
    if name in VALUED_MOUNT_OPTIONS:
        pattern, wanted = VALUED_MOUNT_OPTIONS[name]
        is_valid = pattern.fullmatch(value)
        return [] if is_valid else [f"has {option!r}, and {name}= takes {wanted}"]
    if name in PLAIN_MOUNT_OPTIONS and not sign:
        return []
    known = ", ".join(
        (*sorted(PLAIN_MOUNT_OPTIONS), *(f"{each}=" for each in VALUED_MOUNT_OPTIONS))
    )
    return [f"has {option!r}, which is no mount option that Batch takes: size=, {known}"]
