"""What is derived from what: manifests, configs, platforms, kinds of manifests."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.image import plan_environment
from snakemake_executor_plugin_batchx.images.media import (
    DOCKER_MANIFEST,
    INDEXES,
    OCI_MANIFEST,
    name_manifest_type,
)
from snakemake_executor_plugin_batchx.images.narrate import (
    LONG_COPY_BYTES,
    CopyProgress,
    CopyStopped,
    format_bytes,
)
from snakemake_executor_plugin_batchx.images.platforms import check_platform
from snakemake_executor_plugin_batchx.images.recipe import (
    MAX_LAYERS,
    Addition,
    derive_image,
    holds_runtime,
    make_tag,
)
from snakemake_executor_plugin_batchx.images.registry import Manifest, hash_bytes

ADDED = (Addition("sha256:a", "sha256:da", 1), Addition("sha256:b", "sha256:db", 2))


def make_base(
    count: int = 2, layer: dict[str, Any] | None = None, media_type: str = OCI_MANIFEST
) -> Manifest:
    layers = [{"mediaType": "t", "digest": f"sha256:{n}", "size": n} for n in range(count)]
    layers = [{**each, **(layer or {})} for each in layers]
    config = {"mediaType": "c", "digest": "sha256:c", "size": 1, "data": "e30="}
    raw = json.dumps({"schemaVersion": 2, "config": config, "layers": layers}).encode()
    return Manifest(media_type, raw, hash_bytes(raw))


def make_config(count: int = 2, **members: Any) -> dict[str, Any]:
    diff_ids = [f"sha256:d{n}" for n in range(count)]
    return {"rootfs": {"type": "layers", "diff_ids": diff_ids}, **members}


@pytest.mark.parametrize(
    "config",
    [
        make_config(),
        make_config(config=None),
        make_config(config={"Entrypoint": ["a"], "entrypoint": ["b"]}),
        make_config(history=None),
    ],
)
def test_configs_with_little_in_them(config: dict[str, Any]) -> None:
    derived = derive_image(make_base(), config, ADDED, "image")
    made = json.loads(derived.config)
    assert made["config"] == {}
    assert made["rootfs"]["diff_ids"][-2:] == ["sha256:da", "sha256:db"]
    manifest = json.loads(derived.manifest.raw)
    assert manifest["config"] == {
        "mediaType": "c",
        "digest": hash_bytes(derived.config),
        "size": len(derived.config),
    }
    assert derived.manifest.digest == hash_bytes(derived.manifest.raw)


def test_a_history_that_tells_of_other_layers_is_left_alone() -> None:
    history = [{"created_by": "one"}]
    made = json.loads(derive_image(make_base(), make_config(history=history), ADDED, "i").config)
    assert made["history"] == history


def test_other_machines_make_the_same_bytes() -> None:
    one, two = (derive_image(make_base(), make_config(), ADDED, name) for name in ("x", "y"))
    assert one == two


def test_layers_have_a_limit() -> None:
    most = MAX_LAYERS - len(ADDED)
    derive_image(make_base(most), make_config(most), ADDED, "image")
    with pytest.raises(BatchxError, match=f"^image has {most + 1} layers"):
        derive_image(make_base(most + 1), make_config(most + 1), ADDED, "image")


@pytest.mark.parametrize(
    "layer",
    [
        {"urls": ["https://vendor.example.org/layer"]},
        {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"},
        {"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"},
    ],
)
def test_layers_that_are_their_vendors_are_refused(layer: dict[str, Any]) -> None:
    with pytest.raises(BatchxError, match="stay at their vendor's"):
        derive_image(make_base(1, layer), make_config(1), ADDED, "image")


def test_a_config_that_does_not_fit_its_manifest_is_refused() -> None:
    with pytest.raises(BatchxError, match=r"^image is damaged"):
        derive_image(make_base(2), make_config(1), ADDED, "image")


def test_who_holds_the_runtime() -> None:
    derived = derive_image(make_base(), make_config(), ADDED, "image")
    assert holds_runtime(derived.manifest, json.loads(derived.config), ADDED)
    assert not holds_runtime(derived.manifest, json.loads(derived.config), ADDED[:1])
    assert not holds_runtime(make_base(1), make_config(1), ADDED)
    with_entrypoint = make_config(config={"Entrypoint": ["a"]})
    assert not holds_runtime(derived.manifest, with_entrypoint, ADDED)


def test_the_tag_tells_all_that_makes_an_image() -> None:
    tags = {
        make_tag("sha256:r", "amd64", ["a", "b"]),
        make_tag("sha256:r", "amd64", ["b", "a"]),
        make_tag("sha256:r", "amd64", []),
        make_tag("sha256:r", "arm64", ["a", "b"]),
        make_tag("sha256:s", "amd64", ["a", "b"]),
    }
    assert len(tags) == 5
    assert all(len(tag) <= 128 for tag in tags)


@pytest.mark.parametrize(
    ("content", "told", "kind"),
    [
        ({"mediaType": OCI_MANIFEST}, "", OCI_MANIFEST),
        ({"mediaType": DOCKER_MANIFEST}, OCI_MANIFEST, DOCKER_MANIFEST),
        ({"layers": []}, f"{OCI_MANIFEST}; charset=utf-8", OCI_MANIFEST),
        ({"manifests": []}, "application/json", INDEXES[0]),
        ({"layers": [], "config": {"mediaType": "application/vnd.oci.x"}}, "", OCI_MANIFEST),
        ({"layers": [], "config": {"mediaType": "application/vnd.docker.x"}}, "", DOCKER_MANIFEST),
        ({"fsLayers": []}, "text/plain", "application/vnd.docker.distribution.manifest.v1+json"),
        ({"config": 1}, "text/plain", "text/plain"),
    ],
)
def test_kinds_of_manifests(content: dict[str, Any], told: str, kind: str) -> None:
    assert name_manifest_type(json.dumps(content).encode(), told) == kind


@settings(deadline=None)
@given(st.one_of(st.binary(), st.text().map(lambda text: json.dumps([text]).encode())))
def test_what_is_no_manifest_has_no_kind(raw: bytes) -> None:
    if not raw.strip().startswith(b"{"):
        assert name_manifest_type(raw, "text/plain") == ""


@pytest.mark.parametrize(
    ("config", "is_fit"),
    [
        ({"os": "linux", "architecture": "amd64"}, True),
        ({"architecture": "amd64"}, True),
        ({}, True),
        ({"os": "windows", "architecture": "amd64"}, False),
        ({"os": "linux", "architecture": "arm64"}, False),
    ],
)
def test_platforms_of_single_images(config: dict[str, str], is_fit: bool) -> None:
    if is_fit:
        check_platform(config, "amd64", "image")
    else:
        with pytest.raises(BatchxError, match="no image for linux/amd64"):
            check_platform(config, "amd64", "image")


@pytest.mark.parametrize("env", [None, [], ["A=b"], ["LD_PRELOAD="], ["LD_PRELOAD"]])
def test_most_images_need_no_environment(env: list[str] | None) -> None:
    assert plan_environment({"config": {"Env": env}}) == {}
    assert plan_environment({}) == {}


def test_long_copies_are_told_of_in_four_lines() -> None:
    said: list[str] = []
    progress = CopyProgress("image", LONG_COPY_BYTES, said.append, lambda: False)
    for _ in range(LONG_COPY_BYTES // 4096):
        progress.add(4096)
    progress.add(-LONG_COPY_BYTES)
    progress.add(LONG_COPY_BYTES)
    assert [line.rpartition(": ")[2] for line in said] == [
        "up to 67.1 MB to copy",
        "25 %",
        "50 %",
        "75 %",
    ]
    small: list[str] = []
    CopyProgress("image", 1000, small.append, lambda: False).add(1000)
    assert small == []


def test_a_stopped_copy_raises() -> None:
    with pytest.raises(CopyStopped):
        CopyProgress("image", 1, lambda _: None, lambda: True).add(1)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "nothing"), (1, "0.1 MB"), (5_250_000, "5.2 MB"), (10**10, "10.0 GB")]
)
def test_sizes_are_readable(count: int, text: str) -> None:
    assert format_bytes(count) == text
