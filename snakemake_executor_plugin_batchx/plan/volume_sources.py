"""Where volumes come from, and how they are written.

As for `docker run`, SOURCE:PATH:OPTIONS, with the options of the EFS mount helper
(https://docs.aws.amazon.com/efs/latest/ug/mounting-fs-mount-helper.html).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.plan.cache_folder import NEEDED_FOLDERS, READ_FOLDER
from snakemake_executor_plugin_batchx.plan.readers import ACCOUNT, PARTITION, REGION
from snakemake_executor_plugin_batchx.plan.values import WrongValueError
from snakemake_executor_plugin_batchx.spec import RUNTIME_PREFIX

EFS = "efs://"
S3_FILES = "s3files://"

REPLACEABLE = frozenset({"/home", "/opt", "/root", "/run", "/tmp", "/var/tmp"})  # noqa: S108
"""Folders that a container has of its own and can do without."""

FORBIDDEN = NEEDED_FOLDERS - REPLACEABLE

SEALED = ("/proc", RUNTIME_PREFIX, READ_FOLDER)
"""Nothing may be mounted within these either: Docker refuses it in /proc, the others are ours."""

MAX_PATH_CHARACTERS = 4096
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_EFSVolumeConfiguration.html"""

CONTRADICTIONS = (
    ("ro", "rw", "which exclude each other"),
    ("tls", "notls", "which exclude each other"),
    ("notls", "accesspoint", "but an access point demands encryption in transit"),
    ("notls", "iam", "but authorization by IAM demands encryption in transit"),
    ("notls", "tlsport", "but the port is that of encryption in transit"),
)
"""Options that cannot stand together
(https://docs.aws.amazon.com/batch/latest/APIReference/API_EFSAuthorizationConfig.html)."""


@dataclass(frozen=True)
class HostFolder:
    """A folder of the machine that the job runs on."""

    path: str

    def make_configuration(self) -> dict[str, Any]:
        """Return what a Volume of Batch says of it."""
        return {"host": {"sourcePath": self.path}}

    def __str__(self) -> str:
        return f"the host's folder {self.path}"


@dataclass(frozen=True)
class FileSystem:
    """A folder of an EFS file system, or of an S3 Files file system: then `name` is an ARN.

    S3 Files are always encrypted in transit.
    """

    name: str
    root: str | None = None
    access_point: str | None = None
    port: int | None = None
    is_encrypted: bool = True
    has_iam: bool = False
    is_s3_files: bool = False

    def make_configuration(self) -> dict[str, Any]:
        """Return what a Volume of Batch says of it.

        https://docs.aws.amazon.com/batch/latest/APIReference/API_EFSVolumeConfiguration.html and
        API_S3FilesVolumeConfiguration.html
        """
        place: dict[str, Any] = {}
        if self.root:
            place["rootDirectory"] = self.root
        if self.port is not None:
            place["transitEncryptionPort"] = self.port
        if self.is_s3_files:
            point = {"accessPointArn": self.access_point} if self.access_point else {}
            return {"s3filesVolumeConfiguration": {"fileSystemArn": self.name, **place, **point}}
        place["transitEncryption"] = "ENABLED" if self.is_encrypted else "DISABLED"
        access = {"accessPointId": self.access_point} if self.access_point else {}
        if self.has_iam:
            access["iam"] = "ENABLED"
        if access:
            place["authorizationConfig"] = access
        return {"efsVolumeConfiguration": {"fileSystemId": self.name, **place}}

    def __str__(self) -> str:
        return f"the {'S3 Files' if self.is_s3_files else 'EFS'} file system {self.name}"


Source = HostFolder | FileSystem


@dataclass(frozen=True)
class Form:
    """A way to write a volume.

    `pattern` finds the name of a file system, a folder of it or of the host, and what follows the
    colon. `options` has what an option looks like, by how that is told.
    """

    prefix: str
    pattern: re.Pattern[str]
    options: Mapping[str, str]
    wanted: str


PORT = r"([1-5]?\d{1,4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"
"""0 to 65535 (https://docs.aws.amazon.com/batch/latest/APIReference/API_EFSVolumeConfiguration.html)."""

S3_FILES_ARN = rf"arn:{PARTITION}:s3files:{REGION}:{ACCOUNT}:file-system/fs-[0-9a-f]{{17,40}}"

MODES = {"ro": "ro", "rw": "rw"}

