"""Which inputs hosts keep, and where: what the settings and resources mean, and what is refused."""

from typing import Any

import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.cache_folder import (
    DEFAULT_CACHE,
    CacheFolder,
    is_marked,
    parse_cache_folder,
    read_cache_patterns,
    split_patterns,
)

GIB = 1024**3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, CacheFolder("/var/lib/batchx-cache", None)),
        ("", DEFAULT_CACHE),
        ("/mnt/cache", CacheFolder("/mnt/cache", None)),
        ("/mnt/cache/", CacheFolder("/mnt/cache", None)),
        ("/cache:200GiB", CacheFolder("/cache", 200 * GIB)),
        ("/mnt/my cache:1TB", CacheFolder("/mnt/my cache", 10**12)),
        ("/tmp/cache:500MiB", CacheFolder("/tmp/cache", 500 * 1024**2)),
    ],
)
def test_a_folder_and_a_bound(text: str | None, expected: CacheFolder) -> None:
    assert parse_cache_folder(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "cache",
        "~/cache",
        "/c:",
        "/c:0GiB",
        "/c:200",
        "/c:200gib",
        "/c:1.5TiB",
        "/a:b:1GiB",
        ":1GiB",
    ],
)
def test_what_is_no_folder_with_a_bound_is_refused(text: str) -> None:
    with pytest.raises(BatchxError, match=r"must be a folder of the hosts, with the most it may"):
        parse_cache_folder(text)


@pytest.mark.parametrize(
    "text",
    [
        "/",
        "//",
        "/usr",
        "/tmp:1GiB",
        "/var/lib/",
        "/batchx",
        "/batchx-host-cache",
        "/a/../b",
        "/a//b",
    ],
)
def test_a_folder_that_the_container_needs_is_refused(text: str) -> None:
    with pytest.raises(BatchxError, match="cannot be mounted into containers"):
        parse_cache_folder(text)


def test_patterns_stand_between_blanks_and_commas() -> None:
    assert split_patterns(" ref/*.fa, *.idx\n x") == ["ref/*.fa", "*.idx", "x"]
    assert split_patterns(["a b", "c,d", ""]) == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("name", "patterns", "is_one"),
    [
        ("ref/hg38.fa", ("ref/*",), True),
        ("ref/star/SA", ("ref/*",), True),
        ("data/a.bam", ("ref/*", "*.fa"), False),
        ("data/a.bam", ("*",), True),
        ("ref/hg38.fa", ("ref/hg38.fa",), True),
        ("ref/HG38.fa", ("ref/hg38.fa",), False),
        ("/refs/x.fa", ("*.fa",), True),
        ("x", (), False),
    ],
)
def test_which_names_are_marked(name: str, patterns: tuple[str, ...], is_one: bool) -> None:
    assert is_marked([name], patterns) is is_one


def test_a_rule_names_its_patterns_or_none() -> None:
    assert read_cache_patterns({}, "Rule a") == ()
    assert read_cache_patterns({"batchx_host_cache": "ref/* *.fa"}, "Rule a") == ("ref/*", "*.fa")


@pytest.mark.parametrize("value", [True, 1, "", " , "])
def test_a_resource_that_names_nothing_is_refused(value: Any) -> None:
    with pytest.raises(BatchxError) as caught:
        read_cache_patterns({"batchx_host_cache": value}, "Rule a")
    assert str(caught.value) == (
        f"Rule a: resource batchx_host_cache={value!r} must be a text with patterns of input "
        "names, such as 'ref/*' or '*'."
    )
