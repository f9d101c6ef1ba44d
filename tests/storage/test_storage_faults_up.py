"""Uploads to an S3 that fails: the right object, or a reason and what was there before."""

from collections.abc import Iterator
from pathlib import Path

import pytest
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

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.gateway import CLIENT_CONFIG
from snakemake_executor_plugin_batchx.storage.refusals import StorageError
from snakemake_executor_plugin_batchx.storage.uploads import Upload

BROKEN = [
    *(Fault.STALL, Fault.STALL_HALFWAY, Fault.RESET, Fault.RESET_HALFWAY, Fault.RESET_AFTER),
    *(Fault.SLOW_DOWN, Fault.INTERNAL_ERROR),
]
"""What another try mends."""

OLD = b"what was there before"

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")

BOTH = pytest.mark.parametrize("size", list(SIZES))
ALL_CLIENTS = pytest.mark.parametrize("client", CLIENTS, ids=str)
LARGE_STEPS = pytest.mark.parametrize(
    "operation", ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"]
)


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    with serve_moto() as url:
        yield url


@pytest.fixture
def world(moto_url: str, client: Client) -> Iterator[FaultWorld]:
    with open_world(moto_url, client) as world:
        yield world


def send(world: FaultWorld, source: Path) -> None:
    # A first request of boto3's shows awscrt the way, so it is not the one that is tried here.
    (source.parent / "first").write_bytes(b"first")
    world.engine.upload_all(world.gateway, [Upload(source.parent / "first", "first")])
    world.engine.upload_all(world.gateway, [Upload(source, KEY)])


def make_source(folder: Path, size: str) -> tuple[Path, bytes]:
    content, source = make_content(size), folder / "source"
    source.write_bytes(content)
    return source, content


@cross_clients(BROKEN, list(SIZES))
def test_a_passing_fault_is_mended(
    tmp_path: Path, world: FaultWorld, fault: Fault, size: str
) -> None:
    source, content = make_source(tmp_path, size)
    world.set_rules(Rule(fault, first(2), method="PUT", key=KEY))
    send(world, source)
    assert world.bucket.server.book.faults[fault] == 2
    assert world.bucket.read(KEY) == content
    assert world.bucket.list_uploads() == []


@LARGE_STEPS
@cross_clients([Fault.RESET, Fault.RESET_AFTER, Fault.SLOW_DOWN], ["large"], CLIENTS[::3])
def test_each_step_of_a_large_file_is_tried_again(
    tmp_path: Path, world: FaultWorld, fault: Fault, size: str, operation: str
) -> None:
    source, content = make_source(tmp_path, size)
    world.set_rules(Rule(fault, first(1), operation=operation, key=KEY))
    send(world, source)
    assert world.bucket.server.book.faults == {fault: 1}
    assert world.bucket.read(KEY) == content


@cross_clients([*BROKEN, Fault.ACCESS_DENIED], list(SIZES), CLIENTS[::3])
def test_a_lasting_fault_is_told_and_changes_nothing(
    tmp_path: Path, world: FaultWorld, fault: Fault, size: str
) -> None:
    source, content = make_source(tmp_path, size)
    world.bucket.write(KEY, OLD)
    world.set_rules(Rule(fault, method="PUT", key=KEY))
    with pytest.raises(StorageError) as caught:
        send(world, source)
    assert f"{world.bucket.name}/{KEY}" in str(caught.value)
    is_done_unheard = fault is Fault.RESET_AFTER and size == "small"
    assert world.bucket.read(KEY) == (content if is_done_unheard else OLD)
    assert world.bucket.list_uploads() == []


