"""Where things are under the S3 root."""

import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.layout import S3Root, make_s3_root, parse_s3_url

SHA256 = "ab" + "0" * 62


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://bucket/a/b", ("bucket", "a/b")),
        ("s3://bucket/a/b/", ("bucket", "a/b")),
        ("s3://bucket/a b/c=d", ("bucket", "a b/c=d")),
    ],
)
def test_an_s3_url_is_split(url: str, parts: tuple[str, str]) -> None:
    assert parse_s3_url(url) == parts


@pytest.mark.parametrize("url", ["", "bucket/key", "s3://", "s3:///key", "https://bucket/key"])
def test_what_is_no_s3_url_is_refused(url: str) -> None:
    with pytest.raises(BatchxError) as caught:
        parse_s3_url(url)
    assert str(caught.value) == f"{url!r} is not an S3 URL such as s3://my-bucket/my-run."


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("s3://bucket", ".batchx"),
        ("s3://bucket/run1", "run1/.batchx"),
        ("s3://bucket/run1/.batchx", "run1/.batchx"),
        ("s3://bucket/run1/.batchx/", "run1/.batchx"),
        ("s3://bucket/my.batchx", "my.batchx/.batchx"),
    ],
)
def test_all_of_ours_is_in_an_area_of_its_own(url: str, prefix: str) -> None:
    assert make_s3_root(url) == S3Root("bucket", prefix)


def test_the_keys() -> None:
    root = make_s3_root("s3://bucket/run1")
    assert root.get_sources_key(SHA256) == f"run1/.batchx/sources/{SHA256}.tar.gz"
    assert root.get_data_key(SHA256) == f"run1/.batchx/data/ab/{SHA256}"
    assert root.get_submission_prefix("r", "000001") == "run1/.batchx/runs/r/000001"
    assert root.get_environment_key("c-p") == "run1/.batchx/conda/c-p.json"
    archive = f"run1/.batchx/conda/c-p/{SHA256}.tar.gz"
    assert root.get_environment_archive_key("c-p", SHA256) == archive
    assert root.get_probe_key("r") == "run1/.batchx/runs/r/run"


def test_a_url_leads_back_to_its_key() -> None:
    root = make_s3_root("s3://bucket/run1")
    key = root.get_data_key(SHA256)
    assert parse_s3_url(root.make_url(key)) == ("bucket", key)
