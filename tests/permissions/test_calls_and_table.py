"""The table of permissions has every call that the code makes, and no other."""

from pathlib import Path

import pytest
import snakemake_storage_plugin_s3
from calls_made import iter_calls, iter_plugin_calls, iter_registry_calls

from snakemake_executor_plugin_batchx.permissions.row import ECS, REGISTRY
from snakemake_executor_plugin_batchx.permissions.table import PERMISSIONS

ROOT = Path(__file__).parents[2] / "snakemake_executor_plugin_batchx"

LEFT_OUT = (
    "local/",  # the embedded AWS serves calls, and furnishes itself
    "infra/",  # an account is set up by its administrator
    "images/docker_engine.py",  # Docker's client
    "permissions/",
    "reference/",
    # Tables of what operations need or take, not calls.
    "storage/options.py",
    "storage/refusals.py",
)

SERVICES_OF_MODULES = {
    "aws/instances.py": "ec2",
    "aws/secrets.py": "secretsmanager",
    "batch/": "batch",
    "images/ecr.py": "ecr",
    "logs/": "logs",
    "storage/": "s3",
}
"""Whose clients modules are given that do not make them."""

PLUGIN = Path(snakemake_storage_plugin_s3.__file__)


def iter_modules() -> list[str]:
    names = (path.relative_to(ROOT).as_posix() for path in sorted(ROOT.rglob("*.py")))
    return [name for name in names if not name.startswith(LEFT_OUT)]


def find_calls() -> set[str]:
    found: set[str] = set()
    for name in iter_modules():
        services = [s for part, s in SERVICES_OF_MODULES.items() if name.startswith(part)]
        found.update(iter_calls((ROOT / name).read_text(encoding="utf-8"), *services))
    return found


def list_rows(*, of_registry: bool) -> set[str]:
    return {
        row.call
        for row in PERMISSIONS
        if not row.call.startswith(ECS) and row.call.startswith(REGISTRY) == of_registry
    }


def test_the_table_has_the_calls_of_boto3_and_no_others() -> None:
    of_plugin = set(iter_plugin_calls(PLUGIN.read_text(encoding="utf-8")))
    assert list_rows(of_registry=False) == find_calls() | of_plugin


def test_the_table_has_the_requests_to_registries_and_no_others() -> None:
    module = ROOT / "images" / "registry.py"
    assert list_rows(of_registry=True) == set(iter_registry_calls(module.read_text()))


def test_only_one_module_makes_requests_to_registries() -> None:
    makers = [
        name
        for name in iter_modules()
        if set(iter_registry_calls((ROOT / name).read_text(encoding="utf-8")))
    ]
    assert makers == ["images/registry.py"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("self._client.update_job_queue(jobQueue='q')", {"batch.UpdateJobQueue"}),
        ("f = functools.partial(self._client.create_job_queue, **q)", {"batch.CreateJobQueue"}),
        ("make_client('eu')\nmake_client('eu').submit_job()", {"batch.SubmitJob"}),
        ("sqs = self._get_client('sqs')\nsqs.send_message()", {"sqs?send_message"}),
        ("sts = get_client('sts')\nsts.assume_role()", {"sts.AssumeRole"}),
        ("await wire.request(bucket, 'PutBucketPolicy', key, {})", {"s3.PutBucketPolicy"}),
        ("boto3.client('s3').upload_file(a, b, c)", {"s3.PutObject", "s3.UploadPart"}),
        ("TEXT = \"import boto3\\nboto3.client('iam').create_role()\"", {"iam.CreateRole"}),
        ("self._client.no_such_call()", {"batch?no_such_call"}),
        ("gateway.submit_job(request)", set()),
    ],
)
def test_a_call_is_found_however_it_is_made(text: str, found: set[str]) -> None:
    """So an invented one, which no row has, would not go unnoticed."""
    seen = set(iter_calls(text, "batch"))
    assert found <= seen
    assert bool(seen) == bool(found)


def test_a_request_to_a_registry_is_found() -> None:
    text = 'Request("DELETE", f"{repository}/manifests/{tag}", asked)'
    assert set(iter_registry_calls(text)) == {"registry: DELETE manifest"}


def test_a_new_call_of_the_plugin_is_found() -> None:
    text = "self.s3obj().copy(x)\nself.s3bucket().delete()\nself.s3obj().delete()"
    assert set(iter_plugin_calls(text)) == {"s3?copy", "s3.DeleteBucket", "s3.DeleteObject"}
