"""Downloads from an S3 that fails: the right file, or none and a reason."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from bad_s3.digests import DIGESTS, digest_content
from bad_s3.rules import Fault, Rule, chance, first, nth
from bad_s3.world import make_client, serve_moto
from fault_kit import (
    CLIENTS,
    KEY,
    SIZES,
    Client,
    FaultWorld,
    cross_clients,
    find_failure,
    list_names,
    make_content,
    open_world,
)

from snakemake_executor_plugin_batchx.storage.gateway import CLIENT_CONFIG
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.wanted import Download

BROKEN = [
    *(Fault.TRUNCATE, Fault.STALL, Fault.STALL_HALFWAY),
    *(Fault.RESET, Fault.RESET_HALFWAY, Fault.RESET_AFTER),
    *(Fault.SLOW_DOWN, Fault.INTERNAL_ERROR),
]
"""What another try mends."""

OLD = b"what was there before"

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")

BOTH = pytest.mark.parametrize("size", list(SIZES))
ALL_CLIENTS = pytest.mark.parametrize("client", CLIENTS, ids=str)


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    with serve_moto() as url:
        yield url


@pytest.fixture
def world(moto_url: str, client: Client) -> Iterator[FaultWorld]:
    with open_world(moto_url, client) as world:
        yield world


def fetch(world: FaultWorld, target: Path, **known: object) -> None:
    # A first request of boto3's shows awscrt the way, so it is not the one that is tried here.
    world.bucket.write("first", b"first")
    world.engine.download_all(world.gateway, [Download("first", target.with_name("first"))])
    target.with_name("first").unlink()
    world.engine.download_all(world.gateway, [Download(KEY, target, **known)])  # type: ignore[arg-type]


@cross_clients(BROKEN, list(SIZES))
def test_a_passing_fault_is_mended(
    tmp_path: Path, world: FaultWorld, fault: Fault, size: str
) -> None:
    content, target = make_content(size), tmp_path / "new" / "target"
    world.bucket.write(KEY, content)
    world.set_rules(Rule(fault, first(2), method="GET", key=KEY))
    fetch(world, target)
    assert world.bucket.server.book.faults[fault] == 2
    assert target.read_bytes() == content
    assert list_names(tmp_path) == ["target"]


@cross_clients([*BROKEN, Fault.ACCESS_DENIED], ["large"], CLIENTS[::3])
def test_a_lasting_fault_is_told_and_changes_nothing(
    tmp_path: Path, world: FaultWorld, fault: Fault, size: str
) -> None:
    target = tmp_path / "target"
    target.write_bytes(OLD)
    world.bucket.write(KEY, make_content(size))
    # From the second part on: some of the file has arrived.
    world.set_rules(Rule(fault, lambda number, _: number > 1, operation="GetObject", key=KEY))
    with pytest.raises(StorageError) as caught:
        fetch(world, target)
    assert f"{world.bucket.name}/{KEY}" in str(caught.value)
    assert target.read_bytes() == OLD
    assert list_names(tmp_path) == ["target"]


@pytest.mark.parametrize("client", [each for each in CLIENTS if each.is_aws], ids=str)
@BOTH
@pytest.mark.parametrize("number", [1, 2], ids=["once", "always"])
def test_a_changed_byte_is_noticed_by_s3s_checksum(
    tmp_path: Path, world: FaultWorld, size: str, number: int
) -> None:
    content = make_content(size)
    world.bucket.write(KEY, content)
    when = nth(1) if number == 1 else chance(1)
    world.set_rules(Rule(Fault.CORRUPT, when, method="GET", key=KEY))
    check_right_or_refused(world, tmp_path, content, is_lasting=number == 2)


@ALL_CLIENTS
@BOTH
def test_a_changed_byte_is_noticed_by_a_sha256(
    tmp_path: Path, world: FaultWorld, size: str
) -> None:
    content = make_content(size)
    world.bucket.write(KEY, content)
    world.set_rules(Rule(Fault.CORRUPT, method="GET", key=KEY))
    check_right_or_refused(
        world,
        tmp_path,
        content,
        is_lasting=True,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
    )


def check_right_or_refused(
    world: FaultWorld, folder: Path, content: bytes, *, is_lasting: bool, **known: object
) -> None:
    error = find_failure(lambda: fetch(world, folder / "target", **known))
    if error is None:
        assert not is_lasting
        assert (folder / "target").read_bytes() == content
        assert list_names(folder) == ["target"]
    else:
        assert KEY in str(error)
        assert list_names(folder) == []


@ALL_CLIENTS
@BOTH
def test_an_object_of_another_etag_is_refused(tmp_path: Path, world: FaultWorld, size: str) -> None:
    etag = world.bucket.write(KEY, make_content(size))
    world.bucket.write(KEY, make_content(size, seed=2))
    for known in ({}, {"size": SIZES[size]}):
        with pytest.raises(StorageError, match="was replaced"):
            fetch(world, tmp_path / "target", etag=etag, **known)
    assert list_names(tmp_path) == []


@ALL_CLIENTS
@pytest.mark.parametrize("is_size_known", [False, True])
def test_an_object_that_is_replaced_meanwhile_never_arrives_in_halves(
    tmp_path: Path, world: FaultWorld, is_size_known: bool
) -> None:
    """Without an ETag to begin with: all parts have to be of one object all the same."""
    contents = [make_content("large", seed) for seed in (1, 2)]
    world.bucket.write(KEY, contents[0])
    known = {"size": SIZES["large"]} if is_size_known else {}
    world.set_rules(
        Rule(
            None,
            nth(3),
            operation="GetObject",
            key=KEY,
            action=lambda: world.bucket.write(KEY, contents[1]),
        )
    )
    error = find_failure(lambda: fetch(world, tmp_path / "target", **known))
    if error is None:
        assert (tmp_path / "target").read_bytes() in contents
    else:
        assert "was replaced" in str(error)
        assert list_names(tmp_path) == []


@ALL_CLIENTS
@pytest.mark.parametrize("known", [100, SIZES["small"] + 1, 2 * SIZES["large"]])
def test_an_object_of_another_size_is_refused(
    tmp_path: Path, world: FaultWorld, known: int
) -> None:
    world.bucket.write(KEY, make_content("small"))
    with pytest.raises(StorageError):
        fetch(world, tmp_path / "target", size=known)
    assert list_names(tmp_path) == []


@ALL_CLIENTS
def test_a_missing_object_is_told_at_once(tmp_path: Path, world: FaultWorld) -> None:
    for known in ({}, {"size": SIZES["large"]}):
        with pytest.raises(StorageError, match=r"does not exist") as caught:
            fetch(world, tmp_path / "target", **known)
        assert f"s3://{world.bucket.name}/{KEY}" in str(caught.value)
    assert list_names(tmp_path) == []


@ALL_CLIENTS
def test_a_refused_object_is_told_at_once(tmp_path: Path, world: FaultWorld) -> None:
    world.bucket.write(KEY, make_content("small"))
    world.set_rules(Rule(Fault.ACCESS_DENIED, key=KEY))
    with pytest.raises(StorageError, match="this machine lack s3:GetObject on s3://"):
        fetch(world, tmp_path / "target")
    assert world.bucket.server.book.faults[Fault.ACCESS_DENIED] <= 2


@pytest.mark.parametrize("client", [each for each in CLIENTS if each.is_aws], ids=str)
@pytest.mark.parametrize("algorithm", list(DIGESTS))
def test_an_object_arrives_whatever_its_checksum(
    tmp_path: Path, world: FaultWorld, client: Client, algorithm: str
) -> None:
    content = make_content("small")
    place = {"Bucket": world.bucket.name, "Key": KEY}
    through = make_client(world.bucket.server.url)
    begun = through.create_multipart_upload(**place, ChecksumAlgorithm=algorithm.upper())
    told = {f"Checksum{algorithm.upper()}": digest_content(content, algorithm).value}
    where = {"UploadId": begun["UploadId"], "PartNumber": 1}
    etag = through.upload_part(**place, **where, Body=content, **told)["ETag"]
    part = {"PartNumber": 1, "ETag": etag, **told}
    through.complete_multipart_upload(
        **place, UploadId=begun["UploadId"], MultipartUpload={"Parts": [part]}
    )
    for name, known in (("a", {}), ("b", {"size": len(content)})):
        fetch(world, tmp_path / name, **known)
        assert (tmp_path / name).read_bytes() == content


@ALL_CLIENTS
@pytest.mark.parametrize("seed", range(3))
def test_many_files_arrive_through_many_faults(
    tmp_path: Path, moto_url: str, client: Client, seed: int
) -> None:
    faults = [Fault.TRUNCATE, Fault.RESET, Fault.RESET_HALFWAY, Fault.SLOW_DOWN]
    contents = {f"many/{number}": make_content("small", number) for number in range(60)}
    contents["many/large"] = make_content("large")
    with open_world(moto_url, client, config=CLIENT_CONFIG, seed=seed) as world:
        for key, content in contents.items():
            world.bucket.write(key, content)
        world.set_rules(*(Rule(fault, chance(0.04)) for fault in faults))
        world.engine.download_all(
            world.gateway, (Download(key, tmp_path / key) for key in contents)
        )
        assert sum(world.bucket.server.book.faults.values()) > 0
    assert {key: (tmp_path / key).read_bytes() for key in contents} == contents
    assert len(list_names(tmp_path)) == len(contents)


@pytest.mark.slow
@pytest.mark.parametrize("client", [Client(is_native=True, is_aws=True)], ids=str)
def test_a_stall_of_awscrts_comes_to_an_end(tmp_path: Path, world: FaultWorld) -> None:
    content = make_content("large")
    world.bucket.write(KEY, content)
    world.set_rules(Rule(Fault.STALL_HALFWAY, nth(2), operation="GetObject", key=KEY))
    fetch(world, tmp_path / "target")
    assert (tmp_path / "target").read_bytes() == content
