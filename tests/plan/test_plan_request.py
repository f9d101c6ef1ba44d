"""What jobs ask of Batch, options, resources and platform together."""

from collections.abc import Mapping
from typing import Any

import pytest
from platforms import find_platform

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.container_options import ContainerOptions
from snakemake_executor_plugin_batchx.plan.image import NO_IMAGE, ImageNeed, JobImage
from snakemake_executor_plugin_batchx.plan.job_options import NO_OPTIONS, JobOptions, read_resources
from snakemake_executor_plugin_batchx.plan.request import (
    DEFAULT_QUEUE,
    JobRequest,
    RequestPlanner,
    Wish,
)
from snakemake_executor_plugin_batchx.plan.resources import Demand, read_demand

ROLE = "arn:aws:iam::123456789012:role/me"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a"


def make_planner(
    defaults: JobOptions = NO_OPTIONS,
    default_queue: str = "ec2",
    environment: Mapping[str, str] | None = None,
    **more: Any,
) -> RequestPlanner:
    return RequestPlanner(defaults, default_queue, find_platform, environment or {}, **more)


def make_wish(resources: Mapping[str, Any] | None = None, container: str = "") -> Wish:
    """What a rule with these resources of Snakemake's asks for."""
    given = resources or {}
    return Wish("Rule a", read_demand(given, "Rule a"), read_resources(given, "Rule a"), container)


def plan(
    queue: str,
    resources: Mapping[str, Any] | None = None,
    image: JobImage = NO_IMAGE,
    **planner: Any,
) -> JobRequest:
    return make_planner(**planner).plan(make_wish(resources), queue, image)


def list_problems(*args: Any, **kwargs: Any) -> list[str]:
    with pytest.raises(BatchxError) as caught:
        plan(*args, **kwargs)
    return str(caught.value).splitlines()


def make_image(
    requirements: Mapping[str, Any] | None = None, capability: str = "EC2", **container: Any
) -> JobImage:
    """An image of a job definition of the user's own."""
    wanted = [{"type": kind, "value": str(n)} for kind, n in (requirements or {}).items()]
    properties = {"resourceRequirements": wanted, **container}
    template = {"platformCapabilities": [capability], "containerProperties": properties}
    return JobImage("i", "i", template=template)


EC2_JOB = {"_cores": 3, "mem_mib": 1000, "runtime": 2, "disk_mib": 7}


def test_on_ec2_a_job_gets_what_it_asks_for() -> None:
    request = plan("ec2", EC2_JOB)
    assert str(request.resources) == "3 vCPU, 1256 MiB (256 of them for batchx itself)"
    assert (request.resources.timeout_seconds, request.resources.disk_mib) == (120, 7)
    assert (request.platform.queue, request.architecture, request.notes) == ("ec2", "amd64", ())


def test_on_fargate_it_gets_the_next_size_and_that_is_noted() -> None:
    request = plan("fargate", {**EC2_JOB, "batchx_execution_role": ROLE})
    assert str(request.resources) == "4 vCPU, 8192 MiB (256 of them for batchx itself)"
    assert request.notes == (
        "3 vCPU with 1256 MiB becomes 4 vCPU with 8192 MiB, the next size that Fargate has",
    )


@pytest.mark.parametrize(
    ("of_run", "of_rule", "memory_mib"),
    [(None, None, 1256), (512, None, 1512), (512, 0, 1000), (0, None, 1000), (None, 24, 1024)],
)
def test_the_overhead_is_the_rules_else_the_runs(
    of_run: int | None, of_rule: int | None, memory_mib: int
) -> None:
    resources = {"mem_mib": 1000, "batchx_memory_overhead": of_rule}
    request = plan("ec2", resources, defaults=JobOptions(memory_overhead=of_run))
    assert request.resources.memory_mib == memory_mib


