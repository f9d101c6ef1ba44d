"""Names of Python's that Snakemake makes of texts on the command line."""

from types import SimpleNamespace

import pytest
from snakemake.resources import Resources

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.setting_checks import check_start
from snakemake_executor_plugin_batchx.settings import ExecutorSettings
from snakemake_executor_plugin_batchx.workflow import parse_audit
from snakemake_executor_plugin_batchx.workflow.python_words import iter_python_words


def make_rule(name: str, *given: str, **said: object) -> SimpleNamespace:
    """Return a rule with resources that the command line gives, and that its Snakefile says."""
    resources = Resources.parse(given, allow_expressions=True)
    resources.update(Resources.from_mapping(said))
    return SimpleNamespace(name=name, resources=resources)


def list_words(*rules: SimpleNamespace) -> list[str]:
    return list(iter_python_words(SimpleNamespace(rules=rules)))


@pytest.mark.parametrize(
    ("resource", "word"),
    [
        ("batchx_queue", "max"),
        ("batchx_share", "all"),
        ("batchx_consumables", "license"),
        ("batchx_image", "object"),
        ("batchx_queue", "lookup"),
        ("batchx_queue", "wildcards"),
        ("batchx_queue", "input"),
        ("batchx_queue", "shutil"),
    ],
)
def test_a_text_that_is_a_name_of_pythons_is_told(resource: str, word: str) -> None:
    assert list_words(make_rule("align", f"{resource}={word}")) == [
        f"Rule align: resource {resource}={word} is Python's {word}, as Snakemake reads it: put it "
        f"in quotes of its own, as in {resource}='\"{word}\"'."
    ]


@pytest.mark.parametrize(
    "given",
    [
        "batchx_queue='\"max\"'",
        'batchx_queue="max"',
        "batchx_queue=maximum",
        "batchx_queue=on-demand",
        "batchx_array=True",
        "batchx_array=False",
        "batchx_queue=None",
        "batchx_priority=max(1, 2)",
        "batchx_priority=attempt",
        "batchx_memory_overhead=threads",
        "batchx_priority=7",
        "mem_mb=max",
        "slurm_partition=max",
    ],
)
def test_all_else_is_left_to_snakemake(given: str) -> None:
    assert list_words(make_rule("align", given)) == []


def test_a_text_of_the_snakefiles_is_a_text() -> None:
    said = {"batchx_queue": "max", "batchx_consumables": "license", "batchx_share": "input"}
    assert list_words(make_rule("align", **said)) == []


def test_a_function_of_the_snakefiles_is_no_text() -> None:
    assert list_words(make_rule("align", batchx_retries=lambda wildcards, attempt: attempt)) == []


def test_each_rule_is_told() -> None:
    told = list_words(
        make_rule("one", "batchx_queue=max", "batchx_share=all"),
        make_rule("two"),
        make_rule("three", "batchx_queue=min"),
    )
    assert [" ".join(sentence.split()[:4]) for sentence in told] == [
        "Rule one: resource batchx_queue=max",
        "Rule one: resource batchx_share=all",
        "Rule three: resource batchx_queue=min",
    ]


def test_they_are_told_with_the_settings_that_are_wrong() -> None:
    workflow = SimpleNamespace(rules=[make_rule("one", "batchx_queue=max")])
    try:
        with pytest.raises(BatchxError) as caught:
            check_start(ExecutorSettings(job_queue="no queue", priority="x"), workflow)
        first, second, third = str(caught.value).splitlines()
        assert first.startswith("--batchx-job-queue 'no queue' must be ")
        assert second.startswith("--batchx-priority 'x' must be ")
        assert third.startswith("Rule one: resource batchx_queue=max is Python's max")
        workflow.rules.clear()
        options = check_start(ExecutorSettings(job_queue="queue", priority="7"), workflow)
        assert options.priority == 7
    finally:
        parse_audit.stop_recording()
