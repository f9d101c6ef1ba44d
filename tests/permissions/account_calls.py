"""Every call of the table of permissions, made through the gateways as a run makes it.

Each is a function of an account in which what it is about is there.
"""

import dataclasses
import json
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import boto3
from botocore.config import Config

from snakemake_executor_plugin_batchx.aws.account import AccountGateway
from snakemake_executor_plugin_batchx.aws.budget import CallBudget
from snakemake_executor_plugin_batchx.aws.hosts import find_hosts
from snakemake_executor_plugin_batchx.aws.instances import find_instance_sizes
from snakemake_executor_plugin_batchx.aws.prices import find_spot_prices
from snakemake_executor_plugin_batchx.aws.retry import Retrier
from snakemake_executor_plugin_batchx.aws.secrets import read_login
from snakemake_executor_plugin_batchx.batch.gateway import BatchGateway
from snakemake_executor_plugin_batchx.images.blobs import BlobCopier, make_bytes_blob
from snakemake_executor_plugin_batchx.images.ecr import EcrGateway
from snakemake_executor_plugin_batchx.images.media import OCI_MANIFEST
from snakemake_executor_plugin_batchx.images.registry import Registry, hash_bytes
from snakemake_executor_plugin_batchx.images.transport import Retry
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws
from snakemake_executor_plugin_batchx.logs.gateway import SERVICE, LogsGateway
from snakemake_executor_plugin_batchx.registry_images import open_access
from snakemake_executor_plugin_batchx.storage.gateway import CLIENT_CONFIG, S3Gateway
from snakemake_executor_plugin_batchx.storage.options import PLAIN_OPTIONS, S3Options

ONE_TRY = Config(retries={"total_max_attempts": 1}, proxies={"http": None})
CONSUMABLE = "licences"
REPOSITORY, TAG = "batchx/tool", "1"
GROUP, STREAM = "/aws/batch/job", "bx-tool/default/1"
DATA = "results"
ONE_PAUSE = Retry(time.time, lambda _seconds: None, lambda: 0.0)


@dataclass(frozen=True)
class Keys:
    """Credentials, as boto3's clients take them."""

    aws_access_key_id: str
    aws_secret_access_key: str
    aws_session_token: str | None = None


@dataclass
class Account:
    """An embedded account, seen with somebody's credentials."""

    aws: EmbeddedAws
    keys: Keys
    login_arn: str
    role_arn: str
    party: Any
    options: S3Options = PLAIN_OPTIONS
    retrier: Retrier = field(init=False)

    def __post_init__(self) -> None:
        self.retrier = self._make_retrier("batch")

    def client(self, service: str, region: str | None = None) -> Any:
        return boto3.client(
            service,
            region_name=region or self.aws.region,
            endpoint_url=self.aws.endpoint_url,
            config=CLIENT_CONFIG.merge(ONE_TRY) if service == "s3" else ONE_TRY,
            **vars(self.keys),
        )

    def _make_retrier(self, service: str) -> Retrier:
        budget = CallBudget(time.monotonic, time.sleep)
        clocks = (time.monotonic, time.sleep, lambda: 0.0, lambda: False)
        return Retrier(budget, *clocks, service=service)

    @cached_property
    def batch(self) -> BatchGateway:
        return BatchGateway(self.client("batch"), self.retrier)

    @cached_property
    def bucket(self) -> S3Gateway:
        return S3Gateway(self.client("s3"), self.aws.bucket, options=self.options, party=self.party)

    @cached_property
    def ecr(self) -> EcrGateway:
        return EcrGateway(self.client("ecr"), self.aws.region, time.time)

    @cached_property
    def registry(self) -> Registry:
        """ECR's, opened as a run opens it."""
        access = open_access(lambda region: self.client("ecr", region), self.aws.region)
        return access.open(self.aws.registry_host)

    @cached_property
    def holdings(self) -> AccountGateway:
        return AccountGateway(self.client, self.aws.region)

    @cached_property
    def logs(self) -> LogsGateway:
        return LogsGateway(self.client("logs"), self._make_retrier(SERVICE))

    def register(self) -> str:
        """Register a definition with a role and a tag; return its ARN."""
        container = {
            "image": "busybox",
            "command": ["true"],
            "jobRoleArn": self.role_arn,
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "64"},
            ],
        }
        return self.batch.register_definition(
            {
                "jobDefinitionName": f"bx-tool-{uuid.uuid4().hex[:8]}",
                "type": "container",
                "containerProperties": container,
                "tags": {"rule": "tool"},
            }
        )

    def submit(self, definition: str = "bx-tool") -> str:
        """Submit a job of the definition that every account has, with a tag; return its id."""
        return self.batch.submit_job(
            {
                "jobName": "bx-tool",
                "jobQueue": self.aws.job_queue,
                "jobDefinition": definition,
                "tags": {"run": "one"},
            }
        )


