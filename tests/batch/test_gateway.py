"""The gateway, through boto3's own client: against the embedded Batch, and against bad weather."""

import itertools
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.config import Config
from scripted_server import BUSY, CUTS, GATEWAY_TIMEOUT, HANGS, THROTTLED, Reply, serve

from snakemake_executor_plugin_batchx.aws.budget import CallBudget
from snakemake_executor_plugin_batchx.aws.errors import AwsError, UnansweredError
from snakemake_executor_plugin_batchx.aws.retry import Retrier
from snakemake_executor_plugin_batchx.aws.session import BATCH_CONFIG, NO_PROXY
from snakemake_executor_plugin_batchx.batch.gateway import ENDING, LOOK, BatchGateway
from snakemake_executor_plugin_batchx.local.batch import Batch
from snakemake_executor_plugin_batchx.local.launch import PROCESS, EmbeddedAws, launch_embedded_aws
from snakemake_executor_plugin_batchx.local.placement import Capacity

REQUEST = {"jobName": "bx-one", "jobQueue": "queue", "jobDefinition": "tool"}
DEFINITION = {"jobDefinitionName": "n", "type": "container"}
TAKEN = Reply({"jobId": "the-id", "jobName": "bx-one"})
NO_QUEUE = Reply({"message": "JobQueue nowhere not found."}, 400, "ClientException")
READ_SECONDS = 0.3


@dataclass
class Weather:
    """A gateway on a simulated clock, whose calls are real."""

    gateway: BatchGateway
    budget: CallBudget
    slept: list[float] = field(default_factory=list)


def make_weather(client: Any) -> Weather:
    slept: list[float] = []

    def read_clock() -> float:
        return sum(slept)

    budget = CallBudget(read_clock, slept.append)
    retrier = Retrier(budget, read_clock, slept.append, lambda: 1.0, lambda: False)
    return Weather(BatchGateway(client, retrier), budget, slept)


def make_client(url: str, key_id: str = "id", secret: str = "secret") -> Any:
    return boto3.client(
        "batch",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=BATCH_CONFIG.merge(NO_PROXY).merge(Config(read_timeout=READ_SECONDS)),
    )


@pytest.fixture(scope="module")
def aws() -> Iterator[EmbeddedAws]:
    with launch_embedded_aws(runner=PROCESS) as aws:
        yield aws


@pytest.fixture
def gateway(aws: EmbeddedAws) -> BatchGateway:
    return BatchGateway(
        boto3.client(
            "batch",
            endpoint_url=aws.endpoint_url,
            region_name=aws.region,
            aws_access_key_id=aws.access_key_id,
            aws_secret_access_key=aws.secret_access_key,
            config=BATCH_CONFIG.merge(NO_PROXY),
        ),
        Retrier(
            CallBudget(time.monotonic, time.sleep, {"submit": 40, "watch": 8, "cancel": 7}),
            *(time.monotonic, time.sleep, lambda: 0.1, lambda: False),
        ),
    )


@pytest.fixture
def definition(gateway: BatchGateway) -> str:
    """Its jobs go on until they are ended."""
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
    container = {"image": "busybox", "command": ["sleep", "600"], "resourceRequirements": needs}
    name = f"sleep-{uuid.uuid4()}"
    return gateway.register_definition(
        {"jobDefinitionName": name, "type": "container", "containerProperties": container}
    )


def submit(
    gateway: BatchGateway, aws: EmbeddedAws, definition: str, name: str, **members: Any
) -> str:
    queue = aws.job_queue
    request = {"jobName": name, "jobQueue": queue, "jobDefinition": definition, **members}
    return gateway.submit_job(request)


def test_queues_and_their_environments(gateway: BatchGateway, aws: EmbeddedAws) -> None:
    (queue,) = gateway.describe_queues([aws.job_queue, "nowhere"])
    assert queue["jobQueueName"] == aws.job_queue
    assert gateway.describe_queues([queue["jobQueueArn"]]) == [queue]
    arns = [each["computeEnvironment"] for each in queue["computeEnvironmentOrder"]]
    (environment,) = gateway.describe_compute_environments(arns)
    assert environment["computeEnvironmentArn"] == arns[0]
    assert gateway.describe_queues(["nowhere"]) == []


