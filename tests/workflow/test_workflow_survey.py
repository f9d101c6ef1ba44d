"""What the jobs of a run will ask for, and what is wrong with it, each thing once."""

from types import SimpleNamespace
from typing import Any

from snakemake.exceptions import WorkflowError

from snakemake_executor_plugin_batchx.plan.job_options import JobOptions
from snakemake_executor_plugin_batchx.plan.module_map import EMPTY_MAP, Module, ModuleMap
from snakemake_executor_plugin_batchx.plan.request import Wish
from snakemake_executor_plugin_batchx.plan.resources import Demand
from snakemake_executor_plugin_batchx.workflow.survey import survey_wishes


def make_job(
    name: str,
    wildcards: dict[str, str] | None = None,
    *,
    container: str | None = "debian:12",
    is_local: bool = False,
    group: str | None = None,
    **resources: Any,
) -> SimpleNamespace:
    return SimpleNamespace(
        rule=SimpleNamespace(name=name, resources={}),
        resources={"_cores": 1, **resources},
        wildcards_dict=wildcards or {},
        container_img_url=container,
        is_local=is_local,
        group=group,
        is_group=lambda: False,
    )


def survey(
    *jobs: Any, modules: ModuleMap = EMPTY_MAP, container_image: str = ""
) -> tuple[list[Wish], list[str]]:
    workflow = SimpleNamespace(
        dag=SimpleNamespace(needrun_jobs=lambda: iter(jobs)),
        remote_execution_settings=SimpleNamespace(container_image=container_image),
        resource_settings=SimpleNamespace(_parsed_default_resources={}),
    )
    return survey_wishes(workflow, modules)


def test_of_equal_jobs_of_a_rule_the_first_stands_for_all() -> None:
    wishes, mistakes = survey(
        make_job("a", {"sample": "1"}),
        make_job("a", {"sample": "2"}),
        make_job("a", {"sample": "3"}, mem_mib=100),
        make_job("b"),
    )
    assert mistakes == []
    assert wishes == [
        Wish("Rule a (sample=1)", container="debian:12"),
        Wish("Rule a (sample=3)", Demand(memory_mib=100), container="debian:12"),
        Wish("Rule b", container="debian:12"),
    ]


def test_jobs_that_run_here_ask_for_nothing() -> None:
    assert survey(make_job("a", is_local=True, batchx_priority=-1)) == ([], [])


def test_of_equal_mistakes_of_a_rule_the_first_is_told() -> None:
    wishes, mistakes = survey(
        make_job("a", {"n": "1"}, batchx_priority=-1),
        make_job("a", {"n": "2"}, batchx_priority=-1, batchx_array="maybe"),
        make_job("a", {"n": "3"}, batchx_priority=-2),
        make_job("b", batchx_priority=-1),
        make_job("c", batchx_host_cache=7, gpu="two"),
        make_job("d", batchx_priority=1),
    )
    wanted = "must be a whole number from 0 to 9999."
    assert mistakes == [
        f"Rule a (n=1): resource batchx_priority=-1 {wanted}",
        "Rule a (n=2): resource batchx_array='maybe' must be on or off.",
        f"Rule a (n=3): resource batchx_priority=-2 {wanted}",
        f"Rule b: resource batchx_priority=-1 {wanted}",
        "Rule c: resource batchx_host_cache=7 must be a text with patterns of input names, such "
        "as 'ref/*' or '*'.",
        "Rule c: resource gpu='two' must be 0 or a positive number.",
    ]
    assert [wish.label for wish in wishes] == ["Rule d"]


def test_the_module_map_counts() -> None:
    modules = ModuleMap((Module(rule="a", image="of-map", queue="of-map"),))
    wishes, mistakes = survey(
        make_job("a"), make_job("b", container=None), modules=modules, container_image="of-run"
    )
    assert mistakes == []
    assert wishes == [
        Wish(
            "Rule a", options=JobOptions(queue="of-map"), container="of-map", is_queue_mapped=True
        ),
        Wish("Rule b", container="of-run"),
    ]


def test_a_workflow_without_jobs_asks_for_nothing() -> None:
    assert survey() == ([], [])


def test_jobs_in_groups_are_marked() -> None:
    wishes, _ = survey(make_job("a", group="g"), make_job("b"))
    assert [wish.is_grouped for wish in wishes] == [True, False]


class Unready:
    """A job whose resources follow from inputs that are not there yet."""

    def __init__(self) -> None:
        self.__dict__ |= vars(make_job("later"))
        del self.__dict__["resources"]

    @property
    def resources(self) -> dict[str, Any]:
        raise WorkflowError("a resource of rule later needs its input")


def test_a_job_whose_resources_nobody_knows_yet_is_left_to_its_time() -> None:
    wishes, mistakes = survey(Unready(), make_job("b"))
    assert ([wish.label for wish in wishes], mistakes) == (["Rule b"], [])
