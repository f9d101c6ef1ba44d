"""What a head needs and the runtime of jobs lacks, as an archive: this plugin, models of AWS."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from snakemake_executor_plugin_batchx.aws.models import find_model_files
from snakemake_executor_plugin_batchx.job.detached import DATA
from snakemake_executor_plugin_batchx.spec import Blob
from snakemake_executor_plugin_batchx.storage.checksums import compute_sha256
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.packages import pack_packages
from snakemake_executor_plugin_batchx.storage.transfer import ObjectStore, Transfer

SERVICES = ("ec2", "iam")
"""Which a head asks, and which the runtime of jobs has no models of (runtime/inventory.py)."""


def list_parcel() -> list[tuple[str, str]]:
    """Return the files of the archive: names in it, and paths here."""
    top = Path(__file__).parents[1]
    own = (
        (f"{top.name}/{path.relative_to(top).as_posix()}", str(path))
        for path in top.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    return sorted((*own, *_iter_models()))


def _iter_models() -> Iterator[tuple[str, str]]:
    for service in SERVICES:
        for name, path in find_model_files(service).items():
            yield f"{DATA}/{service}/{name}", str(path)


def send_parcel(
    store: ObjectStore, root: S3Root, folder: Path, imported: Sequence[tuple[str, str]]
) -> Blob:
    """Bring the archive to S3, unless it is there; return where it is. Jobs cannot write there.

    `imported` are files of packages that the workflow imports: names below sys.path, paths here.
    """
    path = folder / "head.tar.gz"
    pack_packages([*list_parcel(), *imported], path)
    sha256 = compute_sha256(path)
    key = root.get_packages_key(f"head-{sha256}")
    with Transfer(store) as transfer:
        if not transfer.find_existing([key]):
            transfer.send_as(path, key)
    return Blob(key, 0, path.stat().st_size, sha256)
