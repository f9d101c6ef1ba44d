"""Whether queues and job definitions can give what is asked: each reason by itself."""

import dataclasses
from dataclasses import replace
from typing import Any

import pytest

from snakemake_executor_plugin_batchx.plan.container_options import ContainerOptions
from snakemake_executor_plugin_batchx.plan.docker_options import parse_container_options
from snakemake_executor_plugin_batchx.plan.fit import (
    LACKS,
    MOST_DEFINITION_BYTES,
    MOST_TAGS,
    OWN_TAGS,
    choose_architecture,
    iter_consumable_reasons,
    iter_mount_reasons,
    iter_name_reasons,
    iter_need_reasons,
    iter_platform_reasons,
    iter_role_reasons,
    iter_scratch_reasons,
    iter_size_reasons,
    iter_tag_reasons,
    iter_template_reasons,
    join_consumables,
)
from snakemake_executor_plugin_batchx.plan.image import NO_IMAGE, JobImage
from snakemake_executor_plugin_batchx.plan.job_options import NO_OPTIONS, JobOptions
from snakemake_executor_plugin_batchx.plan.options import OPTIONS
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.values import WrongValueError
from snakemake_executor_plugin_batchx.plan.volumes import parse_volumes

EC2 = Platform("ec2")
ARM = Platform("arm", architecture="arm64")
FAIR = Platform("fair", has_policy=True)
FARGATE = Platform("fargate", is_fargate=True, architecture=None)
ROLE = "arn:aws:iam::123456789012:role/me"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a"
S3_FILES = (
    "s3files://arn:aws:s3files:eu-west-1:123456789012:file-system/fs-0123456789abcdef0:/files"
)
S3_FILES_SHOWN = (
    "the S3 Files file system "
    "arn:aws:s3files:eu-west-1:123456789012:file-system/fs-0123456789abcdef0"
)
NO_CONTAINER = ContainerOptions()


def make_image(**container: Any) -> JobImage:
    return JobImage("i", "i", template={"containerProperties": container})


@pytest.mark.parametrize(
    ("asked", "platform", "chosen"),
    [
        (None, EC2, "amd64"),
        (None, ARM, "arm64"),
        (None, FARGATE, "amd64"),
        ("amd64", EC2, "amd64"),
        ("arm64", ARM, "arm64"),
        ("arm64", FARGATE, "arm64"),
        ("amd64", FARGATE, "amd64"),
    ],
)
def test_on_ec2_the_queue_has_the_processor_on_fargate_the_job(
    asked: str | None, platform: Platform, chosen: str
) -> None:
    assert choose_architecture(JobOptions(arch=asked), platform) == chosen


@pytest.mark.parametrize(
    ("asked", "platform", "words"),
    [
        ("arm64", EC2, "batchx_arch is arm64, but the instances of queue ec2 are amd64: "),
        ("amd64", ARM, "batchx_arch is amd64, but the instances of queue arm are arm64: "),
    ],
)
def test_another_processor_than_the_queues_is_refused(
    asked: str, platform: Platform, words: str
) -> None:
    with pytest.raises(WrongValueError) as caught:
        choose_architecture(JobOptions(arch=asked), platform)
    (reason,) = caught.value.reasons
    assert reason.startswith(words)


NEEDY = [option for option in OPTIONS if option.needs]
NEEDED = {"priority": 0, "share": "a", "public_ip": False, "platform_version": "LATEST"}


def test_there_are_values_for_all_that_need_something_of_a_queue() -> None:
    assert NEEDED.keys() == {option.name for option in NEEDY}
    assert {option.needs for option in NEEDY} == LACKS.keys()


@pytest.mark.parametrize("option", NEEDY, ids=[option.name for option in NEEDY])
def test_what_a_rule_names_must_be_known_to_its_queue(option: Any) -> None:
    own = JobOptions(**{option.name: NEEDED[option.name]})
    assert list(iter_need_reasons(own, own, EC2)) == [
        f"batchx_{option.name} is set, but queue ec2 {LACKS[option.needs]}: leave it out, or name "
        "another queue (batchx_queue)"
    ]
    knowing = dataclasses.replace(EC2, **{option.needs: True})
    with_share = dataclasses.replace(own, share="a")
    assert list(iter_need_reasons(own, with_share, knowing)) == []
    assert list(iter_need_reasons(NO_OPTIONS, own, EC2)) == []


