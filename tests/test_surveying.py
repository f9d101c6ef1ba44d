"""All that the jobs of a run ask of Batch, judged before the first is submitted."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from platforms import PLATFORMS, find_platform

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.image import ImageNeed, JobImage
from snakemake_executor_plugin_batchx.plan.job_options import NO_OPTIONS, JobOptions, read_resources
from snakemake_executor_plugin_batchx.plan.options import OPTIONS
from snakemake_executor_plugin_batchx.plan.request import DEFAULT_QUEUE, RequestPlanner, Wish
from snakemake_executor_plugin_batchx.plan.resources import read_demand
from snakemake_executor_plugin_batchx.plan.values import Problems
from snakemake_executor_plugin_batchx.surveying import (
    UNUSED,
    Survey,
    list_arch_problems,
    list_unused_settings,
)

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a"
OWN_DEFINITION = "job-definition://mine"


def make_wish(name: str, container: str = "debian:12", **resources: Any) -> Wish:
    """What a rule asks for with these resources, `batchx_` left out of their names."""
    label = f"Rule {name}"
    options = {f"batchx_{key}": value for key, value in resources.items()}
    plain = {key: resources[key] for key in resources.keys() & {"_cores", "gpu", "mem_mib"}}
    own = {key: value for key, value in options.items() if key[7:] not in plain}
    return Wish(label, read_demand(plain, label), read_resources(own, label), container)


def make_survey(
    *wishes: Wish,
    defaults: JobOptions = NO_OPTIONS,
    default_queue: str = "ec2",
    container_image: str = "",
    has_one_queue: bool = False,
) -> Survey:
    planner = RequestPlanner(defaults, default_queue, find_platform, {}, has_one_queue)
    return Survey(planner, wishes, container_image)


def list_starts(sentences: list[str]) -> list[str]:
    """Sentences up to where they go into details."""
    return [sentence.partition(",")[0].partition(" (")[0] for sentence in sentences]


def test_the_problems_of_all_wishes_are_told_together_and_in_order() -> None:
    survey = make_survey(
        make_wish("a", gpu=1, secrets=f"A={SECRET}"),
        make_wish("fine", mem_mib=100),
        make_wish("b", priority=1),
        make_wish("c", queue="gone"),
    )
    assert list_starts(survey.list_problems()) == [
        "Rule a: gpu=1 is asked of queue ec2",
        "Rule a: batchx_secrets: to read them",
        "Rule b: batchx_priority is set",
        "Job queue gone does not exist.",
    ]


def test_each_sentence_is_told_once() -> None:
    survey = make_survey(
        make_wish("a", queue="gone"),
        make_wish("b", queue="gone"),
        make_wish("c", secrets=f"A={SECRET}", fallback_queue="arm"),
        make_wish("c", secrets=f"A={SECRET}"),
    )
    problems = Problems()
    problems.sentences += survey.list_problems()
    with pytest.raises(BatchxError) as caught:
        problems.raise_all()
    assert list_starts(str(caught.value).splitlines()) == [
        "Job queue gone does not exist.",
        "Rule c: batchx_secrets: to read them",
    ]


def test_a_wish_must_fit_the_queue_to_fall_back_on_as_well() -> None:
    survey = make_survey(
        make_wish("a", volumes="/data"), defaults=JobOptions(fallback_queue="fair")
    )
    (sentence,) = survey.list_problems()
    assert sentence.startswith("Rule a: queue fair has a scheduling policy and demands a share")


def test_what_no_instance_of_its_queue_could_run_is_told_with_all_else() -> None:
    survey = make_survey(
        make_wish("big", _cores=128),
        make_wish("wide", _cores=16, mem_mib=100_000, queue="sized"),
        make_wish("fine", _cores=16, mem_mib=1000, queue="sized"),
        make_wish("many", _cores=40, queue="limited"),
        make_wish("unknown", _cores=10_000, queue="ec2"),
        make_wish("b", priority=1),
        default_queue="sized",
    )
    assert list_starts(survey.list_problems()) == [
        "Rule big: it asks for 128 vCPU",
        "Rule wide: it asks for 100256 MiB of memory",
        "Rule many: it asks for 40 vCPU",
        "Rule b: batchx_priority is set",
    ]


def test_the_largest_wishes_are_measured_for_each_queue() -> None:
    survey = make_survey(
        make_wish("a", _cores=4, mem_mib=100),
        make_wish("b", mem_mib=9000, gpu=1, fallback_queue="arm"),
        make_wish("c", _cores=64, queue="fargate"),
        replace(make_wish("of a group", _cores=99), is_grouped=True),
    )
    assert survey.measure_largest() == {
        "ec2": (4, 9000, 1),
        "arm": (1, 9000, 1),
        "fargate": (64, 0, 0),
    }


def test_a_run_with_one_queue_has_no_other_to_fit() -> None:
    survey = make_survey(
        make_wish("a", queue="gone", fallback_queue="fargate", priority=1),
        default_queue="ec2",
        has_one_queue=True,
    )
    assert survey.list_problems() == []
    assert survey.name_queues().keys() == {"ec2"}


def test_nothing_is_wrong_with_nothing() -> None:
    survey = make_survey()
    assert survey.list_problems() == survey.list_image_problems({}) == []
    assert survey.name_queues().keys() == {"ec2"}
    assert survey.list_needs() == {}
    assert survey.list_consumables() == {}


def test_queues_are_those_of_the_run_and_of_all_rules_each_with_who_names_it_first() -> None:
    survey = make_survey(
        make_wish("a", queue="arm"),
        make_wish("b"),
        make_wish("c", queue="gone", fallback_queue="fargate"),
        make_wish("d", queue="arm"),
        defaults=JobOptions(fallback_queue="fair"),
    )
    # Where a rule names nothing, "ec2" is where it goes.
    assert survey.name_queues() == {
        "ec2": DEFAULT_QUEUE,
        "arm": "batchx_queue of Rule a",
        "fair": "--batchx-fallback-queue",
        "gone": "batchx_queue of Rule c",
        "fargate": "batchx_fallback_queue of Rule c",
    }


def test_an_image_is_needed_once_and_told_of_who_asks_first() -> None:
    survey = make_survey(
        make_wish("a"),
        make_wish("b"),
        make_wish("b", container="busybox", fallback_queue="arm"),
        make_wish("c", registry_credentials=f"quay.io={SECRET}"),
    )
    assert survey.list_needs() == {
        ImageNeed("debian:12"): "Rule a",
        ImageNeed("busybox"): "Rule b",
        ImageNeed("busybox", "arm64"): "Rule b",
        ImageNeed("debian:12", "amd64", (("quay.io", SECRET),)): "Rule c",
    }


def test_where_a_rule_names_no_container_that_is_told_with_its_image() -> None:
    survey = make_survey(make_wish("a", container="ours"), make_wish("b"), container_image="ours")
    assert survey.list_needs() == {
        ImageNeed("ours"): "Rule a (which names no container, so --container-image counts)",
        ImageNeed("debian:12"): "Rule b",
    }


def test_no_image_is_needed_for_what_cannot_run() -> None:
    survey = make_survey(
        make_wish("a", arch="arm64"),
        make_wish("b", queue="gone", container="busybox"),
        make_wish("c", arch="arm64", queue="fargate"),
    )
    assert survey.list_needs() == {ImageNeed("debian:12", "arm64"): "Rule c"}
    assert list_starts(survey.list_problems())[:2] == [
        "Rule a: batchx_arch is arm64",
        "Job queue gone does not exist.",
    ]


def test_consumables_are_those_of_the_run_and_of_all_rules() -> None:
    survey = make_survey(
        make_wish("a", consumables="licence=2"),
        make_wish("b", consumables="seat"),
        make_wish("c", consumables="licence=2"),
        defaults=JobOptions(consumables=(("licence", 1),)),
    )
    assert survey.list_consumables() == {
        ("licence", 2): "Rule a",
        ("licence", 1): "Rule b",
        ("seat", 1): "Rule b",
    }


def test_a_run_with_one_queue_holds_no_consumables() -> None:
    """Its account is the run's own, where nobody has made any."""
    survey = make_survey(
        make_wish("a", consumables="licence=2"),
        defaults=JobOptions(consumables=(("seat", 1),)),
        has_one_queue=True,
    )
    assert survey.list_consumables() == {}


