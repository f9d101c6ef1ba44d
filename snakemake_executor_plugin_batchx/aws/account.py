"""The calls that tell what an account holds: identity, roles, log groups, buckets, quotas."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from snakemake_executor_plugin_batchx.aws.errors import AwsError, ask_aws

NOT_THERE = frozenset({"NoSuchEntity", "NoSuchResourceException", "404", "NoSuchBucket"})

REGION_HEADER = "x-amz-bucket-region"


class AccountGateway:
    """Asks the services of an account what it holds. Safe to use from many threads.

    `make_client` returns boto3's client of a service in a region, asked for when it is needed.
    Every method raises AwsError where AWS does not tell.
    """

    def __init__(self, make_client: Callable[[str, str], Any], region: str) -> None:
        self._make_client = make_client
        self._region = region
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}

    def get_identity(self) -> dict[str, Any]:
        """Return whose the credentials are: Account, Arn.

        https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
        """
        sts = self._get_client("sts")
        answer: dict[str, Any] = ask_aws("sts:GetCallerIdentity", sts.get_caller_identity)
        return answer

    def find_role(self, name: str) -> Mapping[str, Any] | None:
        """Return a role by its name, its trust policy as an object; None where there is none.

        https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html
        """
        iam = self._get_client("iam")
        return _find("iam:GetRole", lambda: iam.get_role(RoleName=name)["Role"])

    def find_instance_profile(self, name: str) -> Mapping[str, Any] | None:
        """Return an instance profile by its name, with its roles; None where there is none.

        https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetInstanceProfile.html
        """
        iam = self._get_client("iam")
        return _find(
            "iam:GetInstanceProfile",
            lambda: iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"],
        )

    def list_log_groups(self, prefix: str) -> list[dict[str, Any]]:
        """Return log groups whose names begin so, those that sort first.

        The one that is called so exactly is the first of all, so one page is enough.
        https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html
        """
        logs = self._get_client("logs")
        groups: list[dict[str, Any]] = ask_aws(
            "logs:DescribeLogGroups",
            lambda: logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"],
        )
        return groups

    def find_bucket_region(self, bucket: str) -> str | None:
        """Return the region of a bucket, "" where S3 does not say; None without such a bucket.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html
        """
        s3 = self._get_client("s3")
        answer = _find("s3:ListBucket", lambda: s3.head_bucket(Bucket=bucket))
        if answer is None:
            return None
        return str(answer["ResponseMetadata"]["HTTPHeaders"].get(REGION_HEADER, ""))

    def find_quota(self, service: str, code: str) -> float | None:
        """Return the value of a quota that counts for the account; None where none is told.

        https://docs.aws.amazon.com/servicequotas/2019-06-24/apireference/API_GetServiceQuota.html
        """
        quotas = self._get_client("service-quotas")
        answer = _find(
            "servicequotas:GetServiceQuota",
            lambda: quotas.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"],
        )
        return None if answer is None else float(answer["Value"])

    def _get_client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._make_client(service, self._region)
            return self._clients[service]


def _find(action: str, call: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return what a call returns, None where AWS says that the thing is not there."""
    try:
        return ask_aws(action, call)
    except AwsError as error:
        if error.code in NOT_THERE:
            return None
        raise
