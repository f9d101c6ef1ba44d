"""What an account says of itself, by the embedded AWS; and what is no answer."""

import datetime
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError

from snakemake_executor_plugin_batchx.aws.account import AccountGateway
from snakemake_executor_plugin_batchx.aws.clients import CHECK_CONFIG, ClientMaker
from snakemake_executor_plugin_batchx.aws.clock import ClockWatch
from snakemake_executor_plugin_batchx.aws.errors import SKEWED_CODE, AwsError, explain_error
from snakemake_executor_plugin_batchx.aws.session import watch_clock
from snakemake_executor_plugin_batchx.checks.roles import EC2, is_trusting
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws, launch_embedded_aws
from snakemake_executor_plugin_batchx.plan.principals import ECS_TASKS


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with launch_embedded_aws() as aws:
        yield aws


@pytest.fixture
def core() -> Any:
    return botocore.session.get_session()


@pytest.fixture
def make_client(aws: EmbeddedAws, core: Any) -> Callable[[str, str], Any]:
    session = boto3.Session(
        botocore_session=core,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
    )
    clients = ClientMaker(session, aws.endpoint_url)
    return lambda service, region: clients.make(service, region, config=CHECK_CONFIG)


@pytest.fixture
def account(aws: EmbeddedAws, make_client: Callable[[str, str], Any]) -> AccountGateway:
    return AccountGateway(make_client, aws.region)


def test_identity(account: AccountGateway) -> None:
    assert account.get_identity()["Account"] == "123456789012"


def test_a_role_comes_with_its_trust_policy_as_an_object(
    account: AccountGateway, aws: EmbeddedAws
) -> None:
    role = account.find_role("batchx-local-job")
    assert role is not None
    assert role["Arn"] == aws.job_role_arn
    assert is_trusting(role["AssumeRolePolicyDocument"], ECS_TASKS)
    assert account.find_role("nobody") is None


def test_an_instance_profile_comes_with_its_role(account: AccountGateway) -> None:
    profile = account.find_instance_profile("ecsInstanceRole")
    assert profile is not None
    assert is_trusting(profile["Roles"][0]["AssumeRolePolicyDocument"], EC2)
    assert account.find_instance_profile("nobody") is None


def test_of_log_groups_those_that_begin_so_are_told(account: AccountGateway) -> None:
    found = account.list_log_groups("/aws/batch")
    assert [each["logGroupName"] for each in found] == ["/aws/batch/job"]
    assert account.list_log_groups("/lab") == []


def test_where_a_bucket_is(
    account: AccountGateway, aws: EmbeddedAws, make_client: Callable[[str, str], Any]
) -> None:
    location = {"LocationConstraint": "eu-west-1"}
    make_client("s3", "eu-west-1").create_bucket(Bucket="irish", CreateBucketConfiguration=location)
    assert account.find_bucket_region(aws.bucket) == aws.region
    assert account.find_bucket_region("irish") == "eu-west-1"
    assert account.find_bucket_region("no-such-bucket-here") is None


def test_of_a_quota_that_is_not_known_nothing_is_told(account: AccountGateway) -> None:
    assert account.find_quota("ec2", "L-1216C47A") is None


def test_a_service_is_opened_when_it_is_needed_and_once(aws: EmbeddedAws) -> None:
    made = []

    def make(service: str, region: str) -> Any:
        made.append((service, region))
        return SimpleNamespace(
            get_role=lambda **_: {"Role": {}},
            get_instance_profile=lambda **_: {"InstanceProfile": {}},
        )

    account = AccountGateway(make, "eu-west-1")
    assert made == []
    account.find_role("a")
    account.find_instance_profile("b")
    assert made == [("iam", "eu-west-1")]


def refuse(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "GetRole")


def test_a_refusal_is_told_with_its_code() -> None:
    def get_role(**_: str) -> Any:
        raise refuse("AccessDenied")

    account = AccountGateway(lambda *_: SimpleNamespace(get_role=get_role), "eu-west-1")
    with pytest.raises(AwsError, match="this machine lack iam:GetRole") as caught:
        account.find_role("a")
    assert caught.value.code == "AccessDenied"


ACCOUNT_MESSAGES = json.loads(
    (Path(__file__).parents[1] / "aws_messages" / "accounts.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    ("code", "message"),
    [(each["code"], each["message"]) for each in ACCOUNT_MESSAGES if each["about"] == "clock"],
)
def test_a_clock_that_is_wrong_is_told_by_one_code(code: str, message: str) -> None:
    told = explain_error(refuse(code, message), "iam:GetRole")
    assert told.code == SKEWED_CODE
    assert str(told).startswith("AWS refuses iam:GetRole because of the time that this machine's")


def test_a_secret_key_that_is_wrong_is_not_taken_for_a_clock() -> None:
    message = "The request signature we calculated does not match the signature you provided."
    assert explain_error(refuse("SignatureDoesNotMatch", message), "x").code != SKEWED_CODE


NOON = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC).timestamp()


def answer_at(date: str) -> Any:
    return SimpleNamespace(headers={"Date": date} if date else {})


@pytest.mark.parametrize(
    ("date", "skew_seconds"),
    [
        ("Mon, 30 Nov 2026 12:00:00 GMT", 0),
        ("Mon, 30 Nov 2026 11:50:00 GMT", 600),
        ("Mon, 30 Nov 2026 12:00:30 GMT", -30),
        ("", None),
        ("noon", None),
    ],
)
def test_the_clock_is_compared_with_the_time_of_answers(
    date: str, skew_seconds: float | None
) -> None:
    watch = ClockWatch(lambda: NOON)
    watch.observe(http_response=answer_at(date), model="whatever botocore tells")
    assert watch.skew_seconds == skew_seconds


def test_botocore_shows_the_answers(
    account: AccountGateway, core: Any, make_client: Callable[[str, str], Any], aws: EmbeddedAws
) -> None:
    watch = watch_clock(core)
    account.find_role("batchx-local-job")
    assert watch.skew_seconds is None
    make_client("batch", aws.region).describe_job_queues()
    assert watch.skew_seconds is not None
    assert abs(watch.skew_seconds) < 30


def test_a_trust_policy_is_what_iam_keeps(
    account: AccountGateway, aws: EmbeddedAws, make_client: Callable[[str, str], Any]
) -> None:
    document = {"Version": "2012-10-17", "Statement": []}
    make_client("iam", aws.region).create_role(
        RoleName="lone", Path="/lab/", AssumeRolePolicyDocument=json.dumps(document)
    )
    role = account.find_role("lone")
    assert role is not None
    assert role["Arn"].endswith(":role/lab/lone")
    assert role["AssumeRolePolicyDocument"] == document