TWO_OF_EACH = {"VCPU": 2, "MEMORY": 4096, "GPU": 2}


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, "2 vCPU, 2 GPU, 4096 MiB"),
        # Snakemake says 1 thread of a rule that names none.
        ({"_cores": 1}, "2 vCPU, 2 GPU, 4096 MiB"),
        ({"_cores": 3}, "3 vCPU, 2 GPU, 4096 MiB"),
        ({"mem_mib": 100}, "2 vCPU, 2 GPU, 356 MiB (256 of them for batchx itself)"),
        ({"gpu": 1}, "2 vCPU, 1 GPU, 4096 MiB"),
        ({"gpu_model": "t4"}, "2 vCPU, 2 GPU, 4096 MiB"),
    ],
)
def test_what_a_rule_leaves_open_its_definition_says(
    resources: dict[str, Any], expected: str
) -> None:
    assert str(plan("gpu", resources, make_image(TWO_OF_EACH)).resources) == expected


def test_the_parts_of_a_vcpu_that_a_definition_for_fargate_asks_for_stay() -> None:
    image = make_image({"VCPU": 0.25, "MEMORY": 512}, "FARGATE", executionRoleArn=ROLE)
    request = plan("fargate", {}, image)
    assert (str(request.resources), request.notes) == ("0.25 vCPU, 512 MiB", ())


@pytest.mark.parametrize(
    ("queue", "resources", "image", "starts"),
    [
        ("fair", {}, NO_IMAGE, ["queue fair has a scheduling policy and demands a share"]),
        ("ec2", {"batchx_share": "a"}, NO_IMAGE, ["batchx_share is set, but queue ec2 has no "]),
        ("ec2", {"batchx_public_ip": "off"}, NO_IMAGE, ["batchx_public_ip is set, but queue ec2"]),
        ("ec2", {"gpu": 1}, NO_IMAGE, ["gpu=1 is asked of queue ec2, whose instance types have"]),
        (
            "gpu",
            {"gpu": 1, "gpu_model": "a100"},
            NO_IMAGE,
            ["gpu_model='a100' is asked of queue gpu, whose instances have NVIDIA T4: "],
        ),
        (
            "fargate",
            {"gpu": 1},
            NO_IMAGE,
            [
                "gpu=1 is asked of queue fargate, but Fargate has no GPUs: ",
                "queue fargate is on Fargate, where ECS needs a role: ",
            ],
        ),
        (
            "fargate",
            {"batchx_execution_role": ROLE, "_cores": 33},
            NO_IMAGE,
            ["asks for 33 vCPU and 2,304 MiB of memory, more than a task on Fargate can have"],
        ),
        (
            "fargate",
            {"batchx_execution_role": ROLE, "disk_mib": 300_000},
            NO_IMAGE,
            ["asks for 300,000 MiB of disk, more than a task on Fargate can have"],
        ),
        ("ec2", {"batchx_arch": "arm64"}, NO_IMAGE, ["batchx_arch is arm64, but the instances"]),
        (
            "ec2",
            {},
            make_image(capability="FARGATE"),
            ["its job definition is for FARGATE, but queue ec2 is on EC2: "],
        ),
        (
            "fargate",
            {"batchx_arch": "arm64", "batchx_execution_role": ROLE},
            make_image(capability="FARGATE", runtimePlatform={"cpuArchitecture": "X86_64"}),
            ["its job definition is for X86_64, but the job is to run on arm64: "],
        ),
        (
            "ec2",
            {"batchx_volumes": "/a:/b"},
            make_image(mountPoints=[{"containerPath": "/b"}]),
            ["batchx_volumes mounts the host's folder /a at /b, where its job definition mounts"],
        ),
        (
            "ec2",
            {"batchx_secrets": f"A={SECRET}"},
            NO_IMAGE,
            ["batchx_secrets: to read them, ECS needs a role: "],
        ),
        (
            "ec2",
            {"mem_mib": 1000, "batchx_options": "--memory-swap 1255"},
            NO_IMAGE,
            ["batchx_options holds --memory-swap with 1255 MiB, below the job's memory of 1256 "],
        ),
        (
            "ec2",
            {"mem_mib": 1000, "batchx_options": "--memory-swap 1256 --memory-swappiness 1"},
            NO_IMAGE,
            ["batchx_options holds --memory-swappiness, but its --memory-swap of 1256 MiB is "],
        ),
        (
            "ec2",
            {"batchx_options": "--memory-swappiness 1"},
            NO_IMAGE,
            ["batchx_options holds --memory-swappiness without --memory-swap, and Batch ignores "],
        ),
        (
            "ec2",
            {"batchx_memory_overhead": 0, "mem_mib": 1},
            NO_IMAGE,
            ["mem_mb is 1 MiB with an overhead of 0 MiB, but Batch gives a job 4 MiB at least"],
        ),
    ],
)
def test_what_a_queue_cannot_give_is_told(
    queue: str, resources: dict[str, Any], image: JobImage, starts: list[str]
) -> None:
    told = list_problems(queue, resources, image)
    assert len(told) == len(starts)
    for sentence, start in zip(told, starts, strict=True):
        assert sentence.startswith(f"Rule a: {start}")
        assert sentence.endswith(".")


