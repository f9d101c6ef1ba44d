"""Which installed packages go into the runtime, and which of their files."""

import importlib.util
import json
import os
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path, PurePosixPath

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from snakemake_executor_plugin_batchx.errors import BatchxError

ROOTS = (
    "snakemake",
    "snakemake-interface-common",
    "snakemake-interface-executor-plugins",
    "boto3",
    "botocore",
    "awscrt",  # boto3[crt]: extras are not followed
)
"""What jobs need, whatever the version of this plugin. Storage plugins join them, for the head's
Snakemake passes settings of each that is installed here to every job."""

STORAGE_PLUGIN = "snakemake-storage-plugin-"

LEFT_OUT_DISTRIBUTIONS = {"pip", "setuptools", "wheel"}
"""What installs packages; some require it to be installed themselves."""

LEFT_OUT_FOLDERS = {"__pycache__", "test", "tests"}

LEFT_OUT_SUFFIXES = (".pyc", ".pyi", ".pyx", ".pxd", ".c", ".h", ".cpp", ".hpp", ".a")
"""What Python does not read at run time."""

LEFT_OUT_PATHS = ("boto3/examples/", "pulp/solverdir/", "snakemake/assets/data/")
"""Examples, solvers (jobs schedule greedily), scripts of HTML reports (the head makes them)."""

AWS_MODELS = "botocore/data/"

AWS_SERVICES = {
    # What batchx and Snakemake call, and what credentials may come from.
    *("s3", "signin", "sso", "sso-oidc", "sts"),
    # What the code of a workflow may call: data, messages, settings.
    *(
        "athena",
        "batch",
        "cloudwatch",
        "dynamodb",
        "ecr",
        "events",
        "glue",
        "kms",
        "lambda",
        "logs",
    ),
    *("omics", "redshift-data", "s3control", "secretsmanager", "ses", "sesv2", "sns", "sqs", "ssm"),
    "stepfunctions",
}
"""The services whose models go along, of more than 400: all of them are 28 MB."""

INSTALLERS_NOTES = {
    "RECORD",
    "INSTALLER",
    "REQUESTED",
    "direct_url.json",
    "uv_build.json",
    "uv_cache.json",
}
"""What differs by who installed a package, and tells nothing about it."""


@dataclass(frozen=True)
class Package:
    """An installed distribution: `files` by their path below site-packages, sorted."""

    name: str
    version: str
    files: Mapping[str, Path]

    @property
    def identity(self) -> list[str]:
        """Version, and size and time of each file: an edited one counts."""
        stats = ((at, path.stat()) for at, path in self.files.items())
        files = [f"{at} {stat.st_size} {stat.st_mtime_ns}" for at, stat in stats]
        return [self.name, self.version, *files]


def list_packages() -> tuple[Package, ...]:
    """Return the packages that jobs need, sorted by name. Raises BatchxError if one is lacking."""
    needed = find_needed()
    return tuple(describe_package(name, needed[name]) for name in sorted(needed))


def find_needed() -> dict[str, metadata.Distribution]:
    """Return the distributions that jobs need, by name. Raises BatchxError if one is lacking."""
    needed = find_closure(find_roots(), find_installed)
    for root in ROOTS:
        if root not in needed:
            raise BatchxError(f"{root} is not installed beside batchx: pip install {root}")
    return needed


def find_roots() -> list[str]:
    """Return the names of what jobs need by itself, storage plugins found as Snakemake does."""
    names = (module.name.replace("_", "-") for module in pkgutil.iter_modules())
    return [*ROOTS, *(name for name in names if name.startswith(STORAGE_PLUGIN))]


def find_installed(name: str) -> metadata.Distribution | None:
    """Return the distribution of this name, None if it is not installed."""
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def find_closure(
    roots: Iterable[str], find: Callable[[str], metadata.Distribution | None]
) -> dict[str, metadata.Distribution]:
    """Return `roots` and what they require here, without extras, by name.

    Requirements that are not installed are left to the package that lives without them.
    """
    found: dict[str, metadata.Distribution] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found or name in LEFT_OUT_DISTRIBUTIONS:
            continue
        distribution = find(name)
        if distribution is None:
            continue
        found[name] = distribution
        waiting += _iter_requirements(distribution)
    return found


def _iter_requirements(distribution: metadata.Distribution) -> Iterator[str]:
    for text in distribution.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # of an old package; pip has let it in all the same
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)


def is_needed(at: str) -> bool:
    """Return True if a file, by its path below site-packages, goes into the runtime."""
    path = PurePosixPath(at)
    if path.is_absolute() or ".." in path.parts or at.endswith(LEFT_OUT_SUFFIXES):
        return False  # scripts and manuals, and what is not read
    if LEFT_OUT_FOLDERS.intersection(path.parts[:-1]) or at.startswith(LEFT_OUT_PATHS):
        return False
    if path.parent.suffix in {".dist-info", ".egg-info"} and path.name in INSTALLERS_NOTES:
        return False
    if at.startswith(AWS_MODELS) and len(path.parts) > 3:
        return path.parts[2] in AWS_SERVICES
    return True


def describe_package(name: str, distribution: metadata.Distribution) -> Package:
    """Return a distribution with those of its files that jobs need. Raises BatchxError."""
    files = dict(sorted(_list_files(name, distribution)))
    if not any(at.endswith((".py", ".so")) for at in files):
        raise BatchxError(
            f"The files of {name} {distribution.version} cannot be found for the job runtime: "
            "install it anew with pip."
        )
    return Package(name, distribution.version, files)


def _list_files(name: str, distribution: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    record = distribution.read_text("RECORD")
    if record is None or _is_editable(distribution):
        found = _list_imported(name, distribution)
    else:
        found = ((str(f), Path(str(f.locate()))) for f in distribution.files or ())
    return ((at, path) for at, path in found if is_needed(at) and path.is_file())


def _is_editable(distribution: metadata.Distribution) -> bool:
    """See https://packaging.python.org/en/latest/specifications/direct-url/."""
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    return bool(origin.get("dir_info", {}).get("editable"))


def _list_imported(name: str, distribution: metadata.Distribution) -> Iterator[tuple[str, Path]]:
    """Yield what importing finds: of editable installations, and where pip's record is missing."""
    guess = name.replace("-", "_")
    for module in (distribution.read_text("top_level.txt") or guess).split():
        spec = importlib.util.find_spec(module)
        if spec is None:
            continue
        for folder in spec.submodule_search_locations or ():
            yield from _list_tree(Path(folder), module)
        if spec.origin and not spec.submodule_search_locations:
            yield Path(spec.origin).name, Path(spec.origin)
    for information in Path(str(distribution.locate_file(""))).glob("*-info"):
        named = re.split(r"-\d|\.(?:dist|egg)-info", information.name)[0]
        if canonicalize_name(named) == name:
            yield from _list_tree(information, information.name)


def _list_tree(top: Path, at: str) -> Iterator[tuple[str, Path]]:
    if top.is_file():
        yield at, top
    for folder, _, names in os.walk(top):
        inner = Path(at, Path(folder).relative_to(top))
        for file in names:
            yield (inner / file).as_posix(), Path(folder, file)
