"""The queues of a run: looked at once, together, and refused where they cannot run jobs."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.aws.retry import Patience
from snakemake_executor_plugin_batchx.batch.gateway import OPENING, PREPARATION
from snakemake_executor_plugin_batchx.batch.queues import Queues
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.instance_sizes import InstanceSize
from snakemake_executor_plugin_batchx.plan.platform import Platform

ARN = "arn:aws:batch:eu-west-1:123456789012:"
REFUSED = AwsError("AWS refuses batch:DescribeJobQueues.", "AccessDenied", is_transient=False)

EC2 = {"type": "EC2", "instanceTypes": ["optimal"]}
SPOT = {"type": "SPOT", "instanceTypes": ["c7i"]}
GRAVITON = {"type": "EC2", "instanceTypes": ["m7g.large"]}
WITH_GPUS = {"type": "EC2", "instanceTypes": ["g5.xlarge"]}


def ask_for(*queues: str) -> dict[str, str]:
    """Return queues of which it need not be told who names them."""
    return dict.fromkeys(queues, "")


class Account:
    """Queues by name, each with the resources of its compute environments; `calls` were made."""

    def __init__(self) -> None:
        self.queues: dict[str, dict[str, Any]] = {}
        self.environments: dict[str, dict[str, Any]] = {}
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.is_open = True
        self.may_list = True

    def add(self, name: str, *environments: Mapping[str, Any], **members: Any) -> None:
        order = []
        for number, resources in enumerate(environments):
            arn = f"{ARN}compute-environment/{name}-{number}"
            order.append({"order": number, "computeEnvironment": arn})
            self.environments[arn] = {"computeEnvironmentArn": arn, "computeResources": resources}
        self.queues[name] = {
            "jobQueueName": name,
            "jobQueueArn": f"{ARN}job-queue/{name}",
            "state": "ENABLED",
            "status": "VALID",
            # In no order: Batch promises none.
            "computeEnvironmentOrder": order[::-1],
            **members,
        }

    def describe_queues(self, queues: Sequence[str], patience: Patience) -> list[dict[str, Any]]:
        self.patience = patience
        self.calls.append(("queues", tuple(queues)))
        if not self.is_open:
            raise REFUSED
        return [
            q for q in self.queues.values() if {q["jobQueueName"], q["jobQueueArn"]} & {*queues}
        ]

    def list_queues(self, patience: Patience) -> list[dict[str, Any]]:
        self.calls.append(("all queues", ()))
        if not self.may_list:
            raise REFUSED
        return list(self.queues.values())

    def describe_compute_environments(
        self, arns: Sequence[str], patience: Patience
    ) -> list[dict[str, Any]]:
        self.calls.append(("environments", tuple(arns)))
        return [self.environments[arn] for arn in reversed(arns) if arn in self.environments]


@pytest.fixture
def account() -> Account:
    account = Account()
    account.add("mixed", EC2, SPOT)
    account.add("graviton", GRAVITON, schedulingPolicyArn=f"{ARN}scheduling-policy/fair")
    account.add("gpus", WITH_GPUS, SPOT)
    account.add("serverless", {"type": "FARGATE"}, {"type": "FARGATE_SPOT"})
    account.add("here", EC2, tags={"batchx:local-runner": "process"})
    return account


@pytest.fixture
def queues(account: Account) -> Queues:
    return Queues(account, "eu-west-1")


@pytest.mark.parametrize(
    ("name", "platform"),
    [
        ("mixed", Platform("mixed", gpu_models=frozenset())),
        ("graviton", Platform("graviton", False, "arm64", True, frozenset())),
        ("gpus", Platform("gpus", gpu_models=frozenset({"NVIDIA A10G"}))),
        ("serverless", Platform("serverless", is_fargate=True, architecture=None)),
        ("here", Platform("here", gpu_models=frozenset(), local_runner="process")),
    ],
)
def test_what_a_queue_is(queues: Queues, name: str, platform: Platform) -> None:
    assert queues.inspect(ask_for(name)) == []
    assert queues.get(name) == platform


def test_however_many_there_are_two_calls_tell_of_all(account: Account, queues: Queues) -> None:
    (problem,) = queues.inspect(ask_for(*account.queues, "nowhere"))
    assert problem.startswith("Job queue nowhere does not exist")
    (asked, queue_names), (other, arns), _ = account.calls
    assert (asked, queue_names) == ("queues", (*account.queues, "nowhere"))
    assert (other, set(arns)) == ("environments", set(account.environments))
    assert len(arns) == len(account.environments)
    assert [platform.queue for platform in queues.list_known()] == list(account.queues)


def test_a_third_call_is_made_only_where_one_is_not_there(account: Account, queues: Queues) -> None:
    queues.inspect(ask_for("mixed", "graviton"))
    assert [name for name, _ in account.calls] == ["queues", "environments"]
    (problem,) = queues.inspect(ask_for("mixed", "nowhere"))
    assert [name for name, _ in account.calls[2:]] == ["queues", "all queues"]
    assert problem == (
        "Job queue nowhere does not exist in region eu-west-1: name one that is there (gpus, "
        "graviton, here, mixed, serverless), or check --batchx-region."
    )


def test_who_may_not_list_queues_is_told_without_the_others(
    account: Account, queues: Queues
) -> None:
    account.may_list = False
    assert queues.inspect(ask_for("nowhere")) == [
        "Job queue nowhere does not exist in region eu-west-1: check its name, and --batchx-region."
    ]


def test_what_batch_tells_of_queues_is_kept(account: Account, queues: Queues) -> None:
    account.add("half", EC2, SPOT)
    account.environments[f"{ARN}compute-environment/half-1"]["state"] = "DISABLED"
    assert queues.inspect({"half": "x", "nowhere": "y"})[0].startswith("Job queue nowhere (y)")
    half, nowhere = queues.list_views()
    assert [each["computeEnvironmentArn"][-6:] for each in half.environments] == [
        "half-0",
        "half-1",
    ]
    assert (half.who, half.account, nowhere.detail) == ("x", "123456789012", None)


def test_a_queue_none_of_whose_environments_gets_jobs_is_refused(
    account: Account, queues: Queues
) -> None:
    account.add("off", EC2, SPOT)
    for number in range(2):
        account.environments[f"{ARN}compute-environment/off-{number}"]["state"] = "DISABLED"
    first, second = queues.inspect(ask_for("off"))[0].splitlines()
    assert first.startswith("Compute environment off-0 of job queue off is DISABLED: enable it")
    assert second.startswith("Compute environment off-1 ")


def test_what_was_asked_once_is_known(account: Account, queues: Queues) -> None:
    queues.inspect({"mixed": "", "nowhere": "x"})
    made = len(account.calls)
    assert len(queues.inspect(ask_for("nowhere", "mixed"))) == 1
    assert queues.get("mixed").queue == "mixed"
    with pytest.raises(BatchxError, match=r"^Job queue nowhere \(x\) does not exist in region "):
        queues.get("nowhere")
    assert len(account.calls) == made
    queues.inspect(ask_for("mixed", "graviton"))
    assert account.calls[made] == ("queues", ("graviton",))


def test_a_job_that_comes_later_may_find_its_queue_mended(account: Account, queues: Queues) -> None:
    account.add("late", EC2, state="DISABLED")
    with pytest.raises(BatchxError, match="is DISABLED"):
        queues.get("late")
    account.queues["late"]["state"] = "ENABLED"
    assert queues.get("late") == Platform("late", gpu_models=frozenset())


def test_at_the_start_batch_is_asked_for_a_while_and_later_for_long(
    account: Account, queues: Queues
) -> None:
    queues.inspect(ask_for("mixed"))
    assert account.patience == OPENING
    queues.get("graviton")
    assert account.patience == PREPARATION


def test_a_queue_whose_environments_are_gone_is_refused(account: Account, queues: Queues) -> None:
    account.environments.pop(f"{ARN}compute-environment/mixed-1")
    assert queues.inspect(ask_for("mixed")) == [
        f"Job queue mixed has compute environments that are not there ({ARN}compute-environment/"
        "mixed-1): mend it, or name another."
    ]


def test_of_many_threads_one_asks(account: Account, queues: Queues) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(queues.get, ["mixed"] * 50))
    assert len(found) == 1
    assert len(account.calls) == 2


def test_what_is_known_is_told_while_batch_is_asked_for_another() -> None:
    """Batch may be out of reach for hours: why jobs wait is found out all the same."""
    known: list[Platform | None] = []

    class Slow(Account):
        def describe_queues(self, names: Sequence[str], patience: Patience) -> list[dict[str, Any]]:
            known.extend(queues.find_known(each) for each in ("on-demand", *names))
            return super().describe_queues(names, patience)

    slow = Slow()
    slow.add("on-demand", EC2)
    slow.add("spot", SPOT)
    queues = Queues(slow, "eu-west-1")
    first = queues.get("on-demand")
    queues.get("spot")
    assert known == [None, None, first, None]


def test_a_queue_may_be_named_by_its_arn(queues: Queues) -> None:
    arn = f"{ARN}job-queue/graviton"
    platform = queues.get(arn)
    assert (platform.queue, platform.architecture) == (arn, "arm64")
    assert queues.get("graviton").queue == "graviton"


SIZES = {
    "optimal": (InstanceSize("m5.large", 2, 8192), InstanceSize("r5.24xlarge", 96, 786_432)),
    "c7i": (InstanceSize("c7i.48xlarge", 192, 393_216), InstanceSize("m5.large", 2, 8192)),
    "m7g.large": (InstanceSize("m7g.large", 2, 8192),),
}


def test_sizes_are_learnt_by_one_question_where_a_job_may_be_too_large(queues: Queues) -> None:
    queues.inspect(ask_for("mixed", "graviton", "gpus", "serverless", "here"))
    large = (128.0, 1000.0, 0.0)
    largest = {"mixed": large, "graviton": (2.0, 2000.0, 0.0), "serverless": large, "here": large}
    assert queues.name_doubtful_types(largest) == {"optimal", "c7i"}
    queues.learn_sizes(largest, SIZES)
    found = queues.get("mixed").instance_sizes or ()
    # Each once, the largest first.
    assert [size.name for size in found] == ["c7i.48xlarge", "r5.24xlarge", "m5.large"]
    assert {queues.get(name).instance_sizes for name in ("graviton", "serverless", "here")} == {
        None
    }


def test_what_nobody_can_tell_of_one_type_is_told_of_none(queues: Queues) -> None:
    queues.inspect(ask_for("gpus", "mixed"))
    # Of g5.xlarge nothing is found.
    queues.learn_sizes({"gpus": (64.0, 1000.0, 0.0), "gone": (99.0, 9.0, 0.0)}, SIZES)
    assert queues.get("gpus").instance_sizes is None
    queues.learn_sizes({"mixed": (128.0, 1000.0, 0.0)}, {})
    assert queues.get("mixed").instance_sizes is None


def test_for_small_jobs_nobody_is_asked_for_sizes(queues: Queues) -> None:
    queues.inspect(ask_for("mixed", "graviton"))
    largest = {"mixed": (64.0, 200_000.0, 0.0), "graviton": (2.0, 4000.0, 0.0)}
    assert queues.name_doubtful_types(largest) == frozenset()


def test_the_most_vcpus_are_those_of_the_largest_environment(account: Account) -> None:
    account.add("two", {**EC2, "maxvCpus": 96}, {**SPOT, "maxvCpus": 256})
    account.add("own", {**EC2, "maxvCpus": 96}, {})
    queues = Queues(account, "eu-west-1")
    assert (queues.get("two").max_vcpus, queues.get("own").max_vcpus) == (256, None)


def test_without_any_queue_nobody_is_asked_for_environments(
    account: Account, queues: Queues
) -> None:
    assert len(queues.inspect(ask_for("nowhere"))) == 1
    assert account.calls == [("queues", ("nowhere",)), ("all queues", ())]
    assert queues.list_known() == []


@pytest.mark.parametrize(
    ("members", "environment", "sentence"),
    [
        ({"state": "DISABLED"}, EC2, "Job queue bad is DISABLED: enable it, or name another."),
        (
            {"status": "INVALID", "statusReason": "no subnet"},
            EC2,
            "Job queue bad is INVALID (no subnet): mend it, or name another.",
        ),
        (
            {"jobQueueType": "EKS"},
            {},
            "Job queue bad is on EKS, where batchx cannot run jobs: name a queue on EC2, EC2 Spot, "
            "Fargate or Fargate Spot.",
        ),
    ],
)
def test_a_queue_that_cannot_run_jobs_is_refused(
    account: Account, members: dict[str, Any], environment: dict[str, Any], sentence: str
) -> None:
    account.add("bad", environment, **members)
    queues = Queues(account, "eu-west-1")
    assert queues.inspect(ask_for("mixed", "bad")) == [sentence]
    with pytest.raises(BatchxError) as caught:
        queues.get("bad")
    assert str(caught.value) == sentence
    assert queues.get("mixed").queue == "mixed"


def test_the_problems_of_all_are_told_in_the_order_of_asking(account: Account) -> None:
    account.add("off", EC2, state="DISABLED")
    problems = Queues(account, "eu-west-1").inspect(ask_for("nowhere", "mixed", "off"))
    assert [problem.split()[2] for problem in problems] == ["nowhere", "off"]


def test_it_is_told_who_names_a_queue(account: Account, queues: Queues) -> None:
    account.add("off", EC2, state="DISABLED")
    account.add("pods", {}, jobQueueType="EKS")
    account.may_list = False
    asked = {"nowhere": "--batchx-job-queue", "off": "batchx_queue of Rule a", "pods": "x of y"}
    problems = queues.inspect({**asked, "mixed": "--batchx-fallback-queue"})
    assert problems == [
        "Job queue nowhere (--batchx-job-queue) does not exist in region eu-west-1: check its "
        "name, and --batchx-region.",
        "Job queue off (batchx_queue of Rule a) is DISABLED: enable it, or name another.",
        "Job queue pods (x of y) is on EKS, where batchx cannot run jobs: name a queue on EC2, EC2 "
        "Spot, Fargate or Fargate Spot.",
    ]
    # Whoever else asks is told the same.
    with pytest.raises(BatchxError, match=r"^Job queue off \(batchx_queue of Rule a\) is DISABLED"):
        queues.get("off")


def test_refusal_by_aws_is_passed_on_and_not_remembered(account: Account, queues: Queues) -> None:
    account.is_open = False
    with pytest.raises(AwsError, match=r"^AWS refuses batch:DescribeJobQueues\.$"):
        queues.inspect(ask_for("mixed"))
    account.is_open = True
    assert queues.inspect(ask_for("mixed")) == []
