"""Options of docker run in one text: what they ask for, and every mistake told."""

import shlex
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.plan.container_options import (
    ContainerOptions,
    Device,
    Tmpfs,
    Ulimit,
)
from snakemake_executor_plugin_batchx.plan.docker_flags import (
    FLAGS,
    KNOWN_FLAGS,
    REFUSED_FLAGS,
    Flag,
    RefusedFlag,
)
from snakemake_executor_plugin_batchx.plan.docker_options import parse_container_options
from snakemake_executor_plugin_batchx.plan.docker_values import (
    PLAIN_MOUNT_OPTIONS,
    ULIMIT_NAMES,
)
from snakemake_executor_plugin_batchx.plan.host_cache import READ_FOLDER
from snakemake_executor_plugin_batchx.plan.values import WrongValueError
from snakemake_executor_plugin_batchx.spec import RUNTIME_PREFIX

CheckRequest = Callable[[str, Mapping[str, Any]], None]

RWM = ("READ", "WRITE", "MKNOD")


def list_mistakes(text: object) -> tuple[str, ...]:
    with pytest.raises(WrongValueError) as caught:
        parse_container_options(text)
    return caught.value.reasons


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--env A=b", {"environment": (("A", "b"),)}),
        ("--env=A=b=c", {"environment": (("A", "b=c"),)}),
        ("-e A=b", {"environment": (("A", "b"),)}),
        ("-eA=b", {"environment": (("A", "b"),)}),
        ("-e=A=b", {"environment": (("A", "b"),)}),
        ("-e 'A=two words' -e B=1", {"environment": (("A", "two words"), ("B", "1"))}),
        ("-e A=1 -e A=2", {"environment": (("A", "2"),)}),
        ("-e LD_PRELOAD=/x.so", {"environment": (("LD_PRELOAD", "/x.so"),)}),
        ("-e HOME", {"passed_names": ("HOME",)}),
        ("-e A=1 -e A", {"passed_names": ("A",)}),
        ("-e A -e A=1", {"environment": (("A", "1"),)}),
        ("-u 1000", {"user": "1000"}),
        ("-u1000", {"user": "1000"}),
        ("-u=1000", {"user": "1000"}),
        ("--user=1000:1000", {"user": "1000:1000"}),
        ("--user nobody", {"user": "nobody"}),
        ("--init", {"is_init": True}),
        ("--init=true", {"is_init": True}),
        ("--init=0", {"is_init": False}),
        ("--init --init=1", {"is_init": True}),
        ("--privileged=F", {"is_privileged": False}),
        ("--read-only", {"is_read_only": True}),
        ("--shm-size 64MiB", {"shared_memory_mib": 64}),
        ("--memory-swap 64MiB", {"memory_swap_mib": 64}),
        ("--memory-swappiness 0", {"swappiness": 0}),
        ("--memory-swappiness=100", {"swappiness": 100}),
        (
            "--tmpfs //run/:rw,noexec,size=64MiB,mode=1777",
            {"tmpfs": (Tmpfs("/run", 64, ("rw", "noexec", "mode=1777")),)},
        ),
        (
            "--tmpfs /a:size=1MiB --tmpfs /b:size=2MiB",
            {"tmpfs": (Tmpfs("/a", 1), Tmpfs("/b", 2))},
        ),
        ("--ulimit nofile=1024", {"ulimits": (Ulimit("nofile", 1024, 1024),)}),
        ("--ulimit memlock=-1", {"ulimits": (Ulimit("memlock", -1, -1),)}),
        ("--ulimit stack=8:-1", {"ulimits": (Ulimit("stack", 8, -1),)}),
        ("--ulimit core=0 --ulimit core=0:0", {"ulimits": (Ulimit("core", 0, 0),)}),
        ("--device /dev/fuse", {"devices": (Device("/dev/fuse", "/dev/fuse", RWM),)}),
        ("--device /dev/fuse:rw", {"devices": (Device("/dev/fuse", "/dev/fuse", RWM[:2]),)}),
        ("--device /dev/a:/dev/b", {"devices": (Device("/dev/a", "/dev/b", RWM),)}),
        ("--device /dev/a:/dev/b:mr", {"devices": (Device("/dev/a", "/dev/b", RWM[::2]),)}),
    ],
)
def test_what_a_text_asks_for(text: str, expected: dict[str, Any]) -> None:
    assert parse_container_options(text) == ContainerOptions(**expected)