def judge(survey: Survey, template: Mapping[str, Any]) -> list[str]:
    image = JobImage("i", "i", template=template)
    return survey.list_image_problems(dict.fromkeys(survey.list_needs(), image))


SWAP = "--memory-swap 5000 --memory-swappiness 1"


def test_what_goes_into_a_definition_of_the_users_is_judged_once_that_is_known() -> None:
    """Its memory, roles and platform may be what makes a wish right, or wrong."""
    survey = make_survey(
        make_wish("a", OWN_DEFINITION, options=SWAP, secrets=f"A={SECRET}"),
        make_wish("b", OWN_DEFINITION, queue="fargate"),
    )
    assert survey.list_problems() == []
    requirements = [{"type": "MEMORY", "value": "8000"}]
    container = {"resourceRequirements": requirements, "executionRoleArn": "arn"}
    assert list_starts(judge(survey, {"containerProperties": container})) == [
        "Rule a: batchx_options holds --memory-swap with 5000 MiB",
        "Rule b: its job definition is for EC2",
    ]
    container = {"executionRoleArn": "arn"}
    assert list_starts(judge(survey, {"containerProperties": container})) == [
        "Rule b: its job definition is for EC2",
    ]


def test_of_an_image_that_could_not_be_had_nothing_more_is_told() -> None:
    survey = make_survey(make_wish("a", OWN_DEFINITION, queue="fargate"))
    assert survey.list_image_problems({}) == []


