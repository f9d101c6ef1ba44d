"""References in, hosts and repositories out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.destination import (
    ECR_REPOSITORY,
    Destination,
    sanitize_name,
)
from snakemake_executor_plugin_batchx.images.reference import (
    EcrHost,
    ImageReference,
    parse_ecr_host,
    parse_reference,
    read_container,
)
from snakemake_executor_plugin_batchx.images.source import (
    PullThroughRule,
    find_cached_repository,
    is_cache,
    make_rule,
)

DIGEST = "sha256:" + "0" * 64
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("debian", ("docker.io", "library/debian", "latest", "")),
        ("debian:12-slim", ("docker.io", "library/debian", "12-slim", "")),
        ("biocontainers/bwa:1", ("docker.io", "biocontainers/bwa", "1", "")),
        ("docker.io/debian", ("docker.io", "library/debian", "latest", "")),
        ("index.docker.io/a/b", ("docker.io", "a/b", "latest", "")),
        ("quay.io/a/b@" + DIGEST, ("quay.io", "a/b", "", DIGEST)),
        ("quay.io/a/b:t@" + DIGEST, ("quay.io", "a/b", "t", DIGEST)),
        ("Quay.IO/a/b", ("quay.io", "a/b", "latest", "")),
        ("localhost/a", ("localhost", "a", "latest", "")),
        ("localhost:5000/a:1", ("localhost:5000", "a", "1", "")),
        ("host:5000/a/b/c", ("host:5000", "a/b/c", "latest", "")),
        ("[::1]:5000/a", ("[::1]:5000", "a", "latest", "")),
        (
            "public.ecr.aws/docker/library/debian:12",
            ("public.ecr.aws", "docker/library/debian", "12", ""),
        ),
        (ECR + "/me/tool:2", (ECR, "me/tool", "2", "")),
        ("quay.io/a/b__c--d.e:1", ("quay.io", "a/b__c--d.e", "1", "")),
    ],
)
def test_references_are_read_as_docker_does(text: str, parts: tuple[str, ...]) -> None:
    assert parse_reference(text) == ImageReference(*parts)


@pytest.mark.parametrize(
    "text",
    [
        "Debian",
        "quay.io/A/b",
        "a//b",
        "a/",
        "a:",
        "a:b c",
        "a@",
        "a@sha256:12",
        "a@md5:" + "0" * 32,
        "a___b/..",
        "quay.io/",
        "-host.io/a",
        "a:" + "x" * 129,
        "quay.io:x/a",
        "ä/b",
    ],
)
def test_what_docker_refuses_is_refused(text: str) -> None:
    assert parse_reference(text) is None
    with pytest.raises(BatchxError, match=r"^Rule map: container .* no image reference"):
        read_container("docker://" + text, "Rule map")


COMPONENT = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
HOST = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){1,2}(:[0-9]{1,5})?", fullmatch=True)
TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
REPOSITORY = st.lists(COMPONENT, min_size=1, max_size=4).map("/".join)


@settings(deadline=None)
@given(HOST, REPOSITORY, st.one_of(st.just(""), TAG), st.sampled_from(["", DIGEST]))
def test_what_is_built_by_the_rules_comes_apart_again(
    host: str, repository: str, tag: str, digest: str
) -> None:
    text = f"{host}/{repository}" + (tag and f":{tag}") + (digest and f"@{digest}")
    wanted = tag or ("" if digest else "latest")
    reference = parse_reference(text)
    assert reference == ImageReference(host, repository, wanted, digest)
    assert parse_reference(str(reference)) == reference


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_none(text: str) -> None:
    reference = parse_reference(text)
    if reference:
        assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize(
    ("host", "place"),
    [
        (ECR, EcrHost("123456789012", "eu-west-1")),
        (
            "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
            EcrHost("123456789012", "us-gov-west-1"),
        ),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", EcrHost("123456789012", "cn-north-1")),
        ("123456789012.dkr-ecr.eu-west-1.on.aws", EcrHost("123456789012", "eu-west-1")),
        (
            "123456789012.dkr-ecr.cn-north-1.on.amazonwebservices.com.cn",
            EcrHost("123456789012", "cn-north-1"),
        ),
        ("public.ecr.aws", None),
        ("12345.dkr.ecr.eu-west-1.amazonaws.com", None),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.org", None),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.org", None),
    ],
)
def test_ecr_is_known_by_its_hosts(host: str, place: EcrHost | None) -> None:
    assert parse_ecr_host(host) == place


@settings(deadline=None)
@given(HOST, st.text("abz09._-/", min_size=1, max_size=400))
def test_every_source_gets_a_repository_that_ecr_takes(host: str, name: str) -> None:
    source = ImageReference(host, name, "1", "")
    repository = Destination("batchx/").choose_repository(source, ECR)
    assert ECR_REPOSITORY.fullmatch(repository)
    assert len(f"{ECR}/{repository}@{DIGEST}") <= 255


def test_names_that_are_cut_stay_apart() -> None:
    one, two = (
        Destination().choose_repository(ImageReference("quay.io", "a" * 200 + end, "1", ""), ECR)
        for end in "bc"
    )
    assert one != two


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("quay.io/biocontainers/bwa", "quay.io/biocontainers/bwa"),
        ("127.0.0.1:5000/a__b/c--d", "127.0.0.1-5000/a_b/c-d"),
        ("[::1]:5000/a", "1-5000/a"),
    ],
)
def test_names_are_made_ecrs(name: str, clean: str) -> None:
    assert sanitize_name(name) == clean


@pytest.mark.parametrize("setting", ["", "/", "A/", "a//", "-a", "a" * 257, "a b", "x"])
def test_a_wrong_repository_setting_is_told(setting: str) -> None:
    with pytest.raises(BatchxError, match=r"^--batchx-repository"):
        Destination(setting)


RULES = (
    make_rule("hub", "registry-1.docker.io", "ROOT"),
    make_rule("quay", "https://quay.io", "ROOT"),
    make_rule("bio", "quay.io", "biocontainers"),
    make_rule("ROOT", "ghcr.io", "ROOT"),
)


@pytest.mark.parametrize(
    ("text", "repository"),
    [
        ("debian:12", "hub/library/debian"),
        ("quay.io/biocontainers/bwa:1", "bio/bwa"),
        ("quay.io/other/x", "quay/other/x"),
        ("ghcr.io/a/b", "a/b"),
        ("public.ecr.aws/a/b", None),
    ],
)
def test_pull_through_rules_map_upstreams(text: str, repository: str | None) -> None:
    reference = parse_reference(text)
    assert reference
    assert find_cached_repository(reference, RULES) == repository


def test_what_lies_in_a_cache() -> None:
    assert RULES[3] == PullThroughRule("", "ghcr.io", "")
    assert is_cache("hub/x", RULES)
    assert not is_cache("hubx/x", RULES)
    assert not is_cache("batchx/x", RULES)