def test_what_sizes_became_is_noted() -> None:
    options = parse_container_options("--shm-size 256m --tmpfs /t:size=100 --memory-swap=8g")
    assert options.notes == (
        "--shm-size: 256m is 256 MiB",
        "--tmpfs /t: 100 is taken as 100 MiB (docker would take bytes)",
        "--memory-swap: 8g is 8192 MiB",
    )


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.names[0])
def test_every_example_of_the_table_parses_and_lands_at_its_place(
    check_request: CheckRequest, flag: Flag
) -> None:
    options = parse_container_options(flag.example)
    assert flag.example.split()[0] == flag.names[0]
    assert getattr(options, flag.field) != getattr(ContainerOptions(), flag.field)
    environment = [{"name": name, "value": value} for name, value in options.environment]
    container = {**options.make_properties(1024), "environment": environment, "image": "a"}
    request = {
        "jobDefinitionName": "a",
        "type": "container",
        "containerProperties": container,
    }
    check_request("RegisterJobDefinition", request)
    value: Any = request
    for name in flag.api_path.split("."):
        value = value[name]
    assert value not in (None, [], {})
    assert bool(options.list_fargate_problems()) != flag.is_on_fargate


@pytest.mark.parametrize("refused", REFUSED_FLAGS, ids=lambda refused: refused.names[0])
@pytest.mark.parametrize("is_joined", [True, False])
def test_every_refused_flag_is_explained_by_each_name(
    refused: RefusedFlag, is_joined: bool
) -> None:
    for name in refused.names:
        value = ("=x" if is_joined else " x") if refused.takes_value else ""
        assert list_mistakes(f"{name}{value} --init") == (f"holds {name}, {refused.reason}",)


def test_no_flag_is_in_the_table_twice() -> None:
    names = [name for flag in (*FLAGS, *REFUSED_FLAGS) for name in flag.names]
    assert len(names) == len(set(names)) == len(KNOWN_FLAGS)