@ALL_CLIENTS
@BOTH
@pytest.mark.parametrize("is_lasting", [False, True])
def test_a_byte_that_changes_on_its_way_never_stays(
    tmp_path: Path, world: FaultWorld, size: str, is_lasting: bool
) -> None:
    source, content = make_source(tmp_path, size)
    world.bucket.write(KEY, OLD)
    when = chance(1) if is_lasting else nth(1)
    world.set_rules(Rule(Fault.CORRUPT, when, method="PUT", key=KEY))
    error = find_failure(lambda: send(world, source))
    if error is None:
        assert not is_lasting
        assert world.bucket.read(KEY) == content
    else:
        assert KEY in str(error)
        assert world.bucket.read(KEY) == OLD
    assert world.bucket.list_uploads() == []


@ALL_CLIENTS
def test_an_error_within_a_good_answer_is_an_error(tmp_path: Path, world: FaultWorld) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html"""
    source, _ = make_source(tmp_path, "large")
    world.set_rules(Rule(Fault.ERROR_IN_OK, operation="CompleteMultipartUpload"))
    with pytest.raises(StorageError):
        send(world, source)
    assert world.bucket.read(KEY) is None


@ALL_CLIENTS
def test_an_upload_that_somebody_ended_is_no_success(tmp_path: Path, world: FaultWorld) -> None:
    """As a lifecycle rule does: what was there before has the same size, but is not the file."""
    source, content = make_source(tmp_path, "large")
    old = make_content("large", seed=2)
    world.bucket.write(KEY, old)

    other = make_client(world.bucket.server.url)

    def abort() -> None:
        for upload_id in world.bucket.list_uploads():
            other.abort_multipart_upload(Bucket=world.bucket.name, Key=KEY, UploadId=upload_id)

    world.set_rules(Rule(None, nth(1), operation="CompleteMultipartUpload", action=abort))
    error = find_failure(lambda: send(world, source))
    assert world.count("AbortMultipartUpload") >= 1
    assert world.bucket.read(KEY) == (content if error is None else old)


@ALL_CLIENTS
@BOTH
def test_a_refused_object_is_told_at_once(tmp_path: Path, world: FaultWorld, size: str) -> None:
    source, _ = make_source(tmp_path, size)
    world.set_rules(Rule(Fault.ACCESS_DENIED, key=KEY))
    with pytest.raises(StorageError, match="this machine lack s3:PutObject on s3://"):
        send(world, source)
    assert world.bucket.server.book.faults[Fault.ACCESS_DENIED] <= 2


@ALL_CLIENTS
@pytest.mark.parametrize("is_longer", [False, True])
def test_a_file_that_changes_meanwhile_is_told(
    tmp_path: Path, world: FaultWorld, is_longer: bool
) -> None:
    source, content = make_source(tmp_path, "large")
    changed = content + b"more" if is_longer else content[: len(content) // 2]
    world.set_rules(
        Rule(None, nth(1), operation="UploadPart", action=lambda: source.write_bytes(changed))
    )
    with pytest.raises(BatchxError):
        send(world, source)
    assert world.bucket.read(KEY) is None
    assert world.bucket.list_uploads() == []


@ALL_CLIENTS
@pytest.mark.parametrize("seed", range(3))
def test_many_files_go_through_many_faults(
    tmp_path: Path, moto_url: str, client: Client, seed: int
) -> None:
    faults = [Fault.RESET, Fault.RESET_HALFWAY, Fault.RESET_AFTER, Fault.SLOW_DOWN]
    contents = {f"many/{number}": make_content("small", number) for number in range(60)}
    contents["many/large"] = make_content("large")
    (tmp_path / "many").mkdir()
    for key, content in contents.items():
        (tmp_path / key).write_bytes(content)
    with open_world(moto_url, client, config=CLIENT_CONFIG, seed=seed) as world:
        world.set_rules(*(Rule(fault, chance(0.04)) for fault in faults))
        world.engine.upload_all(world.gateway, (Upload(tmp_path / key, key) for key in contents))
        assert sum(world.bucket.server.book.faults.values()) > 0
        assert {key: world.bucket.read(key) for key in contents} == contents
        assert world.bucket.list_keys() == sorted(contents)
    assert len(list_names(tmp_path)) == len(contents)