def test_the_images_of_others_are_judged_too() -> None:
    """A login that its registry needs demands a role, which shows with the image alone."""
    survey = make_survey(make_wish("a", registry_credentials=f"quay.io={SECRET}"))
    assert survey.list_problems() == []
    images = {need: JobImage("i", "i", credentials=SECRET) for need in survey.list_needs()}
    assert list_starts(survey.list_image_problems(images)) == [
        "Rule a: batchx_registry_credentials: to read them"
    ]


def test_rules_in_groups_are_judged_when_these_are_formed_but_their_images_are_needed() -> None:
    """What such a rule asks for may be mended, or spoilt, by another of its group."""
    alone = make_wish("a", OWN_DEFINITION, queue="fargate", priority=1)
    survey = make_survey(replace(alone, is_grouped=True), make_wish("b", gpu=1))
    assert list_starts(survey.list_problems()) == ["Rule b: gpu=1 is asked of queue ec2"]
    assert survey.list_needs() == {
        ImageNeed(OWN_DEFINITION): "Rule a",
        ImageNeed("debian:12"): "Rule b",
    }
    assert survey.name_queues().keys() == {"ec2", "fargate"}
    template = {"containerProperties": {"executionRoleArn": "arn"}}
    # Both have this definition here, which is for EC2, where rule b goes.
    assert list_starts(judge(survey, template)) == ["Rule b: gpu=1 is asked of queue ec2"]
    assert list_starts(judge(make_survey(alone), template)) == [
        "Rule a: batchx_priority is set",
        "Rule a: its job definition is for EC2",
    ]


EVERY_NEED = JobOptions(priority=0, share="a", public_ip=False, platform_version="LATEST")


@pytest.mark.parametrize(
    ("queues", "flags"),
    [
        (["ec2"], ["priority", "share", "public-ip", "platform-version"]),
        (["ec2", "arm"], ["priority", "share", "public-ip", "platform-version"]),
        (["ec2", "fair"], ["public-ip", "platform-version"]),
        (["fargate", "ec2"], ["priority", "share"]),
        (["fargate", "fair"], []),
    ],
)
def test_a_setting_that_no_queue_knows_is_told(queues: list[str], flags: list[str]) -> None:
    told = list_unused_settings(EVERY_NEED, [PLATFORMS[queue] for queue in queues])
    assert [sentence.partition(" is set, but ")[0] for sentence in told] == [
        f"--batchx-{flag}" for flag in flags
    ]
    assert all(f"({', '.join(queues)})" in sentence for sentence in told)
    assert all(sentence.endswith(": leave it out.") for sentence in told)


def test_settings_that_are_left_out_are_not_told() -> None:
    assert list_unused_settings(NO_OPTIONS, PLATFORMS.values()) == []
    assert list_unused_settings(NO_OPTIONS, [PLATFORMS["ec2"]]) == []


def test_of_queues_that_cannot_be_used_nothing_can_be_said() -> None:
    assert list_unused_settings(EVERY_NEED, []) == []


def test_all_that_an_option_can_need_has_words() -> None:
    assert {option.needs for option in OPTIONS if option.needs} == UNUSED.keys()
    assert all("({queues})" in words for words in UNUSED.values())


@pytest.mark.parametrize(
    ("arch", "queues", "told"),
    [
        ("arm64", ["ec2"], ["ec2"]),
        ("arm64", ["ec2", "arm", "fair"], ["ec2", "fair"]),
        ("amd64", ["ec2", "arm", "fair"], ["arm"]),
        ("amd64", ["ec2", "fair"], []),
        # On Fargate it means something.
        ("arm64", ["ec2", "fargate"], []),
        ("arm64", ["fargate"], []),
        (None, ["ec2", "arm"], []),
        ("arm64", [], []),
    ],
)
def test_a_processor_that_no_job_can_choose_is_told_for_each_queue_of_another(
    arch: str | None, queues: list[str], told: list[str]
) -> None:
    platforms = [PLATFORMS[queue] for queue in queues]
    assert list_arch_problems(JobOptions(arch=arch), platforms) == [
        f"--batchx-arch is {arch}, but the instances of queue {queue} are "
        f"{PLATFORMS[queue].architecture}, and no queue of the run is on Fargate: leave it out."
        for queue in told
    ]
