"""The wire format: what goes in comes out."""

import json
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.spec import (
    Blob,
    Entry,
    ExpectedStep,
    JobSpec,
    Product,
    Result,
    SharedSpec,
    Usage,
    decode,
    encode,
)

texts = st.text(max_size=12)
paths = st.one_of(texts, st.binary(max_size=12).map(os.fsdecode))
"""A file's name may be any bytes; Python shows those that are not UTF-8 as surrogates."""
sizes = st.integers(0, 2**53)
seconds = st.floats(0, 1e9, allow_nan=False)
blobs = st.builds(Blob, key=texts, offset=sizes, size=sizes, sha256=texts, crc64=texts)
entries = st.builds(
    Entry,
    path=paths,
    kind=st.sampled_from(("file", "dir", "link")),
    mode=st.integers(0, 0o7777),
    mtime_ns=sizes,
    blob=st.none() | blobs,
    target=st.none() | paths,
)
products = st.builds(
    Product,
    path=paths,
    kind=st.sampled_from(("output", "log", "benchmark")),
    is_optional=st.booleans(),
)


def tuples(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=3).map(tuple)


steps = st.builds(
    ExpectedStep,
    rule=texts,
    wildcards=st.dictionaries(texts, texts, max_size=3),
    input=tuples(paths),
    output=tuples(paths),
    log=tuples(paths),
    benchmark=st.none() | paths,
)
jobs = st.builds(
    JobSpec,
    argv=tuples(texts),
    inputs=tuples(entries),
    products=tuples(products),
    steps=tuples(steps),
    lease_key=texts,
    result_key=texts,
)
shareds = st.builds(
    SharedSpec,
    version=sizes,
    root_prefix=texts,
    sources=blobs,
    source_depth=st.integers(0, 30),
    start_dir=paths,
    work_dir=paths,
    scratch=st.none() | paths,
    envvars=st.dictionaries(texts, texts, max_size=3),
)
usages = st.builds(
    Usage,
    wall_seconds=seconds,
    cpu_seconds=seconds,
    stage_in_seconds=seconds,
    stage_out_seconds=seconds,
    bytes_in=sizes,
    bytes_out=sizes,
    peak_memory_mib=st.none() | seconds,
    oom_kills=st.integers(0, 9),
)
results = st.builds(
    Result,
    version=sizes,
    attempt=st.integers(1, 10),
    exit_code=st.integers(0, 255),
    problem=st.none() | texts,
    tail=texts,
    files=tuples(entries),
    usage=usages,
)


@given(st.one_of(jobs, shareds, results))
def test_what_is_encoded_decodes_to_the_same(value: Any) -> None:
    assert decode(type(value), json.loads(json.dumps(encode(value)))) == value


@pytest.mark.parametrize(
    ("cls", "value"),
    [
        (Blob, None),
        (Blob, "key"),
        (Blob, {"key": "k"}),
        (Blob, {"key": "k", "offset": 0, "size": 1, "sha256": "s", "colour": "red"}),
        (Entry, {"path": "p", "kind": "file", "mode": 0, "mtime_ns": 0, "blob": 3}),
        (JobSpec, {"argv": 3}),
    ],
)
def test_decode_refuses_what_does_not_fit(cls: type, value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        decode(cls, value)
