"""Each permission taken out of the generated policies in turn: the user is told which, and who.

The calls are those of the gateways, the account is the embedded one, which enforces IAM.
"""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from account_calls import (
    CONSUMABLE,
    DATA,
    GROUP,
    HEAD_CALLS,
    REPOSITORY,
    STREAM,
    Account,
    Exercise,
    Keys,
    make_acl_exercises,
    make_key_exercises,
    make_object_exercises,
    name_key,
    push,
)
from docker_registry import run_registry

from snakemake_executor_plugin_batchx.denials import HEAD as HEAD_PARTY
from snakemake_executor_plugin_batchx.denials import JOB as JOB_PARTY
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.local.launch import PROCESS, EmbeddedAws, launch_embedded_aws
from snakemake_executor_plugin_batchx.permissions.policy import make_policy
from snakemake_executor_plugin_batchx.permissions.row import (
    DENIED,
    HEAD,
    JOB,
    WITHHELD,
    Holder,
)
from snakemake_executor_plugin_batchx.permissions.scope import S3Place, Scope
from snakemake_executor_plugin_batchx.permissions.table import PERMISSIONS

USER, ROLE = "lab-head", "lab-job"
ACCOUNT_ID = "123456789012"
AREA = "lab/.batchx"
JOB_AREA = f"{AREA}/runs"

QUIET = {
    "ecr.DescribePullThroughCacheRules": "images of a cache are read where they are",
    "pricing.GetProducts": "the report takes batchx's own table of prices",
    "ecr.GetAccountSetting": "layers are mounted on trial",
}
"""Calls whose refusal is no news: what a run does without their answer."""

OTHERS_CALLS = {
    "s3.ListObjects": "Snakemake's s3 plugin",
    "job s3.HeadBucket": "Snakemake's s3 plugin",
    "s3.DeleteObject": "Snakemake's s3 plugin",
    "s3.UploadPartCopy": "copies of more than 5 GiB",
    "batch.TerminateJobs": "as TerminateJob, with the same permission",
    "batch.CancelJobs": "as CancelJob, with the same permission",
}
"""Rows whose permission is taken away with that of another row, which makes the same refusal."""

UNSAID = ("s3.HeadObject", "s3.HeadBucket", "registry: HEAD blob")
"""An answer to HEAD has no body: AWS does not say whose credentials lack something."""

UNSAID_ACTIONS = (("secretsmanager.GetSecretValue", "kms:Decrypt"),)
"""Secrets Manager does not pass on whom KMS has refused."""

NAMES = {
    (HEAD, False): f"User {USER} of account {ACCOUNT_ID} lacks ",
    (HEAD, True): "The credentials of this machine lack ",
    (JOB, False): f"he job's role {ROLE} of account {ACCOUNT_ID} lacks ",
    (JOB, True): "he job's role lacks ",
}
"""What sentences call who lacks something, and whether AWS leaves that open."""

KEY = f"arn:aws:kms:us-east-1:{ACCOUNT_ID}:key/1234abcd-12ab-34cd-56ef-1234567890ab"

TELLING = (
    *("batch.TerminateJob", "batch.CancelJob", "s3.DeleteObjects"),
    *("ecr.CreateRepository", "ecr.PutLifecyclePolicy"),
)
"""Calls that return what they could not do: nothing, where they could."""


def find_exercises(holder: Holder, resource: str) -> dict[str, Exercise]:
    """Return the calls that a holder makes on a kind of resource."""
    place = JOB_AREA if "Area" in resource else DATA
    if resource == "S3Keys":
        return make_key_exercises(place, KEY)
    if resource.startswith("Acl"):
        return make_acl_exercises(place)
    of_objects = make_object_exercises(place)
    return of_objects if holder == JOB else {**of_objects, **HEAD_CALLS}


def list_cases() -> Iterator[Any]:
    """Yield holder, call and action of each permission that policies give and calls need here."""
    seen = set()
    for row in PERMISSIONS:
        if row.holder not in (HEAD, JOB) or row.need in (WITHHELD, DENIED):
            continue
        names = {row.call, f"{row.holder} {row.call}"}
        if names & {*QUIET, *OTHERS_CALLS}:
            continue
        for action in sorted(set(row.actions)):
            case = (row.holder, row.call, action, row.resources[0])
            if case not in seen:
                seen.add(case)
                yield pytest.param(*case, id=" ".join(case))


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with (
        run_registry(tmp_path_factory.mktemp("registry")) as registry,
        launch_embedded_aws(runner=PROCESS, registry=registry.access) as aws,
    ):
        yield aws


