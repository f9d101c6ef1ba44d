"""Where things are under the S3 root."""

from dataclasses import dataclass

from snakemake_executor_plugin_batchx.errors import BatchxError

AREA = ".batchx"


@dataclass(frozen=True)
class S3Root:
    """A bucket and the prefix below which all our objects are."""

    bucket: str
    prefix: str

    def get_sources_key(self, sha256: str) -> str:
        """Return the key of a source archive."""
        return f"{self.prefix}/sources/{sha256}.tar.gz"

    def get_data_key(self, sha256: str) -> str:
        """Return the key of a file's content: named by it, so never overwritten by another."""
        return f"{self.prefix}/data/{sha256[:2]}/{sha256}"

    def get_packages_key(self, state: str) -> str:
        """Return the key of an archive of Python packages, named by the state of them."""
        return f"{self.prefix}/packages/{state}.tar.gz"

    def get_environment_key(self, name: str) -> str:
        """Return the key of the note that says which archive holds a conda environment."""
        return f"{self.prefix}/conda/{name}.json"

    def get_environment_archive_key(self, name: str, sha256: str) -> str:
        """Return the key of a conda environment's archive: named by content, so never changed."""
        return f"{self.prefix}/conda/{name}/{sha256}.tar.gz"

    def get_runtime_prefix(self, name: str) -> str:
        """Return the prefix of a job runtime, its recipe and its layers; `name` is its recipe's."""
        return f"{self.prefix}/runtime/{name}"

    def get_submission_prefix(self, run_id: str, submission: str) -> str:
        """Return the prefix of all that one submission reads and writes."""
        return f"{self.prefix}/runs/{run_id}/{submission}"

    def get_probe_key(self, run_id: str) -> str:
        """Return the key of the object that shows whether the head may write here."""
        return f"{self.prefix}/runs/{run_id}/run"

    def get_detached_prefix(self, detached_id: str = "") -> str:
        """Return the prefix of all that a detached run keeps, without an id that of all of them."""
        return f"{self.prefix}/detached/{detached_id}".rstrip("/")

    def make_url(self, key: str) -> str:
        """Return the s3:// URL of a key."""
        return f"s3://{self.bucket}/{key}"


def parse_s3_url(url: str) -> tuple[str, str]:
    """Split s3://bucket/key into bucket and key (without slashes at the ends).

    Raises BatchxError where `url` is not of that form.
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not bucket:
        raise BatchxError(f"{url!r} is not an S3 URL such as s3://my-bucket/my-run.")
    return bucket, key.strip("/")


def make_s3_root(url: str) -> S3Root:
    """Return the layout below an S3 URL: all of it in an area `.batchx` of its own."""
    bucket, prefix = parse_s3_url(url)
    if prefix.rpartition("/")[2] != AREA:
        prefix = f"{prefix}/{AREA}".lstrip("/")
    return S3Root(bucket, prefix)