Exercise = Callable[[Account], object]


def name_key(place: str) -> str:
    """Return the key of an object that is in a place."""
    return f"{place}/object"


def make_object_exercises(place: str) -> dict[str, Exercise]:
    """Return the calls about objects below a prefix of the account's bucket, in which one lies."""
    key = name_key(place)

    def copy(account: Account) -> object:
        source = {"Bucket": account.aws.bucket, "Key": key}
        return account.bucket.perform("CopyObject", key + "-copy", {"CopySource": source})

    def delete(account: Account) -> object:
        account.bucket.write_bytes(key + "-gone", b"x")
        return account.bucket.delete_objects([key + "-gone"])

    def upload(account: Account, operation: str) -> object:
        begun = account.bucket.perform("CreateMultipartUpload", key, {}).fields["UploadId"]
        if operation == "AbortMultipartUpload":
            return account.bucket.perform(operation, key, {"UploadId": begun})
        part = {"UploadId": begun, "PartNumber": 1}
        sent = account.bucket.perform("UploadPart", key, part, b"x")
        parts = {"Parts": [{"ETag": sent.headers["etag"], "PartNumber": 1}]}
        done = {"UploadId": begun, "MultipartUpload": parts}
        return account.bucket.perform("CompleteMultipartUpload", key, done)

    def steps(operation: str) -> Exercise:
        return lambda account: upload(account, operation)

    return {
        "s3.HeadObject": lambda account: account.bucket.inspect_object(key),
        "s3.GetObject": lambda account: account.bucket.read_bytes(key),
        "s3.PutObject": lambda account: account.bucket.write_bytes(key, b"x"),
        **{
            f"s3.{operation}": steps(operation)
            for operation in (
                "CreateMultipartUpload",
                "UploadPart",
                "CompleteMultipartUpload",
                "AbortMultipartUpload",
            )
        },
        "s3.DeleteObjects": delete,
        "s3.ListObjectsV2": lambda account: list(account.bucket.list_below(place + "/")),
        "s3.HeadBucket": lambda account: account.holdings.find_bucket_region(account.aws.bucket),
        "s3.CopyObject": copy,
    }


def make_key_exercises(place: str, key_arn: str) -> dict[str, Exercise]:
    """Return the calls that use a key of KMS: about objects that it encrypts, and of a login."""
    plain, key = make_object_exercises(place), name_key(place)

    def open_account(account: Account) -> Account:
        return dataclasses.replace(account, options=S3Options(kms_key_id=key_arn))

    def write(account: Account) -> None:
        with_key = open_account(account)
        plain["s3.PutObject"](with_key)
        plain["s3.CompleteMultipartUpload"](with_key)

    def read(account: Account) -> bytes:
        with_key = open_account(account)
        with_key.bucket.write_bytes(key, b"x")
        return with_key.bucket.read_bytes(key)

    login = "secretsmanager.GetSecretValue"
    return {"s3.PutObject": write, "s3.GetObject": read, login: HEAD_CALLS[login]}


def make_acl_exercises(place: str) -> dict[str, Exercise]:
    """Return the call that gives an object an ACL."""
    put, options = make_object_exercises(place)["s3.PutObject"], S3Options(acl="private")
    return {"s3.PutObject": lambda account: put(dataclasses.replace(account, options=options))}


def push(account: Account) -> str:
    """Push an image without layers, as derived images are pushed; return its digest."""
    copier = BlobCopier(account.registry, ONE_PAUSE)
    # Of its own: what is there already is not sent.
    config = json.dumps({"id": uuid.uuid4().hex}).encode()
    copier.copy(REPOSITORY, [make_bytes_blob(config)], lambda _count: None)
    manifest = make_manifest(config)
    return account.registry.write_manifest(REPOSITORY, TAG, OCI_MANIFEST, manifest)


def make_manifest(config: bytes) -> bytes:
    kind = "application/vnd.oci.image.config.v1+json"
    described = {"mediaType": kind, "digest": hash_bytes(config), "size": len(config)}
    whole = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": []}
    return json.dumps(whole).encode()