class World:
    """An account with a user for the head and a role for jobs, whose policies tests write."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws = aws
        self.iam = self.make_root_client("iam")
        self.iam.create_user(UserName=USER)
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        role = self.iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust))
        self.role_arn = str(role["Role"]["Arn"])
        key = self.iam.create_access_key(UserName=USER)["AccessKey"]
        self.user_keys = Keys(key["AccessKeyId"], key["SecretAccessKey"])
        self.login_arn = self.furnish()
        arns = {"job_roles": (self.role_arn,), "logins": (self.login_arn,)}
        self.scope = Scope(
            *("aws", aws.region, ACCOUNT_ID),
            queues=(aws.job_queue,),
            area=S3Place(aws.bucket, AREA),
            writes=(S3Place(aws.bucket, DATA),),
            log_groups=(GROUP,),
            consumables=(CONSUMABLE,),
            s3_kms_keys=(KEY,),
            secret_kms_keys=(KEY,),
            sets_acl=True,
            **arns,
        )

    def make_root_client(self, service: str) -> Any:
        """Return a client of the account's own key, which may do everything."""
        keys = Keys(self.aws.access_key_id, self.aws.secret_access_key)
        return boto3.client(
            service,
            region_name=self.aws.region,
            endpoint_url=self.aws.endpoint_url,
            **vars(keys),
        )

    def furnish(self) -> str:
        """Make what calls are about; return the ARN of a registry's login."""
        s3, batch, logs = map(self.make_root_client, ("s3", "batch", "logs"))
        for place in (JOB_AREA, DATA):
            s3.put_object(Bucket=self.aws.bucket, Key=name_key(place), Body=b"x")
        batch.create_consumable_resource(consumableResourceName=CONSUMABLE, totalQuantity=1)
        container = {
            "image": "busybox",
            "command": ["true"],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "64"},
            ],
        }
        batch.register_job_definition(
            jobDefinitionName="bx-tool", type="container", containerProperties=container
        )
        logs.create_log_stream(logGroupName=GROUP, logStreamName=STREAM)
        self.make_root_client("ecr").create_repository(repositoryName=REPOSITORY)
        root = Keys(self.aws.access_key_id, self.aws.secret_access_key)
        push(Account(self.aws, root, "", self.role_arn, HEAD_PARTY))
        secret = self.make_root_client("secretsmanager").create_secret(
            Name="quay",
            SecretString=json.dumps({"username": "u", "password": "p"}),
            KmsKeyId=KEY,
        )
        return str(secret["ARN"])

    def see(self, holder: Holder, without: str = "") -> Account:
        """Return the account as a holder sees it whose policy lacks an action."""
        policy = make_policy(holder, self.scope)
        for statement in policy["Statement"]:
            actions = statement["Action"]
            listed = [actions] if isinstance(actions, str) else actions
            statement["Action"] = [each for each in listed if each != without]
        policy["Statement"] = [each for each in policy["Statement"] if each["Action"]]
        document = {"PolicyName": "batchx", "PolicyDocument": json.dumps(policy)}
        if holder == HEAD:
            self.iam.put_user_policy(UserName=USER, **document)
            return self.open(self.user_keys, HEAD_PARTY)
        self.iam.put_role_policy(RoleName=ROLE, **document)
        return self.open(self.take_role(), JOB_PARTY)

    def open(self, keys: Keys, party: Any) -> Account:
        return Account(self.aws, keys, self.login_arn, self.role_arn, party)

    def take_role(self) -> Keys:
        """Return credentials of the job role, as its jobs get them."""
        url = f"{self.aws.endpoint_url}/_batchx/credentials/role/{ROLE}/task"
        with urllib.request.urlopen(url) as answer:
            told = json.load(answer)
        return Keys(told["AccessKeyId"], told["SecretAccessKey"], told["Token"])


@pytest.fixture(scope="module")
def world(aws: EmbeddedAws) -> World:
    return World(aws)


def tell(exercise: Exercise, account: Account) -> str:
    """Make a call; return what the user is told of its refusal, nothing where there is none."""
    try:
        answer = exercise(account)
    except BatchxError as error:
        return str(error)
    # What ends jobs goes on to the next one, and returns what it could not do.
    if isinstance(answer, dict) and answer.keys() <= {"message"}:
        return ""
    return str(answer)


@pytest.mark.parametrize(("holder", "call", "action", "resource"), list(list_cases()))
def test_the_user_is_told_what_is_lacking(
    world: World, holder: Holder, call: str, action: str, resource: str
) -> None:
    exercise = find_exercises(holder, resource)[call]
    answer = exercise(world.see(holder))
    assert not (call in TELLING and answer)
    told = tell(exercise, world.see(holder, without=action))
    is_unsaid = call in UNSAID or (call, action) in UNSAID_ACTIONS
    assert NAMES[holder, is_unsaid] + action in told
    assert f"batchx policy {holder}" in told