def test_consumables_of_rule_and_run_together_are_five_at_most() -> None:
    defaults = JobOptions(consumables=tuple((name, 1) for name in "abc"))
    assert plan("ec2", {"batchx_consumables": "c=2,d,e"}, defaults=defaults).options.consumables
    (sentence,) = list_problems("ec2", {"batchx_consumables": "d,e,f"}, defaults=defaults)
    assert sentence.startswith("Rule a: it holds 6 consumable resources by ")


def test_a_job_works_in_the_runs_folder() -> None:
    resources = {"batchx_volumes": "/a:/work:ro"}
    assert len(plan("ec2", resources).options.volumes or ()) == 1
    (sentence,) = list_problems("ec2", resources, scratch="/work")
    assert sentence.startswith("Rule a: batchx_volumes mounts the host's folder /a read-only at ")


def test_all_that_is_wrong_is_told_at_once_each_in_a_sentence() -> None:
    resources = {
        "gpu": 1,
        "batchx_options": "--privileged -e TOKEN -e KEY",
        "batchx_volumes": "/data",
        "batchx_priority": 5,
        "batchx_secrets": f"A={SECRET}",
    }
    told = list_problems("fargate", resources, make_image())
    assert [sentence.removeprefix("Rule a: ").partition(",")[0] for sentence in told] == [
        "gpu=1 is asked of queue fargate",
        "batchx_options holds -e TOKEN",
        "batchx_options holds -e KEY",
        "batchx_priority is set",
        "batchx_options holds --privileged",
        "batchx_volumes mounts the host's folder /data at /data",
        "queue fargate is on Fargate",
        "batchx_secrets: to read them",
        "its job definition is for EC2",
    ]


def test_what_the_run_sets_is_dropped_where_a_queue_does_not_know_it() -> None:
    defaults = JobOptions(share="a", priority=1, public_ip=True, platform_version="LATEST")
    on_ec2 = plan("ec2", defaults=defaults).options
    assert on_ec2 == NO_OPTIONS
    everything = plan("fair-fargate", {"batchx_execution_role": ROLE}, defaults=defaults).options
    assert everything == JobOptions(
        share="a", priority=1, public_ip=True, platform_version="LATEST", execution_role=ROLE
    )


def test_what_a_rule_sets_is_dropped_of_a_run_with_one_queue() -> None:
    resources = {"batchx_share": "a", "batchx_priority": 5, "batchx_public_ip": "on"}
    assert len(list_problems("local", resources)) == 3
    request = plan("local", resources, default_queue="local", has_one_queue=True)
    assert request.options == NO_OPTIONS


