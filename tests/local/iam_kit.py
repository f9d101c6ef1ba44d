"""Users and roles of the embedded account, for the tests of this folder."""

from __future__ import annotations

import json
from typing import Any

import boto3
from batch_world import ROLE
from botocore.config import Config
from strict_client import make_client

from snakemake_executor_plugin_batchx.local.account import make_role
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

ECS_TASKS = "ecs-tasks.amazonaws.com"
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def write_policy(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions: Any, resources: Any = "*", **members: Any) -> dict[str, Any]:
    """A statement that allows something."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **members}


def deny(actions: Any, resources: Any = "*", **members: Any) -> dict[str, Any]:
    """A statement that denies something."""
    return {**allow(actions, resources, **members), "Effect": "Deny"}


def make_task_role(aws: EmbeddedAws, name: str, *statements: dict[str, Any]) -> str:
    """A role that ECS's tasks may have; returns its ARN."""
    iam = make_client(aws, "iam")
    arn = make_role(iam, name, ECS_TASKS)
    if statements:
        iam.put_role_policy(
            RoleName=name, PolicyName="own", PolicyDocument=write_policy(*statements)
        )
    return arn


def make_some_role(aws: EmbeddedAws) -> None:
    """The role that definitions of these tests name, which may do everything."""
    assert make_task_role(aws, ROLE.rpartition("/")[2], ANYTHING) == ROLE


class Person:
    """A user with an access key, who may do what she is allowed.

    Args:
        aws: where.
        name: hers.
    """

    def __init__(self, aws: EmbeddedAws, name: str):
        self.aws = aws
        self.name = name
        self.arn = f"arn:aws:iam::123456789012:user/{name}"
        self._iam = make_client(aws, "iam")
        self._iam.create_user(UserName=name)
        self.key = self._iam.create_access_key(UserName=name)["AccessKey"]

    def may(self, *statements: dict[str, Any]) -> None:
        """Replaces her policy."""
        self._iam.put_user_policy(
            UserName=self.name, PolicyName="own", PolicyDocument=write_policy(*statements)
        )

    def client(self, service: str) -> Any:
        """A client with her key that calls once."""
        return open_client(self.aws, service, self.key["AccessKeyId"], self.key["SecretAccessKey"])


def open_client(
    aws: EmbeddedAws, service: str, key: str, secret: str, token: str | None = None
) -> Any:
    """A client with any key that calls once."""
    return boto3.client(
        service,
        endpoint_url=aws.endpoint_url,
        region_name=aws.region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}),
    )