@pytest.mark.parametrize("folder", [RUNTIME_PREFIX, READ_FOLDER])
def test_no_tmpfs_hides_what_batchx_needs(folder: str) -> None:
    assert "as only batchx's own folders do" in list_mistakes(f"--tmpfs {folder}:size=1m")[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, ["must be a text with options of docker run, such as '--shm-size 1g'"]),
        (5, ["must be a text with options"]),
        ("", ["must be a text with options"]),
        (" \n", ["must be a text with options"]),
        ("-e 'A=b", ["has a quote that is not closed"]),
        ("--init \\", ["a backslash at its end"]),
        ("-e A=\0", ["holds a null character"]),
        ("ubuntu:22.04 sleep 10", ["holds 'ubuntu:22.04 sleep 10', which is no option"]),
        ("-e A=b c", ["holds 'c', which is no option: quote a value that has blanks; the image"]),
        ("init", ["holds 'init', which is no option: did you mean --init?"]),
        ("—init", ["holds '—init', which is no option: did you mean --init?"]),
        ("--init -- x", ["holds '-- x', which is no option"]),
        ("--init -", ["holds '-', which is no option"]),
        ("--shmsize 1g", ["did you mean --shm-size?): it can hold --env/-e, "]),
        ("--zzz 1 --init", ["holds --zzz, which batchx does not know: it can hold --env/-e, "]),
        ("-x5 -1", ["holds -x, which batchx does", "holds -1, which batchx does"]),
        ("--shm-size", ["holds --shm-size without a value: give one, as in --shm-size 1g"]),
        ("-e --init", ["holds -e without a value"]),
        ("--shm-size -u 5", ["holds --shm-size without a value"]),
        ("--init false", ["holds --init false, which docker writes as --init=false"]),
        ("-init -ulimit core=1", ["two dashes: --init", "two dashes: --ulimit"]),
        ("-it", ["holds -i, but a job has no", "holds -t, but a job has no"]),
        ("-itu A", ["holds -i, ", "holds -t, ", "holds -u 'A', which must be a user's name"]),
        ("--memory 4g --rm -v /a:/b", ["set mem_mb", "Batch clears", "set batchx_volumes"]),
        ("--init --init=false", ["holds --init and --init='false', which contradict each other"]),
        ("--shm-size 1g --shm-size 2g", ["holds --shm-size '1g' and --shm-size '2g', which con"]),
        ("-u 1 --user 2", ["holds -u '1' and --user '2', which contradict"]),
        ("--ulimit core=1 --ulimit core=2", ["'core=1' and --ulimit 'core=2', which contradict"]),
        ("--tmpfs /a:size=1m --tmpfs /a/:size=2m", ["which contradict each other"]),
        ("--device /dev/a --device /dev/b:/dev/a", ["which contradict each other"]),
        ("--init=maybe", ["holds --init='maybe', which must be true or false"]),
        ("-e 1A=b", ["holds -e '1A=b', which must be NAME=VALUE"]),
        ("-e =b", ["must be NAME=VALUE"]),
        ("-e ''", ["must be NAME=VALUE"]),
        ("-e A=", ["has no value, and Batch drops such variables"]),
        ("-e AWS_BATCH_X=1 -e AWS_BATCH", ["begins with AWS_BATCH", "begins with AWS_BATCH"]),
        ("--user Me", ["holds --user 'Me', which must be a user's name or number"]),
        ("--memory-swap -1", ["which asks for unlimited swap, and Batch has none"]),
        ("--memory-swap=-2", ["which must be a size such as"]),
        ("--memory-swap 0", ["which docker takes as not given: leave it out"]),
        ("--memory-swappiness 101", ["must be a whole number from 0 to 100"]),
        ("--memory-swappiness 5.5", ["must be a whole number from 0 to 100"]),
        ("--shm-size 0", ["holds --shm-size '0', which must be above 0"]),
        ("--shm-size big", ["holds --shm-size 'big', which must be a size such as 512m or 2g"]),
        ("--tmpfs /a", ["must have one size, which Batch demands"]),
        ("--tmpfs /a:size=1m,size=2m", ["must have one size"]),
        ("--tmpfs a:size=0", ["must begin with an absolute path", "has size=0, which must be ab"]),
        ("--tmpfs /:size=1m", ["must begin with an absolute path below /"]),
        ("--tmpfs /a/../batchx:size=1m", ["must begin with an absolute path"]),
        ("--tmpfs /usr/:size=1m", ["mounts over /usr/, which containers need their own"]),
        ("--tmpfs /proc/x:size=1m", ["mounts over /proc/x, which containers need"]),
        ("--tmpfs /batchx/x:size=1m", ["begins with /batchx, as only batchx's own folders do"]),
        ("--tmpfs /a:size=50%,huge", ["'huge', which is no mount option", "has size=50%, which"]),
        ("--tmpfs /a:size=1m,ro=1", ["has 'ro=1', which is no mount option"]),
        ("--tmpfs /a:size=1m,mode,uid=me", ["has 'mode', and mode= takes", "uid= takes a user's"]),
        ("--tmpfs /a:size=1m,bind,nr_blocks=1", ["docker cannot mount", "sets the size that"]),
        ("--ulimit nofile", ["holds --ulimit 'nofile', which must be NAME=SOFT or NAME=SOFT:HARD"]),
        ("--ulimit files=5", ["names no limit that Batch knows: it can be core, cpu, data"]),
        ("--ulimit core=5:3", ["has a soft limit above the hard one"]),
        ("--ulimit core=-1:3", ["has a soft limit above the hard one"]),
        ("--ulimit core=-2", ["must have limits from 0 on, or -1 for none"]),
        ("--ulimit core=2147483648", ["must have limits up to 2147483647"]),
        ("--ulimit nofile=5:-1", ["since Linux bounds open files"]),
        ("--device fuse", ["must be HOST, HOST:CONTAINER or HOST:CONTAINER:rwm"]),
        ("--device /dev/a:/dev/b:rr", ["must be HOST, HOST:CONTAINER"]),
        ("--device /dev/a:/dev/b:r:w", ["must be HOST, HOST:CONTAINER"]),
        ("--device /dev/a:", ["must be HOST, HOST:CONTAINER"]),
    ],
)
def test_every_mistake_is_told(text: object, expected: list[str]) -> None:
    mistakes = list_mistakes(text)
    assert len(mistakes) == len(expected)
    assert all(part in mistake for part, mistake in zip(expected, mistakes, strict=True))
    assert not any(mistake.endswith((".", ":", " ")) for mistake in mistakes)


def test_a_mistake_made_twice_is_told_once() -> None:
    assert len(list_mistakes("--rm --rm --shm-size 0 --shm-size 0")) == 2


