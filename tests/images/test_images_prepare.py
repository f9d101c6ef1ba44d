"""Images made ready, against real registries."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from bad_registry import Answer, serve_badly
from docker_registry import TestRegistry
from image_kit import (
    FakeEcr,
    Head,
    Layer,
    make_head,
    open_server,
    push_image,
    push_index,
)

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.derive import PreparedImage
from snakemake_executor_plugin_batchx.images.media import (
    DOCKER_MANIFEST,
    INDEXES,
    OCI_MANIFEST,
)
from snakemake_executor_plugin_batchx.images.prepare import ImagePreparer
from snakemake_executor_plugin_batchx.images.push import push_runtime
from snakemake_executor_plugin_batchx.images.reference import ImageReference, parse_reference
from snakemake_executor_plugin_batchx.images.registry import Registry, hash_bytes
from snakemake_executor_plugin_batchx.images.runtime_layers import use_runtime_image

Layers = tuple[Layer, ...]

CONFIG = {
    "Entrypoint": ["/usr/bin/tini", "--"],
    "Cmd": ["sh"],
    "Env": ["PATH=/bin", "LANG=C"],
    "User": "1000:1000",
    "WorkingDir": "/data",
    "Labels": {"org.opencontainers.image.version": "1"},
}


def find(image: str) -> ImageReference:
    reference = parse_reference(image)
    assert reference
    return reference


def read_derived(registry: Registry, image: str) -> tuple[dict[str, Any], dict[str, Any]]:
    reference = find(image)
    manifest = json.loads(registry.read_manifest(reference.repository, reference.digest).raw)
    descriptor = manifest["config"]
    raw = registry.read_small_blob(reference.repository, descriptor["digest"], descriptor["size"])
    return manifest, json.loads(raw)


def prepare(head: Head, layers: Layers, container: str, **options: Any) -> PreparedImage:
    return ImagePreparer(head.make_deliverer(layers, **options)).prepare(container, "Rule map")


@pytest.mark.parametrize(
    ("media_type", "has_media_type"),
    [(OCI_MANIFEST, True), (OCI_MANIFEST, False), (DOCKER_MANIFEST, True)],
)
def test_a_private_image_gets_the_runtime_and_keeps_the_rest(
    private_server: TestRegistry,
    ecr: FakeEcr,
    base_layers: Layers,
    runtime_layers: Layers,
    media_type: str,
    has_media_type: bool,
) -> None:
    source = open_server(private_server)
    root = push_image(
        source,
        "tools/bwa",
        "1",
        base_layers,
        CONFIG,
        media_type=media_type,
        has_media_type=has_media_type,
    )
    head = make_head(ecr, private_server)
    prepared = prepare(head, runtime_layers, f"docker://{private_server.host}/tools/bwa:1")
    assert prepared.is_new
    assert prepared.environment == {}
    assert prepared.base == f"{private_server.host}/tools/bwa@{root}"
    name = private_server.host.replace(":", "-")
    assert prepared.image.startswith(f"{ecr.server.host}/batchx/{name}/tools/bwa@sha256:")
    assert set(ecr.repositories) == {f"batchx/{name}/tools/bwa"}

    manifest, config = read_derived(open_server(ecr.server), prepared.image)
    assert manifest["mediaType"] == media_type
    added = [layer["digest"] for layer in manifest["layers"]]
    assert added == [layer.digest for layer in (*base_layers, *runtime_layers)]
    assert len({layer["mediaType"] for layer in manifest["layers"]}) == 1
    assert config["config"] == {k: v for k, v in CONFIG.items() if k != "Entrypoint"}
    assert config["moby.buildkit.cache.v0"] == "kept"
    assert config["rootfs"]["diff_ids"] == [
        layer.diff_id for layer in (*base_layers, *runtime_layers)
    ]
    assert sum(not step.get("empty_layer") for step in config["history"]) == 4


def test_the_second_run_asks_three_times_and_sends_nothing(
    private_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    push_image(open_server(private_server), "tools/twice", "1", base_layers)
    container = f"{private_server.host}/tools/twice:1"
    first = prepare(make_head(ecr, private_server), runtime_layers, container)
    blobs = ecr.server.count_blobs()
    head = make_head(ecr, private_server)
    second = prepare(head, runtime_layers, container)
    assert second == PreparedImage(first.image, first.base, {}, is_new=False)
    assert head.access.count_requests() <= 3
    assert ecr.server.count_blobs() == blobs
    assert head.said == []


def test_an_image_within_the_registry_is_mounted_not_copied(
    ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    target = open_server(ecr.server)
    push_image(target, "me/tool", "2", base_layers)
    push_runtime(target, "batchx/runtime", runtime_layers, "amd64", make_head(ecr).access.retry)
    before = ecr.server.count_blobs()
    head = make_head(ecr)
    reference = find(f"{ecr.server.host}/batchx/runtime:{find_tag(ecr)}")
    layers = use_runtime_image(target, reference, "amd64", target.host)
    prepared = head.make_deliverer(layers).deliver(find(f"{ecr.server.host}/me/tool:2"))
    assert prepared.is_new
    # Config and manifest, nothing else.
    assert ecr.server.count_blobs() == before + 2
    counts = head.access.open(ecr.server.host).counts
    assert counts["PUT uploads"] == 1


def find_tag(ecr: FakeEcr) -> str:
    folder = ecr.server.find_repository("batchx/runtime")
    (tag,) = (path.name for path in (folder / "_manifests" / "tags").iterdir())
    return tag


def test_an_image_that_the_lifecycle_removed_is_derived_again(
    private_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    push_image(open_server(private_server), "tools/gone", "1", base_layers)
    container = f"{private_server.host}/tools/gone:1"
    first = prepare(make_head(ecr, private_server), runtime_layers, container)
    ecr.server.remove_images(find(first.image).repository)
    again = prepare(make_head(ecr, private_server), runtime_layers, container)
    assert again.is_new
    assert again.image == first.image


def test_two_heads_at_once_come_to_the_same_image(
    private_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    push_image(open_server(private_server), "tools/race", "1", base_layers)
    container = f"{private_server.host}/tools/race:1"
    heads = [make_head(ecr, private_server) for _ in range(4)]
    with ThreadPoolExecutor(len(heads)) as pool:
        images = list(pool.map(lambda head: prepare(head, runtime_layers, container), heads))
    assert len({image.image for image in images}) == 1


def test_jobs_of_one_image_prepare_it_once(
    private_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    push_image(open_server(private_server), "tools/many", "1", base_layers)
    head = make_head(ecr, private_server)
    preparer = ImagePreparer(head.make_deliverer(runtime_layers))
    containers = [f"{scheme}{private_server.host}/tools/many:1" for scheme in ("", "docker://")]
    with ThreadPoolExecutor(8) as pool:
        images = list(pool.map(lambda n: preparer.prepare(containers[n % 2], "Rule a"), range(16)))
    assert len(set(images and [image.image for image in images])) == 1
    assert len([line for line in head.said if line.startswith("prepared")]) == 1


def test_the_index_is_asked_for_the_queues_architecture(
    public_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    source = open_server(public_server)
    one = push_image(source, "tools/multi", "amd", base_layers[:1])
    two = push_image(source, "tools/multi", "arm", base_layers[1:], architecture="arm64")
    both = {"linux/amd64": one, "linux/arm64": two, "unknown/unknown": one}
    root = push_index(source, "tools/multi", "1", both)
    push_index(source, "tools/multi", "x86", {"linux/amd64": one, "windows/arm64": one}, INDEXES[1])
    container = f"{public_server.host}/tools/multi"
    amd = prepare(make_head(ecr), runtime_layers, container + ":1")
    arm = prepare(make_head(ecr), runtime_layers, container + ":1", architecture="arm64")
    assert amd.base == arm.base == f"{container}@{root}"
    target = open_server(ecr.server)
    assert read_derived(target, amd.image)[0]["layers"][0]["digest"] == base_layers[0].digest
    assert read_derived(target, arm.image)[0]["layers"][0]["digest"] == base_layers[1].digest
    with pytest.raises(BatchxError) as caught:
        prepare(make_head(ecr), runtime_layers, container + ":x86", architecture="arm64")
    assert str(caught.value) == (
        f"Rule map: {container}:x86 has no image for linux/arm64, which the queue's instances "
        "run, but for linux/amd64, windows/arm64: name an image that has one, or another queue."
    )
    with pytest.raises(BatchxError, match=r"no image for linux/arm64.* but for linux/amd64"):
        prepare(make_head(ecr), runtime_layers, container + ":amd", architecture="arm64")


def test_preload_of_the_image_is_put_aside(
    public_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    env = {"Env": ["LD_PRELOAD=/usr/lib/libjemalloc.so", "A="]}
    push_image(open_server(public_server), "tools/preload", "1", base_layers, env)
    container = f"{public_server.host}/tools/preload:1"
    wanted = {"LD_PRELOAD": ":", "BATCHX_IMAGE_LD_PRELOAD": "/usr/lib/libjemalloc.so"}
    assert prepare(make_head(ecr), runtime_layers, container).environment == wanted
    assert prepare(make_head(ecr), runtime_layers, container).environment == wanted


def test_a_derived_image_is_used_as_it_is(
    public_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    source = open_server(public_server)
    digest = push_image(source, "tools/ready", "1", (*base_layers, *runtime_layers))
    container = f"{public_server.host}/tools/ready"
    prepared = prepare(make_head(ecr), runtime_layers, container + ":1")
    assert prepared.image == prepared.base == f"{container}@{digest}"
    assert ecr.repositories == {}


@pytest.mark.parametrize("delivery", ["mount", "image"])
def test_an_image_without_entrypoint_runs_by_digest(
    public_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, delivery: str
) -> None:
    source = open_server(public_server)
    digest = push_image(source, "tools/plain", "1", base_layers, {"Entrypoint": None})
    container = f"{public_server.host}/tools/plain"
    prepared = prepare(make_head(ecr), (), container + ":1", delivery=delivery)
    assert prepared.image == f"{container}@{digest}"
    assert not prepared.is_new


def test_a_name_that_no_definition_takes_is_told(
    public_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    name = "a" * 180
    push_image(open_server(public_server), name, "1", base_layers)
    container = f"{public_server.host}/{name}:1"
    with pytest.raises(BatchxError, match="longer than the 255 characters"):
        prepare(make_head(ecr), (), container, delivery="image")
    assert len(prepare(make_head(ecr), runtime_layers, container).image) <= 255


def test_a_mount_clears_the_entrypoint_and_adds_nothing(
    public_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    push_image(open_server(public_server), "tools/entry", "1", base_layers, CONFIG)
    container = f"{public_server.host}/tools/entry:1"
    prepared = prepare(make_head(ecr), runtime_layers, container, delivery="mount")
    manifest, config = read_derived(open_server(ecr.server), prepared.image)
    assert [x["digest"] for x in manifest["layers"]] == [layer.digest for layer in base_layers]
    assert "Entrypoint" not in config["config"]
    head = make_head(ecr)
    assert not prepare(head, runtime_layers, container, delivery="mount").is_new
    assert head.access.count_requests() <= 3
    with pytest.raises(BatchxError, match=r"^Rule map: .* has an ENTRYPOINT"):
        prepare(make_head(ecr), (), container, delivery="image")


def test_one_repository_for_all_is_never_made_nor_changed(
    public_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    push_image(open_server(public_server), "tools/optin", "1", base_layers)
    container = f"{public_server.host}/tools/optin:1"
    prepared = prepare(make_head(ecr), runtime_layers, container, setting="me/all")
    assert prepared.image.startswith(f"{ecr.server.host}/me/all@sha256:")
    assert ecr.repositories == {}


def test_who_may_not_push_uses_what_is_there_and_is_told_the_command(
    public_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    push_image(open_server(public_server), "tools/read", "1", base_layers)
    container = f"{public_server.host}/tools/read:1"
    ecr.denied = {"CreateRepository"}
    with pytest.raises(BatchxError) as caught:
        prepare(make_head(ecr), runtime_layers, container)
    text = str(caught.value)
    assert text.startswith(f"Rule map: {container} is not prepared in {ecr.server.host}/batchx/")
    repository = container.rpartition(":")[0]
    assert f" --repository batchx/ --architecture amd64 {repository}@sha256:" in text
    assert "run `batchx image prepare --region" in text
    assert "ecr:CreateRepository" in text
    ecr.denied = set()
    made = prepare(make_head(ecr), runtime_layers, container)
    ecr.denied = {"CreateRepository", "DescribeRepositories", "DescribePullThroughCacheRules"}
    assert prepare(make_head(ecr), runtime_layers, container).image == made.image


def test_a_pull_through_cache_is_the_source_where_it_answers(
    public_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    target = open_server(ecr.server)
    ecr.rules = [
        {"ecrRepositoryPrefix": "cache", "upstreamRegistryUrl": public_server.host},
        {"ecrRepositoryPrefix": "hub", "upstreamRegistryUrl": "registry-1.docker.io"},
    ]
    cached = push_image(target, "cache/tools/cached", "1", base_layers)
    push_image(target, "hub/library/debian", "12", base_layers)
    push_image(open_server(public_server), "tools/uncached", "1", base_layers)
    head = make_head(ecr)
    preparer = ImagePreparer(head.make_deliverer(runtime_layers))
    one = preparer.prepare(f"{public_server.host}/tools/cached:1", "Rule a")
    assert one.base == f"{public_server.host}/tools/cached@{cached}"
    hub = preparer.prepare("docker://debian:12", "Rule a")
    assert hub.image.startswith(f"{ecr.server.host}/batchx/docker.io/library/debian@")
    assert [line for line in head.said if "cache" in line and "not read" in line] == []
    other = preparer.prepare(f"{public_server.host}/tools/uncached:1", "Rule a")
    assert other.is_new
    assert len([line for line in head.said if "not read through ECR's cache" in line]) == 1
    with pytest.raises(BatchxError, match="lies in a pull-through cache"):
        make_head(ecr).make_deliverer(runtime_layers, setting="cache/")


def test_wrong_names_are_told_each_by_a_sentence(
    private_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    push_image(open_server(private_server), "tools/there", "1", base_layers)
    host = private_server.host
    head = make_head(ecr, private_server)
    preparer = ImagePreparer(head.make_deliverer(runtime_layers))
    sentences = {
        f"{host}/tools/there:2": f"There is no image {host}/tools/there:2: check",
        f"{host}/tools/where:1": f"There is no image {host}/tools/where:1: check",
        "127.0.0.1:1/x/y": "127.0.0.1:1 cannot be reached for 127.0.0.1:1/x/y:latest (Failed",
    }
    for container, sentence in sentences.items():
        with pytest.raises(BatchxError) as caught:
            preparer.prepare(container, "Rule map")
        assert str(caught.value).startswith(f"Rule map: {sentence}")
    stranger = ImagePreparer(make_head(ecr).make_deliverer(runtime_layers))
    with pytest.raises(BatchxError) as caught:
        stranger.prepare(f"{host}/tools/there:1", "Rule map")
    assert "is private or does not exist" in str(caught.value)
    assert f"docker login {host}" in str(caught.value)


PLAIN_CONFIG = json.dumps({"rootfs": {"type": "layers", "diff_ids": []}}).encode()


@pytest.mark.parametrize(
    "changes",
    [
        {"layers": [{"digest": "../../x/manifests/1", "size": 1}]},
        {"layers": [{"digest": "sha256:12", "size": 1}]},
        {"layers": None},
        {"config": {"digest": "sha256:12", "size": 1}},
        {"config": {}},
    ],
)
def test_what_is_no_image_is_told(
    ecr: FakeEcr, runtime_layers: Layers, changes: dict[str, Any]
) -> None:
    config = {"digest": hash_bytes(PLAIN_CONFIG), "size": len(PLAIN_CONFIG)}
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []}
    raw = json.dumps({**manifest, **changes}).encode()
    with serve_badly() as server:
        head = Answer(200, headers={"Docker-Content-Digest": hash_bytes(raw)})
        server.play(head, Answer(200, raw), Answer(200, PLAIN_CONFIG))
        with pytest.raises(BatchxError, match="is no container image but something else"):
            prepare(make_head(ecr), runtime_layers, f"{server.host}/odd/thing:1")


def test_a_copy_ends_with_its_run(
    public_server: TestRegistry, ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    push_image(open_server(public_server), "tools/stop", "1", base_layers)
    stopped = threading.Event()
    stopped.set()
    head = make_head(ecr)
    deliverer = head.make_deliverer(runtime_layers, is_stopped=stopped.is_set)
    with pytest.raises(BatchxError, match="was ended"):
        ImagePreparer(deliverer).prepare(f"{public_server.host}/tools/stop:1", "Rule map")


def test_a_new_token_is_fetched_when_ecrs_has_expired(
    ecr: FakeEcr, base_layers: Layers, runtime_layers: Layers
) -> None:
    push_image(open_server(ecr.server), "me/tool", "1", base_layers)
    right, ecr.password = ecr.password, "expired"
    head = make_head(ecr)
    assert head.access.own_host == ecr.server.host
    ecr.password = right
    assert prepare(head, runtime_layers, f"{ecr.server.host}/me/tool:1").is_new
    assert ecr.tokens == 2
