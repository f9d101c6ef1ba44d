"""aws:ResourceTag: the tags of Batch's resources, and of no others."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from batch_world import make_definition
from botocore.exceptions import ClientError
from iam_kit import Person, allow, deny, write_policy

from snakemake_executor_plugin_batchx.local.iam.errors import PolicyError
from snakemake_executor_plugin_batchx.local.iam.evaluation import Decision, evaluate
from snakemake_executor_plugin_batchx.local.iam.keys import make_resource_keys
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

MINE = {"StringEquals": {"aws:ResourceTag/Team": "mine"}}
ANY = {"StringLike": {"aws:ResourceTag/team": "*"}}


@pytest.fixture
def ann(strict_aws: EmbeddedAws) -> Person:
    """A user who may do nothing yet."""
    return Person(strict_aws, f"ann-{uuid.uuid4().hex[:8]}")


def submit(batch: Any, **members: Any) -> str:
    request = {"jobName": "job", "jobQueue": "batchx-local", "jobDefinition": "tagged"}
    return str(batch.submit_job(**request, **members)["jobId"])


def is_refused(call: Any, **parameters: Any) -> bool:
    try:
        call(**parameters)
    except ClientError as error:
        return bool(error.response["Error"]["Code"] == "AccessDeniedException")
    return False


def test_jobs_have_their_tags_and_children_of_arrays_none(ann: Person, batch_client: Any) -> None:
    batch_client.register_job_definition(**make_definition("tagged"))
    mine, other = (submit(batch_client, tags={"team": each}) for each in ("mine", "other"))
    array = submit(batch_client, tags={"team": "mine"}, arrayProperties={"size": 2})
    terminate = ann.client("batch").terminate_job
    ann.may(allow("batch:TerminateJob", Condition=MINE))
    expected = {mine: False, other: True, array: False, f"{array}:0": True, "none-such": True}
    for job_id, is_denied in expected.items():
        assert is_refused(terminate, jobId=job_id, reason="x") is is_denied, job_id
    ann.may(allow("batch:*"), deny("batch:TerminateJob", Condition=MINE))
    assert is_refused(terminate, jobId=mine, reason="x")
    assert not is_refused(terminate, jobId=other, reason="x")


def test_definitions_queues_and_environments_have_their_tags(
    ann: Person, batch_client: Any
) -> None:
    given = batch_client.register_job_definition(**make_definition("tagged"), tags={"team": "mine"})
    mine = ann.client("batch")
    ann.may(allow("batch:*"), deny("batch:SubmitJob", Condition=ANY))
    request = {"jobName": "job", "jobQueue": "batchx-local"}
    assert is_refused(mine.submit_job, **request, jobDefinition=given["jobDefinitionArn"])
    # Without a revision the tags of a definition are not looked at.
    assert not is_refused(mine.submit_job, **request, jobDefinition="tagged")
    queue = batch_client.describe_job_queues(jobQueues=["batchx-local"])["jobQueues"][0]
    environment = queue["computeEnvironmentOrder"][0]["computeEnvironment"]
    ann.may(allow("batch:Tag*"), allow("batch:Update*", Condition=ANY))
    update_queue = {"jobQueue": "batchx-local", "priority": queue["priority"]}
    update_environment = {"computeEnvironment": environment, "state": "ENABLED"}
    for arn in (queue["jobQueueArn"], environment):
        batch_client.untag_resource(resourceArn=arn, tagKeys=["team"])
    assert is_refused(mine.update_job_queue, **update_queue)
    assert is_refused(mine.update_compute_environment, **update_environment)
    for arn in (queue["jobQueueArn"], environment):
        mine.tag_resource(resourceArn=arn, tags={"team": "mine"})
    assert not is_refused(mine.update_job_queue, **update_queue)
    assert not is_refused(mine.update_compute_environment, **update_environment)
    for arn in (queue["jobQueueArn"], environment):
        batch_client.untag_resource(resourceArn=arn, tagKeys=["team"])


@pytest.mark.parametrize(
    ("service", "operation"),
    [("ecr", "get_authorization_token"), ("s3", "list_buckets"), ("iam", "list_roles")],
)
def test_the_tags_of_others_are_not_known(ann: Person, service: str, operation: str) -> None:
    ann.may(allow("*"), deny("*", Condition=MINE))
    with pytest.raises(ClientError) as caught:
        getattr(ann.client(service), operation)()
    assert caught.value.response["Error"]["Message"].endswith(
        "because a policy cannot be evaluated: The embedded AWS knows the tags of AWS Batch's "
        "resources alone, and is asked for aws:ResourceTag/team of another."
    )


NULL = {"Null": {"aws:ResourceTag/team": "true"}}
VARIABLE = deny("batch:*", "*${aws:ResourceTag/team, 'none'}")


EQUAL, ABSENT = (deny("*", Condition=each) for each in (MINE, NULL))


@pytest.mark.parametrize("statement", [EQUAL, ABSENT, VARIABLE])
def test_tags_are_known_or_the_policy_cannot_be_evaluated(statement: dict[str, Any]) -> None:
    documents = [write_policy(allow("*"), statement)]
    request = ("batch:TerminateJob", "arn:aws:batch:us-east-1:123456789012:job/mine")
    with pytest.raises(PolicyError, match="ResourceTag/team"):
        evaluate(documents, *request)
    is_denied = statement is not ABSENT
    found = evaluate(documents, *request, make_resource_keys({"Team": "mine"}))
    assert found is (Decision.EXPLICIT_DENY if is_denied else Decision.ALLOWED)
