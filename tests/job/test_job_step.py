"""A rule instance as plain values."""

from types import SimpleNamespace

import pytest

from snakemake_executor_plugin_batchx.job.step import describe_step
from snakemake_executor_plugin_batchx.spec import ExpectedStep


class File(str):
    """A path as Snakemake's jobs have it: in storage where a query is given."""

    __slots__ = ("flags", "is_storage", "storage_object")
    flags: dict[str, bool]
    is_storage: bool
    storage_object: SimpleNamespace

    def __new__(cls, path: str, query: str | None = None) -> "File":
        file = super().__new__(cls, path)
        file.flags = {}
        file.is_storage = query is not None
        file.storage_object = SimpleNamespace(query=query)
        return file


@pytest.mark.parametrize(
    ("benchmark", "described"), [(None, None), (File("bench.tsv"), "bench.tsv")]
)
def test_a_step_is_described_in_plain_values(benchmark: File | None, described: str | None) -> None:
    step = SimpleNamespace(
        rule=SimpleNamespace(name="map"),
        wildcards_dict={"sample": "A", "lane": 1},
        input=[File("a.fq"), File(".snakemake/storage/b.fq", "s3://bucket/b.fq")],
        output=[File("a.bam")],
        log=[File("a.log")],
        benchmark=benchmark,
    )
    seen = describe_step(step)
    assert seen == ExpectedStep(
        rule="map",
        wildcards={"sample": "A", "lane": "1"},
        input=("a.fq", "s3://bucket/b.fq"),
        output=("a.bam",),
        log=("a.log",),
        benchmark=described,
    )
    assert {type(path) for path in (*seen.input, *seen.output, *seen.log)} == {str}


def test_an_input_that_waits_for_a_checkpoint_is_open() -> None:
    target = File("parts")
    target.flags = {"checkpoint_target": True}
    step = SimpleNamespace(
        rule=SimpleNamespace(name="join"),
        wildcards_dict={},
        input=[File("a"), target],
        output=[],
        log=[],
        benchmark=None,
    )
    assert describe_step(step).is_open
