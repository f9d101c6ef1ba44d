"""Settings that are wrong by themselves: what is refused, in which words, and what is taken."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.job_options import NO_OPTIONS, JobOptions
from snakemake_executor_plugin_batchx.plan.options import OPTIONS
from snakemake_executor_plugin_batchx.plan.pairs import MAX_TAGS
from snakemake_executor_plugin_batchx.setting_checks import PATTERNS, check_settings
from snakemake_executor_plugin_batchx.settings import ExecutorSettings
from snakemake_executor_plugin_batchx.workflow import parse_audit

ROLE_WANTED = "the ARN of an IAM role, such as arn:aws:iam::123456789012:role/me"
QUEUE_WANTED = "the name (letters, digits, - and _, at most 128) or the ARN of a job queue"

PATTERN_WANTED = {pattern.setting: pattern.wanted for pattern in PATTERNS}

OPTION_WANTED = {
    "array": "on or off",
    "arch": "amd64, arm64, x86_64 or aarch64",
    "execution_role": ROLE_WANTED,
    "fallback_queue": QUEUE_WANTED,
    "job_queue": QUEUE_WANTED,
    "job_role": ROLE_WANTED,
    "log_group": (
        "the name of a CloudWatch log group (letters, digits and _ - / . #, at most 512)"
    ),
    "memory_overhead": "a whole number from 0 to 65536",
    "platform_version": "a platform version of Fargate: LATEST or 1.4.0",
    "priority": "a whole number from 0 to 9999",
    "public_ip": "on or off",
    "retries": "a whole number from 0 to 9",
    "runnable_timeout": "a time from 1 minute to 1 year, such as 90m, 2h or 1d",
    "share": "a share identifier of letters and digits, at most 255",
}

HOLDS_SEVERAL = {*("consumables", "options", "registry_credentials", "secrets", "tags", "volumes")}
"""Of these each item is told that is wrong; plan/ has the tests of how."""


@pytest.fixture(autouse=True)
def _no_recording() -> Iterator[None]:
    """Making settings starts the recording of opened files, which no test here wants."""
    yield
    parse_audit.stop_recording()


def check(**values: Any) -> JobOptions:
    return check_settings(ExecutorSettings(**{"job_queue": "queue", **values}))


def list_problems(**values: Any) -> list[str]:
    try:
        check(**values)
    except BatchxError as error:
        return str(error).splitlines()
    return []


GOOD = [
    ("array", "on"),
    ("array", "off"),
    ("array", "ON"),
    ("array", "true"),
    ("fallback_queue", "on-demand"),
    ("arch", "arm64"),
    ("arch", "x86_64"),
    ("memory_overhead", "0"),
    ("memory_overhead", "65536"),
    ("platform_version", "LATEST"),
    ("platform_version", "1.4.0"),
    ("priority", "0"),
    ("priority", "9999"),
    ("public_ip", "on"),
    ("retries", "0"),
    ("retries", "9"),
    ("runnable_timeout", "90m"),
    ("runnable_timeout", "1"),
    ("runnable_timeout", "1.5 d"),
    ("share", "projectA"),
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
    ("logs", "all"),
    ("logs", "failed"),
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
    ("head_role", "arn:aws:iam::123456789012:role/path/head"),
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
    ("array", "1"),
    ("fallback_queue", "my queue"),
    ("arch", "arm"),
    ("memory_overhead", "-1"),
    ("memory_overhead", "65537"),
    ("memory_overhead", "1.5"),
    ("memory_overhead", "256 MiB"),
    ("platform_version", "latest"),
    ("platform_version", "1.4"),
    ("platform_version", "1.3.0"),
    ("priority", "10000"),
    ("priority", "high"),
    ("public_ip", "yes"),
    ("retries", "10"),
    ("retries", "-1"),
    ("runnable_timeout", "59s"),
    ("runnable_timeout", "two hours"),
    ("share", "project-A"),
    ("share", "a" * 256),
    ("logs", "none"),
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
    ("head_role", "head"),
    ("head_role", "arn:aws:iam::1234:role/head"),
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
    wanted = (
        f"is not valid: it must be {PATTERN_WANTED[setting]}"
        if setting in PATTERN_WANTED
        else f"must be {OPTION_WANTED[setting]}"
    )
    assert list_problems(**{setting: value}) == [f"{option} {value!r} {wanted}."]


def test_the_tables_above_have_every_pattern_and_every_option() -> None:
    of_options = {option.setting for option in OPTIONS if option.setting}
    assert set(OPTION_WANTED) == of_options - HOLDS_SEVERAL
    assert of_options > HOLDS_SEVERAL
    assert {setting for setting, _ in BAD} == set(PATTERN_WANTED) | set(OPTION_WANTED)
    assert {setting for setting, _ in GOOD} >= set(PATTERN_WANTED) | set(OPTION_WANTED)


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
            {"job_queue": "local", "fallback_queue": "other"},
            "--batchx-fallback-queue is for queues of AWS",
        ),
        *(
            (
                {"job_queue": "local", name: f"arn:aws:iam::123456789012:role/{name}"},
                f"--batchx-{name.replace('_', '-')} is for queues of AWS",
            )
            for name in ("job_role", "execution_role")
        ),
        ({"job_queue": "local", "log_group": "/lab"}, "--batchx-log-group is for queues of AWS"),
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
        job_queue=None,
        region="Mars",
        s3_root="x",
        scratch="x",
        array="x",
        host_cache="x",
        tags=["no sign", "a=1", "a=2"],
    )
    options = [re.findall(r"--batchx-[a-z0-9-]+", problem)[0] for problem in problems]
    assert options == [
        "--batchx-job-queue",
        "--batchx-tags",
        "--batchx-tags",
        "--batchx-array",
        "--batchx-region",
        "--batchx-s3-root",
        "--batchx-scratch",
        "--batchx-host-cache",
    ]


@pytest.mark.parametrize(
    ("tags", "parsed"),
    [
        (None, {}),
        ([], {}),
        ([""], {}),
        (["cost=lab 7"], {"cost": "lab 7"}),
        (["a=1", "b=x=y"], {"a": "1", "b": "x=y"}),
        (["empty="], {"empty": ""}),
        (["größe=µ"], {"größe": "µ"}),
        (["team:cost/centre+1@x=v"], {"team:cost/centre+1@x": "v"}),
        (["k" * 128 + "=" + "v" * 256], {"k" * 128: "v" * 256}),
    ],
)
def test_sound_tags_become_a_mapping(tags: list[str] | None, parsed: dict[str, str]) -> None:
    assert dict(check(tags=tags).tags or ()) == parsed


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (["cost"], "must be KEY=VALUE"),
        (["=value"], "must be KEY=VALUE"),
        (["a!b=1"], "must be KEY=VALUE"),
        (["k" * 129 + "=v"], "at most 128"),
        (["aws:cost=1"], "AWS's"),
        (["AWS:cost=1"], "AWS's"),
        (["a=b;c"], "whose value may hold"),
        (["a=" + "v" * 257], "at most 256"),
        (["a=1", "b=1", "a=2"], "has a more than once"),
    ],
)
def test_a_bad_tag_is_told(tags: list[str], words: str) -> None:
    (problem,) = list_problems(tags=tags)
    assert problem.startswith(f"--batchx-tags {' '.join(tags)!r} ")
    assert words in problem


def test_tags_leave_room_for_our_own() -> None:
    assert list_problems(tags=[f"k{n}=v" for n in range(MAX_TAGS)]) == []
    (problem,) = list_problems(tags=[f"k{n}=v" for n in range(MAX_TAGS + 1)])
    assert f"at most {MAX_TAGS}" in problem


@given(st.lists(st.text(max_size=20), max_size=5))
def test_whatever_the_tags_they_are_refused_or_become_a_tag_each(tags: list[str]) -> None:
    if not list_problems(tags=tags):
        parsed = check(tags=tags).tags or ()
        items = [item.strip() for text in tags for item in text.split(",")]
        assert [_join(*pair) for pair in parsed] == [_trim(item) for item in items if item]
        assert all(key and not key.lower().startswith("aws:") for key, _ in parsed)


def _join(key: str, value: str) -> str:
    return f"{key}={value}"


def _trim(item: str) -> str:
    """Return an item without the blanks around its sign, which count for nothing."""
    key, _, value = item.partition("=")
    return _join(key.strip(), value.strip())


@given(st.lists(st.from_regex(r"[a-z]{1,5}=[a-z =]{0,8}[a-z]", fullmatch=True), max_size=4))
def test_tags_joined_by_commas_are_split_again(tags: list[str]) -> None:
    if list_problems(tags=tags):
        assert len(list_problems(tags=[",".join(tags)])) == len(list_problems(tags=tags))
    else:
        assert (check(tags=[",".join(tags)]).tags or ()) == (check(tags=tags).tags or ())


def test_what_the_settings_ask_of_jobs_is_returned() -> None:
    assert check(region="eu-west-1") == JobOptions(queue="queue")
    assert check(retries="0", priority="7", array="off", tags=["a=b,c=d"]) == JobOptions(
        queue="queue", retries=0, priority=7, array=False, tags=(("a", "b"), ("c", "d"))
    )
    assert NO_OPTIONS.over(check(fallback_queue="other")).fallback_queue == "other"


@pytest.mark.parametrize("setting", sorted(HOLDS_SEVERAL))
def test_what_holds_several_things_is_told_with_its_option(setting: str) -> None:
    value = "!!" if setting == "options" else ["!!"]
    (problem,) = list_problems(**{setting: value})
    assert problem.startswith(f"--batchx-{setting.replace('_', '-')} ")
    assert " holds " in problem


@pytest.mark.parametrize("setting", ["secrets", "registry_credentials"])
@pytest.mark.parametrize("value", ["TOKEN=hunter2", "quay.io=me:hunter2", "quay.io = hunter2"])
def test_a_secret_in_place_of_its_name_is_never_told(setting: str, value: str) -> None:
    (problem,) = list_problems(**{setting: [value]})
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"report": "r.pdf"}, "--batchx-report 'r.pdf' is not valid: it must end with .html or"),
        ({"report": "none/r.html"}, "is not valid: there is no folder none"),
        ({"prices": "aws"}, "--batchx-prices aws is for --batchx-report FILE"),
        ({"report": "r.csv", "prices": "none"}, "The prices in none cannot be read"),
        ({"report": "r.csv", "prices": "r.toml"}, "r.toml is no table of prices"),
    ],
)
def test_a_report_that_cannot_be_is_refused(
    values: dict[str, str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("r.toml").write_text("[prices]")
    (problem,) = list_problems(**values)
    assert sentence in problem
    assert list_problems(report="r.html", prices="aws") == []
