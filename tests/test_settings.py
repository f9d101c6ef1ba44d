"""The settings: how Snakemake hands them over, from the command line and the environment."""

from collections.abc import Iterator, Mapping

import pytest
from snakemake.cli import get_argument_parser
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from snakemake_executor_plugin_batchx.setting_checks import check_settings
from snakemake_executor_plugin_batchx.settings import ExecutorSettings
from snakemake_executor_plugin_batchx.workflow import parse_audit


@pytest.fixture(autouse=True)
def _no_recording() -> Iterator[None]:
    """Making settings starts the recording of opened files, which no test here wants."""
    yield
    parse_audit.stop_recording()


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
    "fallback_queue": "on-demand",
    "retries": "5",
    "runnable_timeout": "2h",
    "priority": "50",
    "share": "projectA",
    "memory_overhead": "512",
    "options": "--shm-size 1g --env A=b",
    "arch": "arm64",
    "public_ip": "on",
    "platform_version": "1.4.0",
    "array": "off",
    "module_map": "site.yaml",
    "host_cache": "/mnt/cache:1GiB",
}

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"

LIST_SETTINGS = {
    "tags": ["a=1", "b=two words"],
    "volumes": ["/scratch", "efs://fs-0123abcd/ref:/ref:ro"],
    "secrets": [f"TOKEN={SECRET}token", "OTHER=/other"],
    "registry_credentials": [f"quay.io={SECRET}quay", f"ghcr.io={SECRET}ghcr"],
    "consumables": ["license=2", "database"],
}


def test_every_setting_is_an_option() -> None:
    argv = [
        word
        for name, value in TEXT_SETTINGS.items()
        for word in ("--batchx-" + name.replace("_", "-"), value)
    ]
    settings = parse_as_snakemake_does(argv)
    assert {name: getattr(settings, name) for name in TEXT_SETTINGS} == TEXT_SETTINGS
    options = check_settings(settings)
    assert (options.queue, options.retries, options.array) == ("my-queue", 5, False)


@pytest.mark.parametrize("name", LIST_SETTINGS)
def test_settings_with_several_things_are_given_apart_or_by_commas(name: str) -> None:
    values, option = LIST_SETTINGS[name], "--batchx-" + name.replace("_", "-")
    ways = [
        parse_as_snakemake_does(["--batchx-job-queue", "q", option, *values]),
        parse_as_snakemake_does(["--batchx-job-queue", "q", option, ",".join(values)]),
        parse_as_snakemake_does(
            ["--batchx-job-queue", "q"], {f"SNAKEMAKE_BATCHX_{name.upper()}": ",".join(values)}
        ),
    ]
    first, second, third = (getattr(check_settings(way), name) for way in ways)
    assert len(first) == len(values)
    assert first == second == third


def test_an_option_of_a_container_alone_is_given_with_a_sign_between() -> None:
    # Without it argparse takes what begins with dashes and holds no blank for another option.
    settings = parse_as_snakemake_does(["--batchx-job-queue", "q", "--batchx-options=--init"])
    options = check_settings(settings).options
    assert options
    assert options.is_init


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
    assert dict(check_settings(settings).tags or ()) == parsed