def test_a_run_with_one_queue_holds_no_consumables() -> None:
    resources = {"batchx_consumables": "a"}
    defaults = JobOptions(consumables=(("b", 1),))
    held = plan("local", resources, defaults=defaults, default_queue="local").options
    assert held.consumables is not None
    assert dict(held.consumables) == {"a": 1, "b": 1}
    request = plan("local", resources, defaults=defaults, default_queue="local", has_one_queue=True)
    assert request.options == NO_OPTIONS


@pytest.mark.parametrize(
    ("queue", "of_run", "architecture"),
    [
        ("ec2", "arm64", "amd64"),
        ("arm", "amd64", "arm64"),
        ("arm", "arm64", "arm64"),
        ("fargate", "arm64", "arm64"),
        ("fargate", None, "amd64"),
    ],
)
def test_the_runs_processor_counts_on_fargate_and_is_passed_over_on_ec2(
    queue: str, of_run: str | None, architecture: str
) -> None:
    defaults = JobOptions(arch=of_run, execution_role=ROLE)
    request = plan(queue, defaults=defaults)
    assert request.architecture == architecture
    assert make_planner(defaults).choose_image(make_wish(), queue).architecture == architecture


def test_an_embedded_batch_has_the_gpus_of_its_machine() -> None:
    assert plan("local", {"gpu": 2, "gpu_model": "a100"}).resources.gpus == 2


def test_swap_is_compared_with_the_memory_that_the_job_gets() -> None:
    options = {"batchx_options": "--memory-swap 4097 --memory-swappiness 1"}
    request = plan("ec2", options, make_image({"MEMORY": 4096}))
    assert request.container.make_properties(request.resources.memory_mib) == {
        "linuxParameters": {"maxSwap": 1, "swappiness": 1}
    }
    assert (
        "below the job's memory of 4352 MiB"
        in list_problems("ec2", {"mem_mib": 4096, "batchx_options": "--memory-swap 4097"})[0]
    )


def test_variables_without_a_value_get_that_of_this_machine() -> None:
    options = {"batchx_options": "-e TOKEN -e A=1"}
    request = plan("ec2", options, environment={"TOKEN": "hunter2", "A": "2"})
    assert request.passed == (("TOKEN", "hunter2"),)
    assert request.container.environment == (("A", "1"),)
    assert "hunter2" not in repr(request)
    assert list_problems("ec2", options, environment={"A": "2"}) == [
        "Rule a: batchx_options holds -e TOKEN, but TOKEN is not set on this machine: set it, or "
        "give a value (-e TOKEN=…)."
    ]


def test_the_variables_of_this_machine_are_not_shown() -> None:
    assert "hunter2" not in repr(make_planner(environment={"TOKEN": "hunter2"}))


def test_the_notes_of_options_are_kept() -> None:
    request = plan("ec2", {"runtime": 0.5, "batchx_options": "--shm-size 64"})
    assert request.notes == (
        "runtime of 30 s becomes 60 s, the least on Batch",
        "--shm-size: 64 is taken as 64 MiB (docker would take bytes)",
    )


def test_a_queue_that_cannot_be_used_is_told() -> None:
    assert list_problems("gone") == ["Job queue gone does not exist."]


def make_queues(own: str | None = None, fallback: str | None = None) -> JobOptions:
    return JobOptions(queue=own, fallback_queue=fallback)


