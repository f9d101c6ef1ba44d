"""A conda environment as one file, and back where it was made."""

import tarfile
import tempfile
from pathlib import Path

from snakemake_executor_plugin_batchx.storage.tree import remove_path

DONE_SUFFIX = ".env_setup_done"
"""Of the empty file with which Snakemake marks a finished environment
(snakemake/deployment/conda.py, get_env_setup_done_flag_file)."""

COMPRESS_LEVEL = 1
"""Of gzip: higher levels take far longer and save little of what conda packages hold."""


def is_complete(prefix: Path, name: str) -> bool:
    """Tell whether a whole environment stands in folder `name`, as Snakemake sees it."""
    return (prefix / name).is_dir() and (prefix / (name + DONE_SUFFIX)).exists()


def pack_environment(prefix: Path, name: str, archive: Path) -> None:
    """Pack an environment and the files beside it into a tar.gz, with its links and modes.

    Raises OSError where that fails.
    """
    with tarfile.open(archive, "w:gz", compresslevel=COMPRESS_LEVEL) as tar:
        for path in (prefix / name, *sorted(prefix.glob(f"{name}.*"))):
            tar.add(path, arcname=path.name, filter=_make_anonymous)


def _make_anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mtime = int(member.mtime)
    return member


def place_environment(archive: Path, prefix: Path, name: str) -> None:
    """Unpack an archive to where its environment was made; what is broken there is replaced.

    Under another name first, and Snakemake's mark comes last: never is half of it taken for whole.
    Raises OSError or tarfile.TarError where that fails.
    """
    done = name + DONE_SUFFIX
    with tempfile.TemporaryDirectory(dir=archive.parent) as unpacked:
        with tarfile.open(archive, "r:gz") as tar:
            tar.extractall(unpacked, filter="tar")
        (prefix / done).unlink(missing_ok=True)
        names = sorted(path.name for path in Path(unpacked).iterdir())
        for each in sorted(names, key=lambda each: each == done):
            remove_path(prefix / each)
            Path(unpacked, each).replace(prefix / each)