def test_queues_and_environments_are_asked_about_a_hundred_a_call() -> None:
    names = [f"q{n}" for n in range(250)]
    with serve([Reply({"jobQueues": [{"jobQueueName": "q"}]})]) as server:
        gateway = make_weather(make_client(server.url)).gateway
        assert len(gateway.describe_queues(names)) == 3
        assert [len(asked["jobQueues"]) for asked in server.asked] == [100, 100, 50]
        assert [name for asked in server.asked for name in asked["jobQueues"]] == names
    with serve([Reply({"computeEnvironments": []})]) as server:
        gateway = make_weather(make_client(server.url)).gateway
        assert gateway.describe_compute_environments(names) == []
        assert [len(asked["computeEnvironments"]) for asked in server.asked] == [100, 100, 50]


def test_a_queue_tells_its_front_and_an_unknown_one_is_refused(
    aws: EmbeddedAws, gateway: BatchGateway
) -> None:
    assert gateway.get_queue_snapshot(aws.job_queue)["frontOfQueue"]["jobs"] == []
    with pytest.raises(AwsError, match="not found"):
        gateway.get_queue_snapshot("nowhere")


def test_a_consumable_resource_is_found_by_name_or_refused(gateway: BatchGateway) -> None:
    with serve([Reply({"consumableResourceName": "licence", "totalQuantity": 5})]) as server:
        found = make_weather(make_client(server.url)).gateway.describe_consumable("licence")
        assert found["totalQuantity"] == 5
        assert server.asked == [{"consumableResource": "licence"}]
    with pytest.raises(AwsError, match=r"batch:DescribeConsumableResource: .*nothing") as caught:
        gateway.describe_consumable("nothing")
    assert caught.value.code == "ClientException"


def test_the_newest_definition_is_found(gateway: BatchGateway, definition: str) -> None:
    name = definition.rpartition("/")[2].partition(":")[0]
    assert gateway.find_definition(name) == definition
    found = gateway.describe_definition(definition)
    assert found is not None
    again = gateway.register_definition(
        {
            "jobDefinitionName": name,
            "type": "container",
            "containerProperties": found["containerProperties"],
        }
    )
    assert gateway.find_definition(name) == again
    assert again != definition
    assert gateway.find_definition("nothing") is None


class MemoryClient:
    """The embedded Batch in memory, called as boto3's client is."""

    def __init__(self) -> None:
        self.batch = Batch(Capacity(1, 100))

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        operation = "".join(word.capitalize() for word in name.split("_"))
        return lambda **request: self.batch.handle(operation, request)


def test_thousands_of_definitions_are_listed_and_one_among_them_found_by_one_call() -> None:
    client = MemoryClient()
    weather = make_weather(client)
    needs = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]
    container = {"image": "busybox", "resourceRequirements": needs}
    arns = [
        weather.gateway.register_definition(
            {
                "jobDefinitionName": f"bx-rule_{n % 7}-{n:016x}",
                "type": "container",
                "containerProperties": container,
                "tags": {"batchx:rule": f"rule_{n % 7}"},
            }
        )
        for n in range(2300)
    ]
    weather.gateway.deregister_definition(arns[5])
    found = weather.gateway.list_definitions()
    assert {each["jobDefinitionArn"] for each in found} == {*arns} - {arns[5]}
    assert len(found) == 2299
    assert weather.budget.get_counts()["DescribeJobDefinitions"] == 23
    assert weather.gateway.find_definition(f"bx-rule_{1234 % 7}-{1234:016x}") == arns[1234]
    assert weather.budget.get_counts()["DescribeJobDefinitions"] == 24
    assert weather.gateway.find_definition(f"bx-rule_5-{5:016x}") is None


def test_a_deregistered_definition_is_neither_found_nor_listed(
    gateway: BatchGateway, definition: str
) -> None:
    name = definition.rpartition("/")[2].partition(":")[0]
    assert definition in [each["jobDefinitionArn"] for each in gateway.list_definitions()]
    gateway.deregister_definition(definition)
    assert definition not in [each["jobDefinitionArn"] for each in gateway.list_definitions()]
    assert gateway.find_definition(name) is None
    assert gateway.describe_definition(definition) is None
    with pytest.raises(AwsError, match=r"refuses batch:DeregisterJobDefinition: .*gone:7"):
        gateway.deregister_definition("gone:7")


