import pytest

from snakemake_executor_plugin_batchx.infra.pulled import is_repository, name_repository

HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
THERE = "arn:aws:ecr:eu-west-1:123456789012:repository"


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ("lab/*", "lab/*"),
        (f"{HOST}/lab/tool:1", f"{THERE}/lab/tool"),
        (f"{HOST}/lab/tool@sha256:0", f"{THERE}/lab/tool"),
        (f"{HOST}/lab/*", f"{THERE}/lab/*"),
        (HOST, f"{THERE}/*"),
    ],
)
def test_images_stand_for_their_repositories(given: str, named: str) -> None:
    assert name_repository(given) == named
    assert is_repository(named)


@pytest.mark.parametrize("given", ["Lab/x", "", "quay.io/x:1", f"{HOST}/Lab/x", "arn:aws:s3:::b"])
def test_what_is_no_repository(given: str) -> None:
    assert not is_repository(name_repository(given))