def test_a_fair_queue_demands_a_share() -> None:
    assert list(iter_need_reasons(NO_OPTIONS, NO_OPTIONS, FAIR)) == [
        "queue fair has a scheduling policy and demands a share: set batchx_share or --batchx-share"
    ]
    assert list(iter_need_reasons(NO_OPTIONS, JobOptions(share="a"), FAIR)) == []
    assert list(iter_need_reasons(NO_OPTIONS, NO_OPTIONS, EC2)) == []


@pytest.mark.parametrize(
    ("platform", "options", "container", "starts"),
    [
        (EC2, NO_OPTIONS, "--privileged --shm-size 1g --ulimit core=1", []),
        (EC2, JobOptions(volumes=parse_volumes("/a efs://fs-01234567:/b")), "--init", []),
        (
            EC2,
            JobOptions(volumes=parse_volumes(S3_FILES)),
            "--init",
            [f"batchx_volumes mounts {S3_FILES_SHOWN} at /files, but AWS Batch mounts S3 Files on"],
        ),
        (FARGATE, NO_OPTIONS, "--init --user 1 --read-only --env A=1 --privileged=false", []),
        (FARGATE, JobOptions(volumes=parse_volumes(f"efs://fs-01234567:/b {S3_FILES}")), None, []),
        (
            FARGATE,
            JobOptions(volumes=parse_volumes("/a /b:/c")),
            "--memory-swappiness 0 --device /dev/fuse --tmpfs /t:size=1m",
            [
                "batchx_options holds --tmpfs, which Fargate does not have: ",
                "batchx_options holds --device, which Fargate does not have: ",
                "batchx_options holds --memory-swappiness, which Fargate does not have: ",
                "batchx_volumes mounts the host's folder /a at /a, but Fargate has no hosts: ",
                "batchx_volumes mounts the host's folder /b at /c, but Fargate has no hosts: ",
            ],
        ),
        (FARGATE, JobOptions(volumes=parse_volumes("efs://fs-01234567:/b")), None, []),
    ],
)
def test_a_platform_has_not_everything(
    platform: Platform, options: JobOptions, container: str | None, starts: list[str]
) -> None:
    asked = parse_container_options(container) if container else NO_CONTAINER
    reasons = list(iter_platform_reasons(options, asked, platform))
    assert len(reasons) == len(starts)
    assert all(map(str.startswith, reasons, starts))


def test_where_something_is_mounted_nothing_else_can_be() -> None:
    image = make_image(mountPoints=[{"containerPath": "/theirs/", "sourceVolume": "v"}])
    container = parse_container_options("--tmpfs /scratch/:size=1m")
    options = JobOptions(volumes=parse_volumes("/a:/theirs /b:/scratch /c:/mine"))
    assert list(iter_mount_reasons(options, container, image)) == [
        "batchx_volumes mounts the host's folder /a at /theirs, where its job definition mounts "
        "something: name another path",
        "batchx_volumes mounts the host's folder /b at /scratch, where batchx_options mounts a "
        "tmpfs: name another path",
    ]
    assert list(iter_mount_reasons(options, NO_CONTAINER, NO_IMAGE)) == []


@pytest.mark.parametrize(
    ("volumes", "image", "is_refused"),
    [
        ("/a", NO_IMAGE, False),
        ("efs://fs-01234567:/b", NO_IMAGE, False),
        ("efs://fs-01234567:/b:iam", NO_IMAGE, True),
        (S3_FILES, NO_IMAGE, True),
        (S3_FILES, make_image(jobRoleArn=ROLE), False),
    ],
)
def test_some_volumes_are_mounted_with_the_jobs_role(
    volumes: str, image: JobImage, is_refused: bool
) -> None:
    options = JobOptions(volumes=parse_volumes(volumes))
    reasons = list(iter_role_reasons(options, EC2, image))
    assert len(reasons) == is_refused
    assert all("set batchx_job_role or --batchx-job-role" in reason for reason in reasons)
    with_role = dataclasses.replace(options, job_role=ROLE)
    assert list(iter_role_reasons(with_role, EC2, image)) == []


LOGIN = JobImage("i", "i", credentials=SECRET)
FIX = "needs a role: set batchx_execution_role or --batchx-execution-role"