def test_a_job_outlives_its_definition(
    gateway: BatchGateway, aws: EmbeddedAws, definition: str
) -> None:
    job_id = submit(gateway, aws, definition, "bx-outlives")
    gateway.deregister_definition(definition)
    (job,) = gateway.describe_jobs([job_id])
    assert job["status"] not in ("SUCCEEDED", "FAILED")
    assert job["jobDefinition"] == definition
    assert gateway.terminate_jobs([job_id], "enough") == []


@pytest.mark.parametrize("trouble", [BUSY, CUTS, HANGS, THROTTLED])
def test_a_definition_is_deregistered_through_bad_weather(trouble: Reply | str) -> None:
    with serve([trouble, trouble, Reply({})]) as server:
        weather = make_weather(make_client(server.url))
        weather.gateway.deregister_definition("arn")
        assert server.asked == [{"jobDefinition": "arn"}] * 3


def test_jobs_are_found_by_name_over_many_pages(
    gateway: BatchGateway, aws: EmbeddedAws, definition: str
) -> None:
    stem = f"bx-{uuid.uuid4().hex[:8]}"
    ids = [submit(gateway, aws, definition, f"{stem}-{n}") for n in range(101)]
    found = gateway.find_jobs_by_name(aws.job_queue, f"{stem}-*")
    assert [job["jobId"] for job in found] == ids[::-1]
    (one,) = gateway.find_jobs_by_name(aws.job_queue, f"{stem.upper()}-7")
    assert one["jobId"] == ids[7]
    assert {job["jobId"] for job in gateway.describe_jobs([*ids, "unknown"])} == {*ids}
    assert gateway.terminate_jobs(ids, "r" * 2000) == []
    for job in gateway.describe_jobs(ids):
        assert job["isTerminated"]


def test_what_has_begun_is_not_cancelled(
    gateway: BatchGateway, aws: EmbeddedAws, definition: str
) -> None:
    first = submit(gateway, aws, definition, "bx-first")
    while gateway.describe_jobs([first])[0]["status"] != "RUNNING":
        pass
    second = submit(gateway, aws, definition, "bx-second", dependsOn=[{"jobId": first}])
    assert gateway.cancel_jobs([first, second, "unknown"], "r" * 1024) == {}
    running, pending = gateway.describe_jobs([first, second])
    assert (running["status"], running["isCancelled"]) == ("RUNNING", False)
    assert pending["isCancelled"]
    assert gateway.terminate_jobs([first], "enough") == []


def test_children_are_listed_by_status(
    gateway: BatchGateway, aws: EmbeddedAws, definition: str
) -> None:
    size = 1100
    parent = submit(gateway, aws, definition, "bx-array", arrayProperties={"size": size})
    statuses = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
    waiting = {
        job["jobId"] for each in statuses for job in gateway.list_children(parent, each)
    }  # They move from one to the next meanwhile, so that none is missed.
    assert waiting == {f"{parent}:{index}" for index in range(size)}
    assert gateway.list_children(parent, "FAILED") == []
    assert gateway.terminate_jobs([parent], "enough") == []


def test_a_refused_request_keeps_the_words_of_aws(gateway: BatchGateway) -> None:
    with pytest.raises(AwsError, match=r"AWS Batch refuses batch:SubmitJob: .*nowhere") as caught:
        gateway.submit_job({**REQUEST, "jobQueue": "nowhere"})
    assert caught.value.code == "ClientException"
    assert not caught.value.is_transient


def test_a_throttled_submission_is_sent_again() -> None:
    with serve([THROTTLED, THROTTLED, TAKEN]) as server:
        weather = make_weather(make_client(server.url))
        assert weather.gateway.submit_job(REQUEST) == "the-id"
        assert server.asked == [REQUEST] * 3
    assert weather.budget.get_counts() == {"SubmitJob": 3}


@pytest.mark.parametrize("trouble", [BUSY, GATEWAY_TIMEOUT, CUTS, HANGS])
def test_a_submission_that_may_have_been_taken_is_sent_once(trouble: Reply | str) -> None:
    with serve([trouble, TAKEN]) as server:
        weather = make_weather(make_client(server.url))
        with pytest.raises(UnansweredError):
            weather.gateway.submit_job(REQUEST)
        assert server.asked == [REQUEST]


def test_a_refused_submission_is_sent_once() -> None:
    with serve([NO_QUEUE]) as server:
        weather = make_weather(make_client(server.url))
        with pytest.raises(AwsError, match=r"JobQueue nowhere not found\.$") as caught:
            weather.gateway.submit_job(REQUEST)
        assert not isinstance(caught.value, UnansweredError)
        assert len(server.asked) == 1