def read_config(account: Account) -> bytes:
    manifest = json.loads(account.registry.read_manifest(REPOSITORY, TAG).raw)["config"]
    return account.registry.read_small_blob(REPOSITORY, manifest["digest"], manifest["size"])


def find_queue(account: Account) -> object:
    return account.batch.describe_queues([account.aws.job_queue])


def ask_hosts(account: Account) -> object:
    """Ask ECS and EC2 what the queue's host is."""
    environments = account.batch.describe_compute_environments([account.aws.job_queue])
    cluster = environments[0]["ecsClusterArn"]
    host = environments[0]["uuid"].replace("-", "")
    arn = f"{cluster.replace(':cluster/', ':container-instance/')}/{host}"
    return find_hosts(account.client, account.aws.region, [arn])


HEAD_CALLS: Mapping[str, Exercise] = MappingProxyType(
    {
        "batch.DescribeJobQueues": find_queue,
        "batch.DescribeComputeEnvironments": lambda account: (
            account.batch.describe_compute_environments([account.aws.job_queue])
        ),
        "batch.DescribeJobDefinitions": lambda account: account.batch.find_definition("bx-tool"),
        "batch.RegisterJobDefinition": Account.register,
        "batch.SubmitJob": Account.submit,
        "batch.DescribeJobs": lambda account: account.batch.describe_jobs([account.submit()]),
        "batch.ListJobs": lambda account: account.batch.find_jobs_by_name(
            account.aws.job_queue, "bx-tool"
        ),
        "batch.TerminateJob": lambda account: account.batch.terminate_jobs(
            [account.submit()], "test"
        ),
        "batch.CancelJob": lambda account: account.batch.cancel_jobs([account.submit()], "test"),
        "batch.DescribeConsumableResource": lambda account: account.batch.describe_consumable(
            CONSUMABLE
        ),
        "batch.GetJobQueueSnapshot": lambda account: account.batch.get_queue_snapshot(
            account.aws.job_queue
        ),
        "batch.DeregisterJobDefinition": lambda account: account.batch.deregister_definition(
            account.register()
        ),
        "ecs.DescribeContainerInstances": ask_hosts,
        "ec2.DescribeInstances": ask_hosts,
        "ec2.DescribeSpotPriceHistory": lambda account: find_spot_prices(
            account.client, account.aws.region, ["m5.large"], time.time()
        ),
        "ecr.GetAuthorizationToken": lambda account: account.ecr.get_credential(False),
        "registry: HEAD manifest": lambda account: account.registry.read_digest(REPOSITORY, TAG),
        "registry: GET manifest": lambda account: account.registry.find_manifest(REPOSITORY, TAG),
        "registry: GET blob": read_config,
        "registry: HEAD blob": push,
        "registry: POST upload": push,
        "registry: PUT blob": push,
        "registry: PUT manifest": push,
        "ecr.DescribeRepositories": lambda account: account.ecr.has_repository(REPOSITORY),
        "ecr.CreateRepository": lambda account: account.ecr.create_repository(
            f"batchx/{uuid.uuid4().hex[:8]}"
        ),
        "ecr.PutLifecyclePolicy": lambda account: account.ecr.create_repository(
            f"batchx/{uuid.uuid4().hex[:8]}"
        ),
        "ecr.DescribeImages": lambda account: account.ecr.list_images("batchx/", "bx-"),
        "iam.GetRole": lambda account: account.holdings.find_role(
            account.role_arn.rpartition("/")[2]
        ),
        "iam.GetInstanceProfile": lambda account: account.holdings.find_instance_profile(
            "ecsInstanceRole"
        ),
        "ec2.DescribeInstanceTypes": lambda account: find_instance_sizes(
            lambda: account.client("ec2"), ["m5.large"]
        ),
        "logs.DescribeLogGroups": lambda account: account.holdings.list_log_groups(GROUP),
        "logs.GetLogEvents": lambda account: account.logs.get_events(
            GROUP, STREAM, is_forward=True
        ),
        "service-quotas.GetServiceQuota": lambda account: account.holdings.find_quota(
            "ec2", "L-1216C47A"
        ),
        "secretsmanager.GetSecretValue": lambda account: read_login(
            lambda region: account.client("secretsmanager", region), account.login_arn
        ),
    }
)