@pytest.mark.parametrize(
    ("platform", "options", "image", "reasons"),
    [
        (EC2, NO_OPTIONS, NO_IMAGE, []),
        (FARGATE, NO_OPTIONS, NO_IMAGE, [f"queue fargate is on Fargate, where ECS {FIX}"]),
        (
            EC2,
            JobOptions(secrets=(("A", SECRET),)),
            NO_IMAGE,
            [f"batchx_secrets: to read them, ECS {FIX}"],
        ),
        # Of logins only that counts which the image is read with.
        (EC2, JobOptions(registry_credentials=(("quay.io", SECRET),)), NO_IMAGE, []),
        (EC2, NO_OPTIONS, LOGIN, [f"batchx_registry_credentials: to read them, ECS {FIX}"]),
    ],
)
def test_what_ecs_does_for_a_job_needs_a_role(
    platform: Platform, options: JobOptions, image: JobImage, reasons: list[str]
) -> None:
    assert list(iter_role_reasons(options, platform, image)) == reasons
    with_role = dataclasses.replace(options, execution_role=ROLE)
    assert list(iter_role_reasons(with_role, platform, image)) == []
    template = {"containerProperties": {"executionRoleArn": ROLE}}
    with_template = dataclasses.replace(image, template=template)
    assert list(iter_role_reasons(options, platform, with_template)) == []


def make_tags(first: int, last: int) -> tuple[tuple[str, str], ...]:
    return tuple((f"k{number}", "v") for number in range(first, last))


@pytest.mark.parametrize(
    ("of_job", "of_definition", "count"),
    [
        (make_tags(0, 46), (), None),
        (make_tags(0, 40), make_tags(30, 46), None),
        (make_tags(0, 40), make_tags(30, 47), 47),
        ((), make_tags(0, 47), 47),
        (None, make_tags(0, 46), None),
    ],
)
def test_tags_of_job_and_definition_are_counted_together(
    of_job: Any, of_definition: Any, count: int | None
) -> None:
    image = JobImage("i", "i", template={"tags": dict(of_definition)})
    reasons = list(iter_tag_reasons(JobOptions(tags=of_job), image))
    assert [reason.partition(" tags")[0] for reason in reasons] == (
        [] if count is None else [f"it has {count}"]
    )
    assert MOST_TAGS - OWN_TAGS == 46


@pytest.mark.parametrize(
    ("template", "platform", "architecture", "starts"),
    [
        ({}, EC2, "amd64", []),
        ({}, FARGATE, "arm64", []),
        ({"containerProperties": {}}, EC2, "amd64", []),
        (
            {"containerProperties": {}},
            FARGATE,
            "amd64",
            ["its job definition is for EC2, but queue fargate is on Fargate: "],
        ),
        (
            {"platformCapabilities": ["FARGATE"]},
            EC2,
            "amd64",
            ["its job definition is for FARGATE, but queue ec2 is on EC2: "],
        ),
        ({"platformCapabilities": ["EC2"]}, EC2, "arm64", []),
        (
            {
                "platformCapabilities": ["FARGATE"],
                "containerProperties": {"runtimePlatform": {"cpuArchitecture": "ARM64"}},
            },
            FARGATE,
            "amd64",
            ["its job definition is for ARM64, but the job is to run on amd64: set batchx_arch"],
        ),
        (
            {
                "platformCapabilities": ["FARGATE"],
                "containerProperties": {"runtimePlatform": {"cpuArchitecture": "ARM64"}},
            },
            FARGATE,
            "arm64",
            [],
        ),
    ],
)
def test_a_definition_of_the_users_must_fit_the_queue(
    template: dict[str, Any], platform: Platform, architecture: Any, starts: list[str]
) -> None:
    image = JobImage("i", "i", template=template)
    reasons = list(iter_template_reasons(image, platform, architecture))
    assert len(reasons) == len(starts)
    assert all(map(str.startswith, reasons, starts))


@pytest.mark.parametrize(
    ("volumes", "scratch", "is_refused"),
    [
        ("/a:/tmp:ro", "/tmp", True),
        ("/a:/tmp:ro", "/tmp/in", True),
        ("/a:/work:ro", "/work", True),
        ("/a:/tmp", "/tmp", False),
        ("/a:/tmp:ro", "/work", False),
        ("/a:/tmp/in:ro", "/tmp", False),
        ("/a:/tm:ro", "/tmp", False),
        ("/a:/work:ro", "/work/", True),
        # The innermost counts.
        ("/b:/d/work /a:/d:ro", "/d/work/in", False),
        ("/a:/d /b:/d/work:ro", "/d/work", True),
    ],
)
def test_a_job_can_write_where_it_works(volumes: str, scratch: str, is_refused: bool) -> None:
    options = JobOptions(volumes=parse_volumes(volumes))
    reasons = list(iter_scratch_reasons(options, NO_CONTAINER, scratch))
    assert len(reasons) == is_refused
    assert all(" read-only at " in reason for reason in reasons)


ARN = "arn:aws:batch:eu-west-1:123456789012:consumable-resource/"


