"""From requests to a registry to ECR's actions, as the table of permissions has them."""

from __future__ import annotations

import pytest

from snakemake_executor_plugin_batchx.local.iam.registry_needs import list_registry_needs
from snakemake_executor_plugin_batchx.local.identity import Identity
from snakemake_executor_plugin_batchx.permissions.image_calls import IMAGE_CALLS
from snakemake_executor_plugin_batchx.permissions.row import REGISTRY, WITHHELD

REPOSITORY = "arn:aws:ecr:us-east-1:123456789012:repository/"
DIGEST = "sha256:" + 64 * "0"

REQUESTS = {
    "HEAD manifest": ("HEAD", "/v2/team/tool/manifests/1.0"),
    "GET manifest": ("GET", f"/v2/team/tool/manifests/{DIGEST}"),
    "GET blob": ("GET", f"/v2/team/tool/blobs/{DIGEST}"),
    "HEAD blob": ("HEAD", f"/v2/team/tool/blobs/{DIGEST}"),
    "POST upload": ("POST", "/v2/team/tool/blobs/uploads/"),
    "PUT blob": ("PUT", f"/v2/team/tool/blobs/uploads/0a-1?_state=x%3D&digest={DIGEST}"),
    "PUT manifest": ("PUT", "/v2/team/tool/manifests/1.0"),
}
"""What the head sends, by the name that the table of permissions gives it."""


def list_actions(method: str, target: str) -> list[tuple[str, str]] | None:
    """The actions of a request, each with its repository."""
    needs = list_registry_needs(method, target, Identity())
    if needs is None:
        return None
    return [(need.action, need.resource.removeprefix(REPOSITORY)) for need in needs]


@pytest.mark.parametrize("name", REQUESTS)
def test_the_table_of_permissions_says_the_same(name: str) -> None:
    rows = [row for row in IMAGE_CALLS if row.call == REGISTRY + name and row.need != WITHHELD]
    actions = [(action, "team/tool") for row in rows for action in row.actions]
    assert list_actions(*REQUESTS[name]) == actions != []


def test_all_registry_rows_are_looked_at() -> None:
    calls = {row.call for row in IMAGE_CALLS if row.call.startswith(REGISTRY)}
    assert calls == {REGISTRY + name for name in REQUESTS}


@pytest.mark.parametrize(
    ("method", "target", "actions"),
    [
        ("GET", "/v2/", []),
        ("GET", "/v2/?x=1", []),
        ("PATCH", "/v2/tool/blobs/uploads/0a-1?_state=x", [("ecr:UploadLayerPart", "tool")]),
        ("GET", "/v2/a/b/c/tags/list?n=5", [("ecr:ListImages", "a/b/c")]),
        (
            "POST",
            f"/v2/team/tool/blobs/uploads/?mount={DIGEST}&from=lab%2Fbase",
            [
                ("ecr:InitiateLayerUpload", "team/tool"),
                ("ecr:GetDownloadUrlForLayer", "lab/base"),
            ],
        ),
        ("GET", "/v2/a-b_c.d/manifests/latest", [("ecr:BatchGetImage", "a-b_c.d")]),
        # A repository may be named as parts of paths are.
        ("GET", "/v2/a/manifests/b/manifests/1", [("ecr:BatchGetImage", "a/manifests/b")]),
    ],
)
def test_requests(method: str, target: str, actions: list[tuple[str, str]]) -> None:
    assert list_actions(method, target) == actions


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v2/_catalog"),
        ("GET", "/v2"),
        ("GET", "/"),
        ("DELETE", f"/v2/team/tool/manifests/{DIGEST}"),
        ("DELETE", "/v2/team/tool/blobs/uploads/0a-1"),
        ("POST", "/v2/team/tool/manifests/1"),
        ("GET", "/v2/team/tool/blobs/../../other/manifests/1"),
        ("GET", "/v2/team/../other/manifests/1"),
        ("GET", "/v2/team//other/manifests/1"),
        ("GET", "/v2/team%2Fother/manifests/1"),
        ("GET", "/v2/team/tool/manifests/"),
        ("GET", "/v2/team/tool/manifests/1\n"),
        ("GET", "//v2/team/tool/manifests/1"),
    ],
)
def test_what_ecr_does_not_take(method: str, target: str) -> None:
    assert list_actions(method, target) is None
