"""What the doctor finds at the S3 root and in registries."""

from collections.abc import Callable
from typing import Any, cast

import pytest
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.examination.storage import examine_registry, examine_root
from snakemake_executor_plugin_batchx.images.destination import Destination
from snakemake_executor_plugin_batchx.images.ecr import EcrError, EcrGateway
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import make_s3_root
from snakemake_executor_plugin_batchx.storage.refusals import StorageError, explain_refusal

ROOT = make_s3_root("s3://bucket/run")
HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


class Store(MemoryStore):
    """A store that refuses some calls, or gives other bytes than were written."""

    def __init__(self, refused: str = "", error: StorageError | None = None) -> None:
        super().__init__()
        self.refused = refused
        self.error = error
        self.is_garbling = False

    def meet(self, call: str) -> None:
        if call == self.refused and self.error:
            raise self.error

    def write_bytes(self, key: str, data: bytes) -> None:
        self.meet("write")
        super().write_bytes(key, data)

    def read_bytes(self, key: str) -> bytes:
        self.meet("read")
        return b"other" if self.is_garbling else super().read_bytes(key)

    def delete_objects(self, keys: Any) -> None:
        self.meet("delete")
        for key in keys:
            del self.objects[key]


def look(store: Store) -> Any:
    (finding,) = examine_root(cast(S3Gateway, store), ROOT)
    return finding


def test_an_object_is_written_read_and_deleted() -> None:
    store = Store()
    assert look(store).status == "ok"
    assert store.objects == {}


DENIED = {"Code": "AccessDenied", "Message": "no"}


@pytest.mark.parametrize(
    ("call", "operation", "permission"),
    [
        ("write", "PutObject", "s3:PutObject"),
        ("read", "GetObject", "s3:GetObject"),
    ],
)
def test_what_a_run_cannot_do_without_is_a_failure(
    call: str, operation: str, permission: str
) -> None:
    store = Store(call, explain_refusal(operation, "bucket", "run/probe", DENIED))
    finding = look(store)
    assert finding.status == "failed"
    who = "The credentials of this machine"
    assert finding.text == f"{who} lack {permission} on s3://bucket/run/probe (no)"
    assert store.objects == {}


@pytest.mark.parametrize(
    "error",
    [
        explain_refusal("DeleteObjects", "bucket", "run/probe", DENIED),
        StorageError("s3:DeleteObject on s3://bucket/run/probe failed: timed out."),
    ],
)
def test_a_delete_that_is_refused_is_a_warning_as_in_a_run(error: StorageError) -> None:
    done, left = examine_root(cast(S3Gateway, Store("delete", error)), ROOT)
    assert (done.status, left.status) == ("ok", "warning")
    assert done.text.endswith("can be written and read")
    assert "specs with values of envvars would stay there" in left.text
    assert left.fix == "allow s3:DeleteObject there"


def test_what_cannot_be_read_nor_deleted_is_both_told() -> None:
    store = Store("delete", explain_refusal("DeleteObjects", "bucket", "run/probe", DENIED))
    store.is_garbling = True
    found = examine_root(cast(S3Gateway, store), ROOT)
    assert [each.status for each in found] == ["failed", "warning"]


def test_a_network_that_fails_is_a_warning() -> None:
    assert look(Store("write", StorageError("s3:PutObject failed: timed out"))).status == "warning"


def test_other_bytes_than_were_written_are_a_failure() -> None:
    store = Store()
    store.is_garbling = True
    assert look(store).status == "failed"
    assert store.objects == {}


class Ecr:
    """An ECR that hands out a login, or refuses, and has some repositories."""

    def __init__(self, refusal: EcrError | None = None, *repositories: str) -> None:
        self.refusal = refusal
        self.repositories = repositories
        self.has_repository: Callable[[str], bool] = lambda name: name in repositories

    @property
    def registry_host(self) -> str:
        if self.refusal:
            raise self.refusal
        return HOST


DENIED_LOGIN = EcrError(
    "User me of account 123456789012 lacks ecr:GetAuthorizationToken: add it to its policies.",
    "AccessDeniedException",
)
NO_ANSWER = EcrError("ECR of eu-west-1 did not answer ecr:GetAuthorizationToken: late.", "")


@pytest.mark.parametrize(
    ("ecr", "setting", "is_pushing", "status", "words"),
    [
        (Ecr(), "batchx/", True, "ok", "repositories below batchx/ are made as needed"),
        (Ecr(None, "lab"), "lab", True, "ok", f"{HOST} hands out a login and has repository lab"),
        (Ecr(), "lab", True, "failed", "ECR repository lab (--batchx-repository) does not exist"),
        (Ecr(DENIED_LOGIN), "batchx/", True, "failed", "lacks ecr:GetAuthorizationToken"),
        (Ecr(DENIED_LOGIN), "batchx/", False, "warning", "lacks ecr:GetAuthorizationToken"),
        (Ecr(NO_ANSWER), "batchx/", True, "warning", "did not answer"),
    ],
)
def test_registry(ecr: Ecr, setting: str, is_pushing: bool, status: str, words: str) -> None:
    destination = Destination(setting)
    (finding,) = examine_registry(cast(EcrGateway, ecr), destination, is_pushing)
    assert finding.status == status
    assert words in finding.text


def test_who_may_not_look_at_repositories_is_warned() -> None:
    def refuse(_: str) -> bool:
        raise EcrError("AWS refuses ecr:DescribeRepositories.", "AccessDeniedException")

    ecr = Ecr()
    ecr.has_repository = refuse
    (finding,) = examine_registry(cast(EcrGateway, ecr), Destination("lab"), True)
    assert (finding.status, finding.lacks) == ("warning", "ecr:DescribeRepositories")
