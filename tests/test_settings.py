"""The settings: what is refused, in which words, and how Snakemake hands them over."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake.cli import get_argument_parser
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from snakemake_executor_plugin_batchx.settings import (
    MAX_TAGS,
    PATTERNS,
    ExecutorSettings,
    list_setting_problems,
    parse_tags,
    split_tags,
)
from snakemake_executor_plugin_batchx.workflow import parse_audit

WANTED = {pattern.setting: pattern.wanted for pattern in PATTERNS}


@pytest.fixture(autouse=True)
def _no_recording() -> Iterator[None]:
    """Making settings starts the recording of opened files, which no test here wants."""
    yield
    parse_audit.stop_recording()


def list_problems(**values: Any) -> list[str]:
    return list_setting_problems(ExecutorSettings(**{"job_queue": "queue", **values}))


GOOD = [
    ("array", "on"),
    ("array", "off"),
    ("job_queue", "local"),
    ("job_queue", "q"),
    ("job_queue", "0_queue-Of_mine"),
    ("job_queue", "q" * 128),
    ("job_queue", "arn:aws:batch:eu-west-1:123456789012:job-queue/mine"),
    ("job_queue", "arn:aws-cn:batch:cn-north-1:123456789012:job-queue/mine"),
    ("job_queue", "arn:aws-us-gov:batch:us-gov-west-1:123456789012:job-queue/mine"),
    ("region", "eu-west-1"),
    ("region", "us-gov-east-1"),
    ("region", "ap-southeast-12"),
    ("s3_root", "s3://my-bucket"),
    ("s3_root", "s3://my-bucket/"),
    ("s3_root", "s3://my.bucket/a run/with=signs"),
    ("job_role", "arn:aws:iam::123456789012:role/reader"),
    ("job_role", "arn:aws-cn:iam::123456789012:role/team/reader@x"),
    ("execution_role", "arn:aws:iam::123456789012:role/ecs"),
    ("log_group", "/aws/batch/job"),
    ("log_group", "a.b_c-d#1"),
    ("log_group", "g" * 512),
    ("local_runner", "auto"),
    ("local_runner", "docker"),
    ("local_runner", "process"),
    ("s3_endpoint_url", "https://bucket.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com"),
    ("s3_endpoint_url", "http://127.0.0.1:9000/base"),
    ("s3_addressing", "path"),
    ("s3_kms_key_id", "1234abcd-12ab-34cd-56ef-1234567890ab"),
    ("s3_kms_key_id", "alias/team/key"),
    ("s3_kms_key_id", "arn:aws:kms:eu-west-1:123456789012:key/mrk-1234abcd"),
    ("s3_storage_class", "INTELLIGENT_TIERING"),
    ("s3_acl", "bucket-owner-full-control"),
    ("scratch", "/"),
    ("scratch", "/mnt/fast disk"),
    ("profile", "any name at all"),
    ("runtime", "layer"),
    ("runtime", "image"),
    ("runtime", "mount"),
    ("runtime", "mount:/opt/batchx"),
    ("runtime", "mount:efs://fs-0123abcd"),
    ("runtime", "mount:efs://fs-0123abcd/run/time"),
    ("repository", "batchx/"),
    ("repository", "team-7/batch_x"),
    ("runtime_image", "me/runtime@sha256:0"),
]

BAD = [
    ("job_queue", "my queue"),
    ("job_queue", "-queue"),
    ("job_queue", "q" * 129),
    ("job_queue", "queue\n"),
    ("job_queue", "arn:aws:batch:eu-west-1:1234:job-queue/mine"),
    ("job_queue", "arn:aws:sqs:eu-west-1:123456789012:mine"),
    ("region", "eu-west"),
    ("region", "eu-west-1a"),
    ("region", "EU-WEST-1"),
    ("region", "Ireland"),
    ("s3_root", "my-bucket/run"),
    ("s3_root", "s3://"),
    ("s3_root", "s3://My_Bucket/run"),
    ("s3_root", "s3://a"),
    ("s3_root", "https://my-bucket.s3.amazonaws.com"),
    ("array", "yes"),
    ("array", "ON"),
    ("local_runner", "Docker"),
    ("local_runner", "podman"),
    ("job_role", "reader"),
    ("job_role", "arn:aws:iam::123456789012:user/me"),
    ("job_role", "arn:aws:iam::123456789012:role/"),
    ("execution_role", "arn:aws:iam:eu-west-1:123456789012:role/ecs"),
    ("log_group", "my group"),
    ("log_group", "g" * 513),
    ("s3_endpoint_url", "s3.example.org"),
    ("s3_addressing", "dualstack"),
    ("s3_kms_key_id", "my key"),
    ("s3_storage_class", "DEEP_ARCHIVE"),
    ("s3_storage_class", "standard"),
    ("s3_acl", "public-read"),
    ("scratch", "relative/folder"),
    ("scratch", "~/scratch"),
    ("runtime", "layers"),
    ("runtime", "mount:opt"),
    ("runtime", "mount:efs://my-files/x"),
    ("repository", "Batchx"),
    ("repository", "/batchx/"),
]


@pytest.mark.parametrize(("setting", "value"), GOOD)
def test_a_sound_value_is_no_problem(setting: str, value: str) -> None:
    assert list_problems(**{setting: value}) == []


@pytest.mark.parametrize(("setting", "value"), BAD)
def test_a_bad_value_is_told_with_its_option_and_what_is_wanted(setting: str, value: str) -> None:
    option = "--batchx-" + setting.replace("_", "-")
    wanted = WANTED[setting]
    assert list_problems(**{setting: value}) == [
        f"{option} {value!r} is not valid: it must be {wanted}."
    ]


def test_the_tables_above_have_every_pattern() -> None:
    assert {setting for setting, _ in BAD} == set(WANTED)
    assert {setting for setting, _ in GOOD} >= set(WANTED)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"job_queue": "local", "runtime": "mount"}, "--batchx-runtime mount is for queues of AWS"),
        ({"job_queue": "local", "runtime": "image"}, "--batchx-runtime image is for queues of AWS"),
        (
            {"job_queue": "local", "s3_endpoint_url": "http://s3"},
            "--batchx-s3-endpoint-url is for queues of AWS",
        ),
        (
            {"s3_addressing": "accelerate", "s3_endpoint_url": "http://s3"},
            "--batchx-s3-addressing accelerate is an endpoint of AWS's own",
        ),
        ({"host_cache": "cache:1GiB"}, "--batchx-host-cache 'cache:1GiB' is not valid"),
        (
            {"runtime": "mount", "runtime_image": "me/x"},
            "--batchx-runtime-image is for --batchx-runtime layer, not mount",
        ),
    ],
)
def test_ways_that_exclude_each_other_are_told(values: dict[str, str], words: str) -> None:
    (problem,) = list_problems(**values)
    assert problem.startswith(words)
    assert list_problems(job_queue="local", runtime="layer") == []


@pytest.mark.parametrize("value", ["schlange-ü", "очередь", "q٣"])
@pytest.mark.parametrize("setting", ["job_queue", "log_group"])
def test_names_in_aws_are_ascii(setting: str, value: str) -> None:
    assert len(list_problems(**{setting: value})) == 1


@pytest.mark.parametrize("queue", [None, ""])
def test_without_a_queue_option_and_variable_are_named(queue: str | None) -> None:
    (problem,) = list_problems(job_queue=queue)
    assert "--batchx-job-queue" in problem
    assert "SNAKEMAKE_BATCHX_JOB_QUEUE" in problem


def test_all_problems_are_told_together() -> None:
    problems = list_problems(
        job_queue=None, region="Mars", s3_root="x", scratch="x", tags=["no sign", "a=1", "a=2"]
    )
    options = [re.findall(r"--batchx-[a-z0-9-]+", problem)[0] for problem in problems]
    assert options == [
        "--batchx-job-queue",
        "--batchx-region",
        "--batchx-s3-root",
        "--batchx-scratch",
        "--batchx-tags",
        "--batchx-tags",
    ]


@pytest.mark.parametrize(
    ("tags", "parsed"),
    [
        (None, {}),
        (["cost=lab 7"], {"cost": "lab 7"}),
        (["a=1", "b=x=y"], {"a": "1", "b": "x=y"}),
        (["empty="], {"empty": ""}),
        (["größe=µ"], {"größe": "µ"}),
        (["team:cost/centre+1@x=v"], {"team:cost/centre+1@x": "v"}),
        (["k" * 128 + "=" + "v" * 256], {"k" * 128: "v" * 256}),
    ],
)
def test_sound_tags_become_a_mapping(tags: list[str] | None, parsed: dict[str, str]) -> None:
    assert list_problems(tags=tags) == []
    assert parse_tags(tags) == parsed


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (["cost"], "must be KEY=VALUE"),
        (["=value"], "must be KEY=VALUE"),
        (["a!b=1"], "must be KEY=VALUE"),
        (["k" * 129 + "=v"], "at most 128"),
        (["aws:cost=1"], "AWS's"),
        (["AWS:cost=1"], "AWS's"),
        (["a=b;c"], "the value may hold"),
        (["a=" + "v" * 257], "at most 256"),
        (["a=1", "b=1", "a=2"], "--batchx-tags has a more than once"),
    ],
)
def test_a_bad_tag_is_told(tags: list[str], words: str) -> None:
    (problem,) = list_problems(tags=tags)
    assert "--batchx-tags" in problem
    assert words in problem


def test_tags_leave_room_for_our_own() -> None:
    assert list_problems(tags=[f"k{n}=v" for n in range(MAX_TAGS)]) == []
    (problem,) = list_problems(tags=[f"k{n}=v" for n in range(MAX_TAGS + 1)])
    assert f"at most {MAX_TAGS}" in problem


@given(st.lists(st.text(max_size=20), max_size=5))
def test_whatever_the_tags_they_are_refused_or_become_a_tag_each(tags: list[str]) -> None:
    if not list_problems(tags=tags):
        parsed = parse_tags(tags)
        assert [f"{key}={value}" for key, value in parsed.items()] == tags
        assert all(key and not key.lower().startswith("aws:") for key in parsed)


@given(st.lists(st.from_regex(r"[a-z]{1,5}=[a-z =]{0,8}[a-z]", fullmatch=True), max_size=4))
def test_tags_joined_by_commas_are_split_again(tags: list[str]) -> None:
    assert split_tags(",".join(tags)) == tags
    assert split_tags(tags) == tags


def parse_as_snakemake_does(
    argv: list[str], environment: Mapping[str, str] | None = None
) -> ExecutorSettings:
    """Return the settings that Snakemake makes of arguments and environment (cli.py)."""
    parser = get_argument_parser()
    args = parser.parse_args(["--executor", "batchx", *argv], env_vars=environment or {})
    settings = ExecutorPluginRegistry().get_plugin("batchx").get_settings(args)
    assert isinstance(settings, ExecutorSettings)
    return settings


TEXT_SETTINGS = {
    "job_queue": "my-queue",
    "region": "eu-west-1",
    "profile": "lab",
    "s3_root": "s3://my-bucket/run",
    "job_role": "arn:aws:iam::123456789012:role/me",
    "execution_role": "arn:aws:iam::123456789012:role/ecs",
    "log_group": "/my/group",
    "scratch": "/scratch",
    "s3_endpoint_url": "https://s3.lab",
    "s3_addressing": "path",
    "s3_kms_key_id": "alias/mine",
    "s3_storage_class": "STANDARD_IA",
    "s3_acl": "bucket-owner-full-control",
}


def test_every_setting_is_an_option() -> None:
    argv = [
        word
        for name, value in TEXT_SETTINGS.items()
        for word in ("--batchx-" + name.replace("_", "-"), value)
    ]
    settings = parse_as_snakemake_does(argv)
    assert {name: getattr(settings, name) for name in TEXT_SETTINGS} == TEXT_SETTINGS
    assert list_setting_problems(settings) == []


def test_every_setting_is_an_environment_variable() -> None:
    variables = {f"SNAKEMAKE_BATCHX_{name.upper()}": v for name, v in TEXT_SETTINGS.items()}
    settings = parse_as_snakemake_does([], variables)
    assert {name: getattr(settings, name) for name in TEXT_SETTINGS} == TEXT_SETTINGS


def test_the_option_wins_over_the_variable() -> None:
    variables = {"SNAKEMAKE_BATCHX_JOB_QUEUE": "theirs"}
    assert parse_as_snakemake_does(["--batchx-job-queue", "mine"], variables).job_queue == "mine"


def test_what_is_not_given_is_none() -> None:
    assert parse_as_snakemake_does([]) == ExecutorSettings()


@pytest.mark.parametrize(
    ("argv", "environment", "parsed"),
    [
        (["--batchx-tags", "A=1", "B=x=y"], {}, {"A": "1", "B": "x=y"}),
        (["--batchx-tags", "A=1"], {}, {"A": "1"}),
        ([], {"SNAKEMAKE_BATCHX_TAGS": "A=1"}, {"A": "1"}),
        ([], {"SNAKEMAKE_BATCHX_TAGS": "A=two words"}, {"A": "two words"}),
        ([], {"SNAKEMAKE_BATCHX_TAGS": "A=1,B=x=y"}, {"A": "1", "B": "x=y"}),
        ([], {"SNAKEMAKE_BATCHX_TAGS": "A=1, B=two words,"}, {"A": "1", "B": "two words"}),
        ([], {"SNAKEMAKE_BATCHX_TAGS": "[A=1, B=x=y]"}, {"A": "1", "B": "x=y"}),
        (["--batchx-tags", "A=1,B=2"], {}, {"A": "1", "B": "2"}),
        (["--batchx-tags", "A=1"], {"SNAKEMAKE_BATCHX_TAGS": "B=2"}, {"A": "1"}),
    ],
)
def test_tags_arrive_as_they_were_given(
    argv: list[str], environment: dict[str, str], parsed: dict[str, str]
) -> None:
    settings = parse_as_snakemake_does(["--batchx-job-queue", "q", *argv], environment)
    assert list_setting_problems(settings) == []
    assert parse_tags(settings.tags) == parsed