def find_reasons(text: str) -> tuple[tuple[str, ...], ContainerOptions | None]:
    try:
        return (), parse_container_options(text)
    except WrongValueError as error:
        return error.reasons, None


WORDS = st.one_of(
    st.sampled_from(
        [
            *KNOWN_FLAGS,
            *(flag.example for flag in FLAGS),
            *(
                "=",
                "'",
                '"',
                "\\",
                " ",
                ",",
                ":",
                "-",
                "--",
                "-1",
                "0",
                "size=",
                "/a",
                "A=",
                "core=",
            ),
        ]
    ),
    st.text(max_size=8),
)


@given(st.lists(WORDS, max_size=8), st.sampled_from(["", " ", "="]))
def test_any_text_is_understood_or_refused_in_words(
    check_request: CheckRequest, words: list[str], sign: str
) -> None:
    text = sign.join(words)
    reasons, options = find_reasons(text)
    assert all(reasons)
    assert bool(reasons) == (options is None)
    if options is None:
        return
    container = {"image": "a", **options.make_properties(1024)}
    request = {"jobDefinitionName": "a", "type": "container", "containerProperties": container}
    check_request("RegisterJobDefinition", request)
    assert hash(options) == hash(parse_container_options(text))


MIBS = st.integers(1, 2**31 - 1)
NAMES = st.from_regex(r"[A-Z_][A-Za-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: not name.startswith("AWS_BATCH")
)
PATHS = st.from_regex(r"(/[a-z]{1,3}){1,3}", fullmatch=True)
MOUNT_OPTIONS = st.lists(
    st.sampled_from([*sorted(PLAIN_MOUNT_OPTIONS), "mode=755", "uid=5", "mpol=bind:0"]),
    max_size=4,
    unique=True,
).map(tuple)
LIMITS = st.integers(0, 2**31 - 1)


@st.composite
def make_ulimits(draw: st.DrawFn) -> Ulimit:
    soft, hard = sorted((draw(LIMITS), draw(LIMITS)))
    return Ulimit(draw(st.sampled_from(ULIMIT_NAMES)), soft, hard)


def list_by_key(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=3, unique_by=lambda each: each.key).map(tuple)


OPTIONS = st.builds(
    ContainerOptions,
    environment=st.dictionaries(
        NAMES, st.text(st.characters(exclude_characters="\0"), min_size=1), max_size=3
    ).map(lambda pairs: tuple(pairs.items())),
    is_init=st.none() | st.booleans(),
    is_privileged=st.none() | st.booleans(),
    is_read_only=st.none() | st.booleans(),
    memory_swap_mib=st.none() | MIBS,
    swappiness=st.none() | st.integers(0, 100),
    shared_memory_mib=st.none() | MIBS,
    tmpfs=list_by_key(st.builds(Tmpfs, PATHS, MIBS, MOUNT_OPTIONS)),
    user=st.none() | st.from_regex(r"[a-z0-9_]{1,8}(:[0-9]{1,5})?", fullmatch=True),
    ulimits=list_by_key(make_ulimits()),
    devices=list_by_key(st.builds(Device, PATHS, PATHS, st.just(RWM[:2]))),
).filter(lambda options: options != ContainerOptions())


def write_options(options: ContainerOptions) -> str:
    """Write options as a user would, as the reverse of what is tested."""
    words = [word for name, value in options.environment for word in ("-e", f"{name}={value}")]
    for field, flag in (
        *(("is_init", "--init"), ("is_privileged", "--privileged")),
        *(("is_read_only", "--read-only"), ("swappiness", "--memory-swappiness")),
        ("user", "--user"),
    ):
        value = getattr(options, field)
        words += [] if value is None else [f"{flag}={value}"]
    for field, flag in (("memory_swap_mib", "--memory-swap"), ("shared_memory_mib", "--shm-size")):
        value = getattr(options, field)
        words += [] if value is None else [flag, f"{value}MiB"]
    for each in options.tmpfs:
        words += [
            "--tmpfs",
            f"{each.path}:{','.join((*each.mount_options, ''))}size={each.size_mib}MiB",
        ]
    words += [f"--ulimit={each.name}={each.soft}:{each.hard}" for each in options.ulimits]
    words += [f"--device={each.host_path}:{each.container_path}:rw" for each in options.devices]
    return shlex.join(words)


@given(OPTIONS)
def test_options_written_and_read_are_the_same(options: ContainerOptions) -> None:
    assert parse_container_options(write_options(options)) == options
