"""What ECS does with the roles of tasks, and how tasks end whose roles may not do it."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from typing import Any

import pytest
from batch_world import ROLE, World, make_container, make_definition, make_fargate
from iam_kit import allow, make_task_role
from job_runs import Runs
from moto.iam.models import iam_backends
from strict_client import make_client

from snakemake_executor_plugin_batchx.local.docker_pulls import PullCredentials
from snakemake_executor_plugin_batchx.local.ecs_agent import EcsAgent, StartRefusedError
from snakemake_executor_plugin_batchx.local.iam.authority import AccessDeniedError, Authority
from snakemake_executor_plugin_batchx.local.iam.needs import Need
from snakemake_executor_plugin_batchx.local.iam.principals import (
    ExpiredTokenError,
    Principal,
    UnknownKeyError,
)
from snakemake_executor_plugin_batchx.local.iam.refusals import Protocol, Refusal, make_answer
from snakemake_executor_plugin_batchx.local.iam.sessions import SESSION_SECONDS
from snakemake_executor_plugin_batchx.local.identity import Credentials, Identity
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws
from snakemake_executor_plugin_batchx.local.orders import StartOrder

IMAGE = "127.0.0.1:5000/me/tool:1"
ECS = Principal("AssumedRole", "arn:aws:sts::123456789012:assumed-role/role/t", "role:t", "role")
TASK = StartOrder("a#1", "a", None, False, (), execution_role_arn=ROLE, task_id="t")
ON_FARGATE = dataclasses.replace(TASK, is_fargate=True)


class Ecr:
    """The registry of this test."""

    def has_image(self, image: str) -> bool:
        return image == IMAGE

    def log_in(self, principal: Principal) -> PullCredentials:
        return PullCredentials("AWS", f"of {principal.arn}")


class Roles:
    """Roles that may do all but one thing."""

    def __init__(self, denied: str):
        self.denied = denied
        self.asked: list[tuple[str, str]] = []

    def find_denial(self, _task: StartOrder, action: str, resource: str) -> str | None:
        self.asked.append((action, resource))
        return f"User: me is not authorized to perform: {action}" if action == self.denied else None

    def find_principal(self, _task: StartOrder) -> Principal:
        return ECS

    def is_assumable(self, _role_arn: str) -> bool:
        return True


def make_agent(denied: str = "") -> EcsAgent:
    nothing: Any = None
    return EcsAgent(nothing, nothing, Ecr(), Roles(denied))


def test_a_tasks_role_logs_in_to_ecr_alone() -> None:
    agent = make_agent()
    assert agent.log_in(TASK, "busybox") is None
    assert agent.roles.asked == []  # type: ignore[attr-defined]
    assert agent.log_in(TASK, IMAGE) == PullCredentials("AWS", f"of {ECS.arn}")
    # What else a pull takes, the registry asks for.
    assert agent.roles.asked == [("ecr:GetAuthorizationToken", "*")]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("task", "reason", "task_reason"),
    [
        (
            TASK,
            "CannotPullECRContainerError: AccessDeniedException: User: me is not authorized to "
            "perform: ecr:GetAuthorizationToken",
            None,
        ),
        (
            ON_FARGATE,
            None,
            "ResourceInitializationError: unable to pull secrets or registry auth: execution "
            "resource retrieval failed: unable to retrieve ecr registry auth: service call has "
            "been retried 1 time(s): AccessDeniedException: User: me is not authorized to "
            "perform: ecr:GetAuthorizationToken",
        ),
    ],
)
def test_a_login_that_is_denied(
    task: StartOrder, reason: str | None, task_reason: str | None
) -> None:
    with pytest.raises(StartRefusedError) as caught:
        make_agent("ecr:GetAuthorizationToken").log_in(task, IMAGE)
    assert (caught.value.reason, caught.value.task_reason) == (reason, task_reason)


@pytest.mark.parametrize(
    ("task", "said", "told"),
    [
        (TASK, "denied: User: me is not authorized to perform: ecr:BatchGetImage on", "{said}"),
        (ON_FARGATE, "no space left on device", "{said}"),
        (
            ON_FARGATE,
            "denied: User: me is not authorized to perform: ecr:BatchGetImage on",
            "pull image manifest has been retried 1 time(s): failed to resolve ref "
            f"{IMAGE}: pulling from host 127.0.0.1:5000 failed with status code [manifests 1]: "
            "403 Forbidden",
        ),
    ],
)
def test_a_pull_that_fails(task: StartOrder, said: str, told: str) -> None:
    reason = make_agent().describe_pull(task, IMAGE, said)
    assert reason == "CannotPullContainerError: " + told.format(said=said)


def test_a_role_that_ecs_may_not_assume_fails_the_job() -> None:
    world = World()
    world.batch.attempts.is_assumable = lambda role: role != ROLE
    for number, container in enumerate(
        (make_container(jobRoleArn=ROLE), make_container(executionRoleArn=ROLE))
    ):
        name = f"own-{number}"
        world.call("RegisterJobDefinition", **make_definition(name, container))
        job = world.describe(world.submit(jobDefinition=name))
        assert (job["status"], job["statusReason"]) == (
            "FAILED",
            f"ECS was unable to assume the role '{ROLE}' that was provided for this task. Please "
            "verify that the role being passed has the proper trust relationship and permissions "
            "and that your IAM user has permissions to pass this role.",
        )


def test_a_task_knows_its_roles() -> None:
    world = World()
    order = world.find_start(world.submit())
    assert (order.job_role_arn, order.execution_role_arn) == (None, None)
    assert order.instance_profile == "ecsInstanceRole"
    assert order.instance_id.startswith("i-")


@pytest.mark.parametrize("is_fargate", [False, True])
def test_a_log_stream_that_may_not_be_made_stops_the_task(
    process_runs: Runs, *, is_fargate: bool
) -> None:
    role = make_task_role(process_runs.aws, f"silent-{uuid.uuid4().hex[:8]}")
    job = run_with(process_runs, role, is_fargate=is_fargate)
    words = "failed to create Cloudwatch log stream: AccessDeniedException: User: arn:aws:sts::"
    task_id = job["attempts"][0]["container"]["taskArn"].rpartition("/")[2]
    said = job["statusReason"] if is_fargate else job["container"]["reason"]
    assert said.startswith(
        "ResourceInitializationError: failed to validate logger args: create stream has been "
        "retried 1 times: " + words
        if is_fargate
        else "CannotStartContainerError: Error response from daemon: failed to initialize logging "
        "driver: " + words
    )
    assert f"assumed-role/{role.rpartition('/')[2]}/{task_id} is not authorized to perform" in said
    assert "exitCode" not in job["container"]


def test_what_may_not_be_written_is_lost(process_runs: Runs) -> None:
    role = make_task_role(
        process_runs.aws, f"mute-{uuid.uuid4().hex[:8]}", allow("logs:CreateLogStream")
    )
    job = run_with(process_runs, role)
    assert job["status"] == "SUCCEEDED"
    assert process_runs.read_log(job) == []


def test_secrets_that_may_not_be_read_stop_the_task(process_runs: Runs) -> None:
    logs = allow(["logs:CreateLogStream", "logs:PutLogEvents"])
    role = make_task_role(process_runs.aws, f"blind-{uuid.uuid4().hex[:8]}", logs)
    client = make_client(process_runs.aws, "secretsmanager")
    secret = client.create_secret(Name=f"s-{uuid.uuid4().hex}", SecretString="x")["ARN"]
    for place, words in (
        (secret, f"secretsmanager:GetSecretValue on resource: {secret} because"),
        (secret[:-7], f"secretsmanager:GetSecretValue on resource: {secret} because"),
        ("/x/y", "ssm:GetParameters on resource: arn:aws:ssm:us-east-1:123456789012:parameter/x/y"),
    ):
        for is_fargate in (False, True):
            secrets = [{"name": "TOKEN", "valueFrom": place}]
            job = run_with(process_runs, role, is_fargate=is_fargate, secrets=secrets)
            assert "AccessDeniedException: User: arn:aws:sts::" in job["statusReason"]
            assert words in job["statusReason"]
            assert job["statusReason"].startswith("ResourceInit" if is_fargate else "Fetching sec")


def run_with(runs: Runs, role: str, *, is_fargate: bool = False, **container: Any) -> Any:
    """Runs a job with an execution role; on a queue of Fargate, if wished."""
    name = f"role-{uuid.uuid4().hex[:8]}"
    own = {"executionRoleArn": role, "command": ["echo", "hello"], **container}
    queue = runs.aws.job_queue
    definition = make_definition(name, make_container(**own))
    if is_fargate:
        queue = provide_fargate_queue(runs.batch)
        definition = make_fargate(name, **own)
    runs.batch.register_job_definition(**definition)
    job_id = runs.batch.submit_job(jobName="job", jobQueue=queue, jobDefinition=name)["jobId"]
    return runs.wait(job_id)


def provide_fargate_queue(batch: Any) -> str:
    """A queue of Fargate for the tests of this module."""
    name = "roles-on-fargate"
    if not batch.describe_job_queues(jobQueues=[name])["jobQueues"]:
        resources = {"type": "FARGATE", "maxvCpus": 4, "subnets": ["s"], "securityGroupIds": ["g"]}
        batch.create_compute_environment(
            computeEnvironmentName=name, type="MANAGED", computeResources=resources
        )
        order = [{"order": 1, "computeEnvironment": name}]
        batch.create_job_queue(jobQueueName=name, priority=1, computeEnvironmentOrder=order)
    return name


def test_a_job_without_a_role_has_the_instances_and_none_on_fargate(
    process_runs: Runs, strict_aws: EmbeddedAws
) -> None:
    program = "echo ${AWS_CONTAINER_CREDENTIALS_FULL_URI:-none}"
    role = strict_aws.execution_role_arn
    for is_fargate, words in ((False, "instance-profile/ecsInstanceRole/i-"), (True, "none")):
        job = run_with(process_runs, role, is_fargate=is_fargate, command=["sh", "-c", program])
        (line,) = process_runs.read_log(job)
        assert words in line


def test_a_role_that_is_gone_may_do_nothing() -> None:
    authority = Authority(Identity(), Credentials("root", "secret"))
    principal = authority.principals.make_role_principal("none", "session")
    with pytest.raises(AccessDeniedError):
        authority.check(principal, [Need("s3:GetObject", "arn:aws:s3:::b/k")], {})


def test_sessions_are_renewed_before_they_are_over() -> None:
    identity = Identity()
    backend = iam_backends[identity.account_id][identity.partition]
    backend.create_role("renewed", "{}", "/", None, "", [], "3600")
    authority = Authority(identity, Credentials("root", "secret"))
    session = authority.sessions.provide("renewed", "task")
    assert session is not None
    assert authority.sessions.provide("renewed", "task") is session
    key, token = session.access_key_id, session.session_token
    assert authority.principals.find(key, token).arn == (
        "arn:aws:sts::123456789012:assumed-role/renewed/task"
    )
    with pytest.raises(UnknownKeyError):
        authority.principals.find(key, "another token")
    session.expiration -= datetime.timedelta(seconds=SESSION_SECONDS)
    with pytest.raises(ExpiredTokenError):
        authority.principals.find(key, token)
    renewed = authority.sessions.provide("renewed", "task")
    assert renewed is not None
    assert renewed.access_key_id != key
    assert authority.principals.find(renewed.access_key_id, renewed.session_token).name == "renewed"


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        (Protocol.REST_JSON, ("403 Forbidden", b"ExpiredTokenException")),
        (Protocol.JSON, ("400 Bad Request", b"ExpiredTokenException")),
        (Protocol.QUERY, ("403 Forbidden", b"<Code>ExpiredToken</Code>")),
        (Protocol.S3, ("400 Bad Request", b"<Code>ExpiredToken</Code>")),
        (Protocol.EC2, ("400 Bad Request", b"<Code>RequestExpired</Code>")),
    ],
)
def test_an_expired_token_is_told_as_each_protocol_does(
    protocol: Protocol, expected: tuple[str, bytes]
) -> None:
    answer = make_answer(protocol, Refusal.EXPIRED)
    assert answer.status == expected[0]
    assert expected[1] in answer.body
    assert make_answer(protocol, Refusal.EXPIRED, has_body=False).body == b""
