"""Options of a rule over those of the setting, what they are in the API, and what cannot be."""

from typing import Any

import pytest

from snakemake_executor_plugin_batchx.plan.container_options import (
    PLACES,
    SINGLE_FIELDS,
    ContainerOptions,
    Device,
    Tmpfs,
    Ulimit,
)

FUSE = Device("/dev/fuse", "/dev/fuse", ("READ", "WRITE"))

FULL: dict[str, Any] = {
    "environment": (("A", "1"),),
    "user": "1000",
    "is_read_only": True,
    "is_privileged": True,
    "ulimits": (Ulimit("memlock", -1, -1),),
    "is_init": True,
    "shared_memory_mib": 64,
    "tmpfs": (Tmpfs("/t", 8, ("ro", "mode=700")),),
    "devices": (FUSE,),
    "memory_swap_mib": 3000,
    "swappiness": 0,
}


def test_what_a_rule_says_counts_over_the_setting_flag_by_flag() -> None:
    rule = ContainerOptions(is_init=False, shared_memory_mib=64, user="1")
    setting = ContainerOptions(
        is_init=True, shared_memory_mib=8, user="2", is_read_only=True, swappiness=0
    )
    joined = rule.join(setting)
    assert joined == ContainerOptions(
        is_init=False, shared_memory_mib=64, user="1", is_read_only=True, swappiness=0
    )


@pytest.mark.parametrize(
    ("field", "own", "default", "expected"),
    [
        ("environment", (("A", "1"),), (("B", "3"), ("A", "2")), (("B", "3"), ("A", "1"))),
        ("passed_names", ("A",), ("A", "B"), ("B", "A")),
        (
            "tmpfs",
            (Tmpfs("/a", 1),),
            (Tmpfs("/a", 2), Tmpfs("/b", 3)),
            (Tmpfs("/b", 3), Tmpfs("/a", 1)),
        ),
        (
            "ulimits",
            (Ulimit("core", 0, 0),),
            (Ulimit("core", 1, 1), Ulimit("cpu", 2, 2)),
            (Ulimit("cpu", 2, 2), Ulimit("core", 0, 0)),
        ),
        ("devices", (FUSE,), (Device("/dev/null", "/dev/fuse", ()),), (FUSE,)),
    ],
)
def test_keyed_options_are_joined_key_by_key(
    field: str, own: Any, default: Any, expected: Any
) -> None:
    joined = ContainerOptions(**{field: own}).join(ContainerOptions(**{field: default}))
    assert joined == ContainerOptions(**{field: expected})


def test_a_variable_is_either_given_or_passed() -> None:
    given = ContainerOptions(environment=(("A", "1"),))
    passed = ContainerOptions(passed_names=("A",))
    assert given.join(passed) == given
    assert passed.join(given) == passed


def test_notes_on_overruled_sizes_are_dropped() -> None:
    setting = ContainerOptions(
        shared_memory_mib=64,
        tmpfs=(Tmpfs("/a", 1), Tmpfs("/ab", 2)),
        notes=("--shm-size: s", "--tmpfs /a: a", "--tmpfs /ab: ab"),
    )
    rule = ContainerOptions(shared_memory_mib=8, tmpfs=(Tmpfs("/a", 5),), notes=("--tmpfs /a: x",))
    assert rule.join(setting).notes == ("--tmpfs /ab: ab", "--tmpfs /a: x")
    assert ContainerOptions().join(setting).notes == setting.notes


def test_nothing_joined_with_anything_is_that() -> None:
    full = ContainerOptions(**FULL, notes=("--shm-size: s",))
    assert ContainerOptions().join(full) == full
    assert full.join(ContainerOptions()) == full


def test_every_field_has_a_place_and_is_joined() -> None:
    fields = set(ContainerOptions.__dataclass_fields__) - {"passed_names", "notes"}
    assert fields == set(PLACES) == set(FULL)
    assert {field for field in fields if getattr(ContainerOptions(), field) is None} == set(
        SINGLE_FIELDS
    )


def test_what_everything_is_in_the_api() -> None:
    assert ContainerOptions(**FULL).make_properties(2048) == {
        "user": "1000",
        "readonlyRootFilesystem": True,
        "privileged": True,
        "ulimits": [{"name": "memlock", "softLimit": -1, "hardLimit": -1}],
        "linuxParameters": {
            "initProcessEnabled": True,
            "sharedMemorySize": 64,
            "tmpfs": [{"containerPath": "/t", "size": 8, "mountOptions": ["ro", "mode=700"]}],
            "devices": [
                {
                    "hostPath": "/dev/fuse",
                    "containerPath": "/dev/fuse",
                    "permissions": ["READ", "WRITE"],
                }
            ],
            "maxSwap": 952,
            "swappiness": 0,
        },
    }


def test_nothing_is_nothing_in_the_api() -> None:
    assert ContainerOptions(environment=(("A", "1"),)).make_properties(2048) == {}


def test_fargate_refuses_what_it_does_not_have() -> None:
    problems = ContainerOptions(**FULL).list_fargate_problems()
    assert {problem.split(",")[0].removeprefix("holds ") for problem in problems} == {
        *("--privileged", "--ulimit", "--shm-size", "--tmpfs", "--device", "--memory-swap"),
        "--memory-swappiness",
    }
    assert (
        "holds --shm-size, which Fargate does not have: leave it out, or name a queue on EC2"
        in problems
    )


def test_fargate_has_the_rest_and_takes_a_privileged_of_false() -> None:
    options = ContainerOptions(
        environment=(("A", "1"),),
        passed_names=("B",),
        user="1",
        is_init=True,
        is_read_only=True,
        is_privileged=False,
    )
    assert options.list_fargate_problems() == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            ContainerOptions(memory_swap_mib=2000),
            ["holds --memory-swap with 2000 MiB, below the job's memory of 2304 MiB"],
        ),
        (
            ContainerOptions(swappiness=0),
            ["holds --memory-swappiness without --memory-swap, and Batch ignores it then"],
        ),
        (
            ContainerOptions(swappiness=10, memory_swap_mib=2304),
            ["--memory-swap of 2304 MiB is the job's memory and leaves no swap"],
        ),
        (ContainerOptions(swappiness=10, memory_swap_mib=2305), []),
        (ContainerOptions(memory_swap_mib=2304), []),
        (ContainerOptions(), []),
    ],
)
def test_contradictions_that_show_with_the_memory(
    options: ContainerOptions, expected: list[str]
) -> None:
    problems = options.list_problems(2304)
    assert len(problems) == len(expected)
    assert all(part in problem for part, problem in zip(expected, problems, strict=True))
