"""What jobs and groups of a workflow ask for, from Snakemake's own objects."""

from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.iocontainers import ResourceList
from snakemake.resources import Resource, Resources

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.job_options import JobOptions
from snakemake_executor_plugin_batchx.plan.module_map import EMPTY_MAP, Module, ModuleMap
from snakemake_executor_plugin_batchx.plan.request import Wish
from snakemake_executor_plugin_batchx.workflow.wishes import choose_container, make_wish

GUESS = {"disk": 50_000, "mem": "1GB"}
"""As --default-resources has it."""


def make_workflow(
    container_image: str = "", defaults: Resources | dict[str, Any] | None = None
) -> SimpleNamespace:
    return SimpleNamespace(
        remote_execution_settings=SimpleNamespace(container_image=container_image),
        resource_settings=SimpleNamespace(
            _parsed_default_resources=Resources.from_mapping(defaults or {})
        ),
    )


PLAIN = make_workflow()


def make_step(
    name: str = "a",
    container: str | None = None,
    workflow: SimpleNamespace = PLAIN,
    **resources: Any,
) -> SimpleNamespace:
    """A job as Snakemake makes it of a rule: with defaults, units and threads."""
    of_rule = workflow.resource_settings._parsed_default_resources.copy()
    of_rule["_cores"] = resources.pop("threads", 1)
    of_rule.update(Resources.from_mapping(resources))
    expanded = of_rule.expand_items(
        constraints={}, evaluate=lambda each: Resource(each.name, 50_000)
    )
    return SimpleNamespace(
        rule=SimpleNamespace(name=name, resources=of_rule),
        container_img_url=container,
        resources=ResourceList(fromdict={k: v for k, v in expanded if v is not None}),
    )


def make_group(*steps: SimpleNamespace) -> SimpleNamespace:
    """A group of jobs that run one after another; Snakemake sums up or takes the most."""
    joined: dict[str, Any] = {}
    for step in steps:
        for name, value in step.resources.items():
            is_summed = name in joined and not isinstance(value, str)
            joined[name] = joined[name] + value if is_summed else value
    return SimpleNamespace(resources=ResourceList(fromdict=joined))


def wish_for(
    *steps: SimpleNamespace,
    workflow: SimpleNamespace = PLAIN,
    modules: ModuleMap = EMPTY_MAP,
) -> Wish:
    job = steps[0] if len(steps) == 1 else make_group(*steps)
    return make_wish(job, steps, "Job x", workflow, modules)


def list_mistakes(*steps: SimpleNamespace, **more: Any) -> list[str]:
    with pytest.raises(BatchxError) as caught:
        wish_for(*steps, **more)
    return str(caught.value).splitlines()


def test_a_job_asks_for_what_its_rule_names() -> None:
    wish = wish_for(
        make_step(
            container="docker://debian:12",
            threads=4,
            mem_mib=1000,
            runtime="1h",
            batchx_priority=5,
            batchx_tags="a=1",
        )
    )
    assert (wish.label, wish.container) == ("Job x", "docker://debian:12")
    assert (wish.demand.threads, wish.demand.memory_mib, wish.demand.minutes) == (4, 1000, 60)
    assert wish.options == JobOptions(priority=5, tags=(("a", "1"),))


def test_a_rule_that_names_nothing_asks_for_nothing() -> None:
    assert wish_for(make_step()) == Wish("Job x")


def test_all_mistakes_of_a_job_are_told_together() -> None:
    assert list_mistakes(make_step(gpu="two", batchx_priority=-1, batchx_qeue="q")) == [
        "Job x: resource gpu='two' must be 0 or a positive number.",
        "Job x: resource batchx_priority=-1 must be a whole number from 0 to 9999.",
        "Job x: resource batchx_qeue is none of batchx: did you mean batchx_queue?",
    ]


def test_numbers_of_a_group_are_not_summed_up() -> None:
    steps = [make_step(name, mem_mib=100, batchx_priority=5, batchx_retries=3) for name in "ab"]
    wish = wish_for(*steps)
    assert (wish.options.priority, wish.options.retries) == (5, 3)
    # Memory is Snakemake's to count.
    assert wish.demand.memory_mib == 200


def test_a_group_has_what_one_of_its_rules_names_alone() -> None:
    wish = wish_for(
        make_step("a", batchx_share="x"), make_step("b"), make_step("c", batchx_arch=None)
    )
    assert wish.options == JobOptions(share="x")


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ({"batchx_priority": 1}, {"batchx_priority": 2}, "batchx_priority (1 and 2)"),
        ({"batchx_queue": "a"}, {"batchx_queue": "b"}, "batchx_queue ('a' and 'b')"),
        (
            {"batchx_tags": "a=1"},
            {"batchx_tags": "a=1,b=2"},
            "batchx_tags ('a=1' and 'a=1,b=2')",
        ),
    ],
)
def test_rules_of_a_group_that_ask_for_different_things_are_refused(
    one: dict[str, Any], other: dict[str, Any], words: str
) -> None:
    assert list_mistakes(make_step("a", **one), make_step("b", **other)) == [
        f"Job x joins rules with different {words}, but a group is one Batch job: give its rules "
        "the same."
    ]


def test_rules_of_a_group_mark_inputs_each_for_itself() -> None:
    """What is kept on hosts is about a rule's inputs (workflow/host_cache.py)."""
    steps = [make_step(name, batchx_host_cache=f"{name}/*") for name in "ab"]
    assert wish_for(*steps).options == JobOptions()