@pytest.mark.parametrize(
    ("names", "starts"),
    [
        ([], []),
        (list("abcde"), []),
        (list("abcdef"), ["it holds 6 consumable resources by batchx_consumables, --batchx"]),
        (["a", f"{ARN}b"], []),
        (["a", f"{ARN}a"], ["batchx_consumables and --batchx-consumables name a by name and by "]),
    ],
)
def test_consumables_of_rule_and_run_are_counted_together(
    names: list[str], starts: list[str]
) -> None:
    options = JobOptions(consumables=tuple((name, 1) for name in names))
    reasons = list(iter_consumable_reasons(options, NO_IMAGE))
    assert len(reasons) == len(starts)
    assert all(map(str.startswith, reasons, starts))
    assert list(iter_consumable_reasons(NO_OPTIONS, NO_IMAGE)) == []


def test_consumables_of_a_definition_are_held_too() -> None:
    theirs = [{"consumableResource": name, "quantity": 2} for name in ("a", f"{ARN}b", "c")]
    properties = {"consumableResourceProperties": {"consumableResourceList": theirs}}
    image = replace(NO_IMAGE, template=properties)
    options = JobOptions(consumables=(("b", 1), ("d", 1)))
    assert join_consumables(options, image) == [("a", 2), ("c", 2), ("b", 1), ("d", 1)]
    assert list(iter_consumable_reasons(options, image)) == []
    options = JobOptions(consumables=tuple((name, 1) for name in "bdef"))
    (reason,) = iter_consumable_reasons(options, image)
    assert reason.startswith("it holds 6 consumable resources by ")


@pytest.mark.parametrize(
    ("tmpfs", "scratch", "is_refused"),
    [
        ("/tmp:size=1m,ro", "/tmp", True),
        ("/tmp:size=1m", "/tmp", False),
        ("/d:size=1m,ro", "/tmp", False),
        ("/tmp/in:size=1m --tmpfs /tmp:size=1m,ro", "/tmp/in", False),
    ],
)
def test_nor_does_a_job_work_in_a_tmpfs_that_is_read_only(
    tmpfs: str, scratch: str, is_refused: bool
) -> None:
    container = parse_container_options(f"--tmpfs {tmpfs}")
    reasons = list(iter_scratch_reasons(NO_OPTIONS, container, scratch))
    expected = "batchx_options mounts a tmpfs read-only at /tmp, where the job works: "
    assert [reason[: len(expected)] for reason in reasons] == [expected] * is_refused


def test_a_tmpfs_of_a_definition_may_be_replaced_but_nothing_mounted_over_it() -> None:
    theirs = [{"containerPath": "/theirs/", "size": 1}]
    mounts = [{"containerPath": "/mounted", "sourceVolume": "v"}]
    image = make_image(linuxParameters={"tmpfs": theirs}, mountPoints=mounts)
    container = parse_container_options("--tmpfs /theirs:size=1m --tmpfs /mounted:size=1m")
    options = JobOptions(volumes=parse_volumes("/a:/theirs"))
    assert list(iter_mount_reasons(options, NO_CONTAINER, image)) == [
        "batchx_volumes mounts the host's folder /a at /theirs, where its job definition mounts a "
        "tmpfs: name another path"
    ]
    assert list(iter_mount_reasons(NO_OPTIONS, container, image)) == [
        "batchx_options mounts a tmpfs at /mounted, where its job definition mounts something: "
        "name another path"
    ]


@pytest.mark.parametrize(
    ("secrets", "container", "names"),
    [
        ("A", "-e B=1", []),
        ("A", "-e A=1", ["A"]),
        ("A", "-e A", ["A"]),
        ("A,B,C", "-e B=1 -e A", ["A", "B"]),
    ],
)
def test_a_name_is_a_secrets_or_a_variables(secrets: str, container: str, names: list[str]) -> None:
    options = JobOptions(secrets=tuple((name, SECRET) for name in secrets.split(",")))
    reasons = list(iter_name_reasons(options, parse_container_options(container)))
    assert [reason.partition(" is in batchx_secrets and")[0] for reason in reasons] == names


@pytest.mark.parametrize(("size", "is_refused"), [(20_000, False), (21_000, True)])
def test_a_definition_has_a_size(size: int, is_refused: bool) -> None:
    container = parse_container_options(f"-e A={'x' * size}")
    image = make_image(environment=[{"name": "A", "value": "x" * size}])
    for given in [(NO_OPTIONS, container, NO_IMAGE), (NO_OPTIONS, NO_CONTAINER, image)]:
        reasons = list(iter_size_reasons(*given))
        assert len(reasons) == is_refused
        assert all(f"at most {MOST_DEFINITION_BYTES:,} find room" in reason for reason in reasons)