FORMS = (
    Form(
        EFS,
        re.compile(rf"{EFS}(fs-[0-9a-f]{{8,40}})(/[^:]*)?:(.*)"),
        MODES
        | {"tls": "tls", "notls": "notls", "tlsport=PORT": f"tlsport={PORT}", "iam": "iam"}
        | {"accesspoint=fsap-ID": "accesspoint=fsap-[0-9a-f]{8,40}"},
        "efs://fs-ID[/folder]:/path[:OPTIONS], such as efs://fs-0123456789abcdef0/ref:/ref:ro",
    ),
    Form(
        S3_FILES,
        re.compile(rf"{S3_FILES}({S3_FILES_ARN})((?!/access-point/)/[^:]*)?:(.*)", re.ASCII),
        MODES
        | {"tlsport=PORT": f"tlsport={PORT}"}
        | {"accesspoint=ARN": rf"accesspoint={S3_FILES_ARN}/access-point/fsap-[0-9a-f]{{17,40}}"},
        "s3files://ARN[/folder]:/path[:OPTIONS] with the ARN of the file system (that of "
        "an access point is an option), such as "
        "s3files://arn:aws:s3files:eu-west-1:123456789012:file-system/fs-0123456789abcdef0:/ref:ro",
    ),
    Form(
        "/", re.compile("()(/[^:]*)(?::(.*))?"), MODES, "/host[:/path[:ro]], such as /data:/in:ro"
    ),
)
"""How ids of EFS look: https://docs.aws.amazon.com/efs/latest/ug/API_DescribeFileSystems.html and
API_DescribeAccessPoints.html; ARNs of S3 Files: https://docs.aws.amazon.com/AmazonECS/latest/
developerguide/specify-s3files-config.html, their length from botocore's model of S3 Files."""

ANY_WANTED = (
    "/host[:/path[:ro]], efs://ID[/folder]:/path[:OPTIONS] or s3files://ARN:/path[:OPTIONS]"
)

DOCKER_VOLUME = re.compile(r"[A-Za-z0-9][\w.-]*:(?!//)")


def parse_mount(item: str) -> tuple[Source, str, bool]:
    """Return of a volume its source, its path in the container, and whether it is read-only.

    Raises WrongValueError, whose reasons go on after "holds 'ITEM', ".
    """
    form = next((form for form in FORMS if item.startswith(form.prefix)), None)
    if form is None and DOCKER_VOLUME.match(item):
        raise WrongValueError(
            "which names a volume of Docker, and AWS Batch has none: name a folder of the host, "
            "such as /data:/path, or a file system, such as efs://fs-0123456789abcdef0:/path"
        )
    found = form.pattern.fullmatch(item) if form else None
    if form is None or found is None:
        raise WrongValueError(f"which must be {form.wanted if form else ANY_WANTED}")
    name, folder, rest = found.groups()
    path, _, text = (folder if rest is None else rest).partition(":")
    options, reasons = _read_options(text, form.options)
    reasons += _list_path_problems(path, "path in the container") or _list_place_problems(path)
    if folder and rest is not None:
        reasons += _list_path_problems(folder, "folder")
    if "accesspoint" in options:
        reasons += _list_point_problems(name, folder, options["accesspoint"])
    if reasons:
        raise WrongValueError(*reasons)
    return _make_source(form.prefix, name, folder, options), _trim(path) or "/", "ro" in options


def _make_source(prefix: str, name: str, folder: str | None, options: Mapping[str, str]) -> Source:
    if not name:
        return HostFolder(_trim(folder) or "/")
    return FileSystem(
        name,
        _trim(folder) or None,
        options.get("accesspoint"),
        int(options["tlsport"]) if "tlsport" in options else None,
        is_encrypted="notls" not in options,
        has_iam="iam" in options,
        is_s3_files=prefix == S3_FILES,
    )


def _trim(folder: str | None) -> str:
    return (folder or "").rstrip("/")


def _read_options(text: str, known: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Return the options by name, and what is wrong with them."""
    options: dict[str, str] = {}
    reasons = []
    for item in filter(None, text.split(",")):
        name, _, value = item.partition("=")
        if not any(re.fullmatch(regex, item, re.ASCII) for regex in known.values()):
            reasons.append(f"whose option {item!r} is none of {', '.join(known)}")
        elif name in options:
            reasons.append(f"whose option {name} is given more than once")
        options[name] = value
    reasons += [
        f"whose options have both {one} and {other}, {why}"
        for one, other, why in CONTRADICTIONS
        if one in options and other in options
    ]
    return options, reasons


def _list_point_problems(name: str, folder: str | None, point: str) -> list[str]:
    problems = []
    if _trim(folder):
        problems.append(
            f"whose folder {folder!r} cannot stand with an access point, which has a folder of its "
            "own: leave one out"
        )
    if point.startswith("arn:") and not point.startswith(f"{name}/"):
        problems.append("whose access point is one of another file system")
    return problems


def _list_path_problems(path: str, what: str) -> list[str]:
    parts = path.rstrip("/").split("/")[1:]
    if not path.startswith("/"):
        return [f"whose {what} {path!r} must be absolute, such as /data"]
    if {"", ".", ".."} & set(parts):
        return [f"whose {what} {path!r} must be without . and .. and empty names"]
    if len(path) > MAX_PATH_CHARACTERS or not path.isprintable():
        return [
            f"whose {what} must have printable characters only, at most {MAX_PATH_CHARACTERS:,}"
        ]
    return []


def _list_place_problems(path: str) -> list[str]:
    if is_needed_place(path):
        place = _trim(path) or "/"
        return [f"but containers need their own {place}: name another path, such as /mnt/data"]
    return []


def is_needed_place(path: str) -> bool:
    """Tell whether containers need what is at a path, so that nothing may be mounted there."""
    place = _trim(path) or "/"
    return place in FORBIDDEN or any(place.startswith(f"{sealed}/") for sealed in SEALED)
