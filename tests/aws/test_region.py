"""Which region counts, and what is said where there is none or two."""

import pytest

from snakemake_executor_plugin_batchx.aws.region import choose_region, list_foreign_arns
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.settings import ExecutorSettings

ARN = "arn:aws-cn:batch:cn-north-1:123456789012:job-queue/q"
FIRST, SECOND = "AWS_REGION", "AWS_DEFAULT_REGION"


@pytest.mark.parametrize(
    ("region", "queue", "environ", "found", "expected"),
    [
        ("eu-west-1", "q", {FIRST: "us-west-2"}, "us-east-1", "eu-west-1"),
        (None, ARN, {FIRST: "us-west-2"}, "us-east-1", "cn-north-1"),
        ("cn-north-1", ARN, {}, None, "cn-north-1"),
        (None, "q", {FIRST: "us-west-2"}, "us-east-1", "us-west-2"),
        (None, "q", {SECOND: "us-west-2"}, "us-west-2", "us-west-2"),
        (None, "q", {FIRST: "us-west-2", SECOND: "us-west-2"}, "us-west-2", "us-west-2"),
        (None, "q", {FIRST: ""}, "us-east-1", "us-east-1"),
        (None, "q", {}, "us-east-1", "us-east-1"),
    ],
)
def test_region(
    region: str | None, queue: str, environ: dict[str, str], found: str | None, expected: str
) -> None:
    settings = ExecutorSettings(region=region, job_queue=queue)
    assert choose_region(settings, found, environ) == expected


@pytest.mark.parametrize(
    ("region", "queue", "environ", "words"),
    [
        ("eu-west-1", ARN, {}, "is not the region of --batchx-job-queue"),
        (None, "q", {}, "No AWS region"),
        (
            None,
            "q",
            {FIRST: "eu-west-1", SECOND: "us-east-1"},
            "AWS_REGION eu-west-1 and AWS_DEFAULT_REGION us-east-1 are two regions",
        ),
    ],
)
def test_no_region(region: str | None, queue: str, environ: dict[str, str], words: str) -> None:
    with pytest.raises(BatchxError, match=words):
        choose_region(ExecutorSettings(region=region, job_queue=queue), None, environ)


def test_what_is_of_another_partition() -> None:
    role = "arn:aws:iam::123456789012:role/me"
    named = [("--batchx-job-role", role), ("--batchx-job-queue", ARN), ("x", None), ("y", "name")]
    assert list_foreign_arns("cn-north-1", named) == [
        "--batchx-job-role arn:aws:iam::123456789012:role/me is of AWS's common partition (aws), "
        "but region cn-north-1 is of AWS in China (aws-cn), where nothing of the others is known: "
        "name one that begins with arn:aws-cn:, or another region."
    ]
    assert len(list_foreign_arns("us-gov-west-1", named)) == 2
    assert list_foreign_arns("eu-west-1", named[:1]) == []


def test_a_partition_that_nobody_knows() -> None:
    told = list_foreign_arns("eu-west-1", [("--batchx-job-role", "arn:aws-moon:iam::1:role/r")])
    assert "is of no partition of AWS that is known (aws-moon)" in told[0]
