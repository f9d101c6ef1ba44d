"""Which inputs of a job are marked: by its rules, by the settings, and never what it makes."""

from types import SimpleNamespace
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.module_map import EMPTY_MAP
from snakemake_executor_plugin_batchx.workflow.host_cache import CacheMarks
from snakemake_executor_plugin_batchx.workflow.survey import survey_wishes

PREFIX = "s3://bucket/prefix"


class File(str):
    """A file of a job as Snakemake has it: a path, and its query if it is in storage."""

    storage_object: Any = None

    @property
    def is_storage(self) -> bool:
        return self.storage_object is not None


def make_stored(query: str) -> File:
    file = File(".snakemake/storage/" + query.removeprefix("s3://"))
    file.storage_object = SimpleNamespace(query=query)
    return file


def make_step(marks: Any, *inputs: File, output: tuple[File, ...] = ()) -> SimpleNamespace:
    resources = {} if marks is None else {"batchx_host_cache": marks}
    return SimpleNamespace(input=inputs, output=output, log=(), benchmark=None, resources=resources)


def find_marks(
    *steps: SimpleNamespace, patterns: tuple[str, ...] = (), prefix: str | None = None
) -> set[str]:
    settings = SimpleNamespace(default_storage_prefix=prefix)
    workflow = SimpleNamespace(storage_settings=settings)
    marks = CacheMarks(steps, "Rule a", patterns, workflow)
    files = [file for step in steps for file in (*step.input, *step.output)]
    assert set(marks.select(files)) == {str(file) for file in files if marks.has(file)}
    return set(marks.select(files))


def test_rules_of_a_group_mark_their_own_inputs() -> None:
    first = make_step("ref/*", File("ref/a"), File("x"))
    second = make_step(None, File("ref/b"), File("x"))
    assert find_marks(first, second) == {"ref/a"}
    assert find_marks(first, second, patterns=("x", "*/b")) == {"ref/a", "ref/b", "x"}


def test_what_a_job_makes_or_changes_is_not_marked() -> None:
    made = File("ref/made")
    maker = make_step("*", File("a"), output=(made,))
    reader = make_step("*", made, File("b"))
    assert find_marks(maker, reader) == {"a", "b"}


def test_files_in_s3_are_named_as_in_the_rule_or_by_their_url() -> None:
    step = make_step("ref/*", make_stored(f"{PREFIX}/ref/a"), make_stored("s3://other/ref/b"))
    assert find_marks(step, prefix=PREFIX) == {".snakemake/storage/bucket/prefix/ref/a"}
    assert find_marks(make_step("s3://other/*", *step.input), prefix=PREFIX) == {
        ".snakemake/storage/other/ref/b"
    }


def test_marks_that_name_nothing_are_refused() -> None:
    with pytest.raises(BatchxError, match="Rule a: resource batchx_host_cache=True must be"):
        find_marks(make_step(True, File("a")))


def test_marks_that_name_nothing_are_told_before_the_run_once_a_rule() -> None:
    jobs = [
        SimpleNamespace(
            rule=SimpleNamespace(name=name, resources={}),
            resources={"batchx_host_cache": value},
            container_img_url=None,
            is_local=is_local,
            group=None,
            is_group=lambda: False,
            wildcards_dict={},
        )
        for name, value, is_local in [
            ("good", "*", False),
            ("bad", 1, False),
            ("bad", 1, False),
            ("here", 1, True),
            ("worse", "", False),
        ]
    ]
    workflow = SimpleNamespace(
        dag=SimpleNamespace(needrun_jobs=lambda: jobs),
        remote_execution_settings=SimpleNamespace(container_image="debian:12"),
        resource_settings=SimpleNamespace(_parsed_default_resources={}),
    )
    _, mistakes = survey_wishes(workflow, EMPTY_MAP)
    assert [mistake.partition(" must")[0] for mistake in mistakes] == [
        "Rule bad: resource batchx_host_cache=1",
        "Rule worse: resource batchx_host_cache=''",
    ]