@pytest.mark.parametrize(
    ("of_rule", "of_run", "queues"),
    [
        (make_queues(), make_queues(), ["ec2"]),
        (make_queues("gpu"), make_queues(), ["gpu"]),
        (make_queues(), make_queues(fallback="fair"), ["ec2", "fair"]),
        (make_queues("gpu", "arm"), make_queues(fallback="fair"), ["gpu", "arm"]),
        (make_queues("gpu"), make_queues(fallback="fair"), ["gpu", "fair"]),
        # A rule's own queue may be the one that others fall back on.
        (make_queues("fair"), make_queues(fallback="fair"), ["fair"]),
        (make_queues(fallback="ec2"), make_queues(fallback="fair"), ["ec2"]),
        # The setting's queue counts as Batch knows it.
        (make_queues(), make_queues("arn:of-ec2"), ["ec2"]),
    ],
)
def test_a_job_goes_to_its_own_queue_then_to_the_one_to_fall_back_on(
    of_rule: JobOptions, of_run: JobOptions, queues: list[str]
) -> None:
    wish = Wish("Rule a", options=of_rule)
    assert make_planner(of_run).list_queues(wish) == queues
    one = make_planner(of_run, "local", has_one_queue=True)
    assert one.list_queues(wish) == ["local"]


def test_of_a_queue_it_is_told_who_names_it() -> None:
    planner = make_planner(make_queues(fallback="fair"))
    assert planner.name_queues(Wish("Rule a")) == {
        "ec2": DEFAULT_QUEUE,
        "fair": "--batchx-fallback-queue",
    }
    mapped = Wish("Rule a", options=make_queues("gpu", "arm"), is_queue_mapped=True)
    assert planner.name_queues(mapped) == {
        "gpu": "--batchx-module-map of Rule a",
        "arm": "batchx_fallback_queue of Rule a",
    }
    own = Wish("Rule a", options=make_queues("gpu"))
    assert planner.name_queues(own)["gpu"] == "batchx_queue of Rule a"


@pytest.mark.parametrize(
    ("queue", "arch", "of_run", "chosen"),
    [
        ("ec2", None, None, "amd64"),
        ("arm", None, None, "arm64"),
        ("fargate", None, None, "amd64"),
        ("fargate", None, "arm64", "arm64"),
        ("fargate", "amd64", "arm64", "amd64"),
    ],
)
def test_an_image_is_needed_for_the_processor_of_the_job(
    queue: str, arch: str | None, of_run: str | None, chosen: Any
) -> None:
    wish = make_wish({"batchx_arch": arch}, container="debian:12")
    planner = make_planner(JobOptions(arch=of_run))
    assert planner.choose_image(wish, queue) == ImageNeed("debian:12", chosen)


def test_an_image_is_read_with_the_logins_of_rule_and_run() -> None:
    wish = make_wish({"batchx_registry_credentials": f"quay.io={SECRET}"}, container="i")
    planner = make_planner(JobOptions(registry_credentials=(("ghcr.io", SECRET),)))
    need = planner.choose_image(wish, "ec2")
    assert need == ImageNeed("i", "amd64", (("ghcr.io", SECRET), ("quay.io", SECRET)))
    assert need.find_secret("quay.io") == SECRET
    assert need.find_secret("docker.io") is None


def test_no_image_is_needed_where_the_processor_is_wrong() -> None:
    with pytest.raises(BatchxError, match=r"^Rule a: batchx_arch is arm64, but .* amd64: .*\.$"):
        make_planner().choose_image(make_wish({"batchx_arch": "arm64"}), "ec2")


def test_equal_requests_are_equal_and_others_are_not() -> None:
    """Jobs are put into arrays by them."""
    resources = [
        {"_cores": 2},
        {"_cores": 2, "batchx_tags": "a=1"},
        {"_cores": 2, "batchx_volumes": "/a efs://fs-01234567:/b"},
        {"_cores": 2, "batchx_options": "--init --tmpfs /a:size=1m"},
    ]
    for copies in (1, 3):
        requests = [plan("ec2", each) for each in resources * copies]
        assert len(set(requests)) == len(resources)


def test_a_wish_of_nothing_is_a_job_of_one_vcpu() -> None:
    request = make_planner().plan(Wish("Rule a", Demand()), "ec2", NO_IMAGE)
    assert str(request.resources) == "1 vCPU, 2304 MiB (256 of them for batchx itself)"
    assert request.container == ContainerOptions()