@pytest.mark.parametrize("trouble", [BUSY, CUTS, HANGS, THROTTLED])
def test_a_definition_is_registered_however_long_it_takes(trouble: Reply | str) -> None:
    registered = Reply({"jobDefinitionArn": "arn", "jobDefinitionName": "n", "revision": 1})
    with serve([*[trouble] * 4, registered]) as server:
        weather = make_weather(make_client(server.url))
        assert weather.gateway.register_definition(DEFINITION) == "arn"


def test_a_look_gives_up_soon() -> None:
    with serve([BUSY]) as server:
        weather = make_weather(make_client(server.url))
        with pytest.raises(AwsError, match="busy"):
            weather.gateway.describe_jobs(["a"])
        assert len(server.asked) > 2
    assert LOOK.seconds is not None
    assert sum(weather.slept) <= LOOK.seconds


def test_jobs_are_ended_fifty_a_call_through_bad_weather() -> None:
    ended = Reply({"successful": [], "errors": []})
    with serve([CUTS, BUSY, THROTTLED, ended]) as server:
        weather = make_weather(make_client(server.url))
        assert weather.gateway.terminate_jobs([str(n) for n in range(120)], "enough") == []
        sizes = [len(asked["jobs"]) for asked in server.asked]
    assert sizes == [50, 50, 50, 50, 50, 20]


def test_what_could_not_be_ended_is_told_of() -> None:
    answers = [
        NO_QUEUE,
        Reply({"successful": [], "errors": [{"job": "50", "message": "not yours"}]}),
        BUSY,
    ]
    with serve(answers) as server:
        weather = make_weather(make_client(server.url))
        problems = weather.gateway.terminate_jobs([str(n) for n in range(330)], "enough")
    refused, one, unreached, rest = problems
    assert refused.startswith("0, 1, 2,")
    assert refused.endswith("JobQueue nowhere not found.")
    assert one == "50 could not be ended: not yours"
    assert "busy" in unreached
    assert rest == "180 more jobs were not ended, for the same reason."
    assert ENDING.seconds is not None
    assert sum(weather.slept) <= ENDING.seconds


def test_jobs_are_ended_one_by_one_where_botocore_knows_no_other_way() -> None:
    class OldClient:
        """boto3's client before it knew TerminateJobs."""

        def __init__(self, client: Any) -> None:
            self.terminate_job = client.terminate_job

    with serve([THROTTLED, Reply({})]) as server:
        weather = make_weather(OldClient(make_client(server.url)))
        assert weather.gateway.terminate_jobs(["a", "b"], "enough") == []
        asked = [key for key, _ in itertools.groupby(server.asked)]
    assert asked == [{"jobId": each, "reason": "enough"} for each in ("a", "b")]


def test_why_jobs_were_not_cancelled_is_told_by_job() -> None:
    answers = [
        NO_QUEUE,
        Reply({"successful": [], "errors": [{"job": "50", "code": "x", "message": "not yours"}]}),
        BUSY,
    ]
    with serve(answers) as server:
        weather = make_weather(make_client(server.url))
        refused = weather.gateway.cancel_jobs([str(n) for n in range(330)], "enough")
        sizes = [len(asked["jobs"]) for asked in server.asked]
    assert {*sizes} == {50}
    assert refused["49"].endswith("JobQueue nowhere not found.")
    assert refused["50"] == "not yours"
    assert "51" not in refused
    assert "busy" in refused["100"]
    # The rest was not tried.
    assert refused["329"] == refused["100"]
    assert server.asked[-1]["jobs"][-1] == "149"
    assert LOOK.seconds is not None
    assert sum(weather.slept) <= LOOK.seconds


def test_jobs_are_cancelled_one_by_one_where_botocore_knows_no_other_way() -> None:
    class OldClient:
        """boto3's client before it knew CancelJobs."""

        def __init__(self, client: Any) -> None:
            self.cancel_job = client.cancel_job

    with serve([NO_QUEUE, Reply({})]) as server:
        weather = make_weather(OldClient(make_client(server.url)))
        assert weather.gateway.cancel_jobs(["a", "b"], "enough").keys() == {"a"}
        assert server.asked == [{"jobId": each, "reason": "enough"} for each in ("a", "b")]