def test_rules_of_a_group_with_the_same_mistake_are_told_once() -> None:
    steps = [make_step(name, batchx_array="maybe") for name in "ab"]
    assert list_mistakes(*steps) == ["Job x: resource batchx_array='maybe' must be on or off."]


GUESSING = make_workflow(defaults=GUESS)


@pytest.mark.parametrize(
    "defaults", [GUESS, Resources.default("full")], ids=["of numbers", "snakemake's own"]
)
def test_a_disk_that_no_rule_names_is_not_demanded(defaults: Any) -> None:
    workflow = make_workflow(defaults=defaults)
    demand = wish_for(make_step(workflow=workflow), workflow=workflow).demand
    assert demand.disk_mib is None
    assert demand.memory_mib is not None
    named = make_step(workflow=workflow, disk_mb=1000)
    assert wish_for(named, workflow=workflow).demand.disk_mib


def test_a_disk_that_a_rule_names_is_demanded() -> None:
    named = make_step(workflow=GUESSING, disk_mib=2000)
    assert round(wish_for(named, workflow=GUESSING).demand.disk_mib or 0, -1) == 2000
    assert wish_for(make_step(disk_mib=2000)).demand.disk_mib


def test_of_a_group_one_rule_that_names_a_disk_is_enough() -> None:
    silent, named = (
        make_step("a", workflow=GUESSING),
        make_step("b", workflow=GUESSING, disk_mb=1000),
    )
    assert wish_for(silent, silent, workflow=GUESSING).demand.disk_mib is None
    assert wish_for(silent, named, workflow=GUESSING).demand.disk_mib


def test_what_is_known_only_later_is_not_demanded_yet() -> None:
    """Functions of inputs that are not there yet: Snakemake marks what they would say."""
    step = make_step()
    step.resources = {"_cores": 1, "mem_mb": "<TBD>", "batchx_memory_overhead": "<TBD>"}
    assert wish_for(step) == Wish("Job x")


MAP = ModuleMap(
    (
        Module(rule="mapped", image="of-map", queue="queue-of-map"),
        Module(rule="elsewhere", queue="elsewhere"),
        Module(container="*/tool", version="2"),
        Module(rule="own", definition="of-map:3"),
    )
)


@pytest.mark.parametrize(
    ("step", "default", "container"),
    [
        (make_step("plain"), "", ""),
        (make_step("plain"), "default", "default"),
        (make_step("plain", "of-rule"), "default", "of-rule"),
        (make_step("mapped", "of-rule"), "default", "of-map"),
        (make_step("mapped"), "default", "of-map"),
        (make_step("mapped", "of-rule", batchx_image="mine"), "default", "mine"),
        (make_step("plain", batchx_image="mine"), "", "mine"),
        (make_step("plain", "docker://lab/tool:1"), "", "lab/tool:2"),
        (make_step("own", "of-rule"), "", "job-definition://of-map:3"),
        # The map is about what rules name, not about the run's default.
        (make_step("plain"), "lab/tool:1", "lab/tool:1"),
    ],
)
def test_an_image_is_the_resources_then_the_maps_then_the_rules_then_the_runs(
    step: SimpleNamespace, default: str, container: str
) -> None:
    workflow = make_workflow(default)
    found = wish_for(step, workflow=workflow, modules=MAP).container
    assert found.removeprefix("docker://") == container
    assert choose_container([step, step], "Job x", workflow, MAP) == found


@pytest.mark.parametrize(
    ("step", "queue"),
    [
        (make_step("plain"), None),
        (make_step("mapped"), "queue-of-map"),
        (make_step("mapped", batchx_queue="mine"), "mine"),
    ],
)
def test_a_queue_is_the_resources_then_the_maps(step: SimpleNamespace, queue: str | None) -> None:
    is_mapped = queue == "queue-of-map"
    for steps in ([step], [step, step]):
        wish = wish_for(*steps, modules=MAP)
        assert (wish.options.queue, wish.is_queue_mapped) == (queue, is_mapped)


def test_a_group_has_one_image() -> None:
    steps = [make_step("a", "one"), make_step("b", "two")]
    assert list_mistakes(*steps) == [
        "Job x joins rules of different containers (one, two), but a group is one Batch job with "
        "one image: give its rules the same container, or set batchx_image for them."
    ]
    same = [make_step("a", "one", batchx_image="x"), make_step("b", "two", batchx_image="x")]
    assert wish_for(*same).container == "x"


def test_different_images_of_a_group_are_told_in_one_sentence() -> None:
    steps = [make_step("a", batchx_image="one"), make_step("b", batchx_image="two")]
    assert len(list_mistakes(*steps)) == 1


def test_a_group_has_one_queue() -> None:
    steps = [make_step("mapped", "x", batchx_image="x"), make_step("elsewhere", batchx_image="x")]
    assert list_mistakes(*steps, modules=MAP) == [
        "Job x joins rules that --batchx-module-map sends to different queues (elsewhere, "
        "queue-of-map), but a group is one Batch job: set batchx_queue for them."
    ]
    for step in steps:
        step.resources = {**dict(step.resources.items()), "batchx_queue": "mine"}
    assert wish_for(*steps, modules=MAP).options.queue == "mine"
