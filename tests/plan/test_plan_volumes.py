"""Volumes: how they are written, what Batch gets of them, and what is refused."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.plan.values import WrongValueError
from snakemake_executor_plugin_batchx.plan.volume_sources import FileSystem, HostFolder
from snakemake_executor_plugin_batchx.plan.volumes import (
    VolumeMount,
    add_volumes,
    join_volumes,
    list_ec2_problems,
    list_fargate_problems,
    list_taken,
    parse_volumes,
)

CheckRequest = Callable[[str, Mapping[str, Any]], None]

FS = "fs-0123456789abcdef0"
POINT = "fsap-0123456789abcdef0"
S3_FS = "arn:aws:s3files:eu-west-1:123456789012:file-system/fs-0123456789abcdef0"
S3_POINT = f"{S3_FS}/access-point/{POINT}"


def list_reasons(value: object) -> tuple[str, ...]:
    with pytest.raises(WrongValueError) as caught:
        parse_volumes(value)
    return caught.value.reasons


@pytest.mark.parametrize(
    ("text", "volume"),
    [
        ("/scratch", VolumeMount(HostFolder("/scratch"), "/scratch")),
        ("/scratch/", VolumeMount(HostFolder("/scratch"), "/scratch")),
        ("/data:/in", VolumeMount(HostFolder("/data"), "/in")),
        ("/data:/in/:ro", VolumeMount(HostFolder("/data"), "/in", is_read_only=True)),
        ("/data:/in:rw", VolumeMount(HostFolder("/data"), "/in")),
        ("/:/host:ro", VolumeMount(HostFolder("/"), "/host", is_read_only=True)),
        ("/etc/ssl:/opt", VolumeMount(HostFolder("/etc/ssl"), "/opt")),
        ("/tmp", VolumeMount(HostFolder("/tmp"), "/tmp")),
        ("/mnt/a,b:/c", VolumeMount(HostFolder("/mnt/a,b"), "/c")),
        (f"efs://{FS}:/ref", VolumeMount(FileSystem(FS), "/ref")),
        (f"efs://{FS}/:/ref:ro,tls", VolumeMount(FileSystem(FS), "/ref", is_read_only=True)),
        (f"efs://{FS}/a/b/:/ref", VolumeMount(FileSystem(FS, "/a/b"), "/ref")),
        (
            f"efs://{FS}:/ref:accesspoint={POINT},iam,tlsport=65535",
            VolumeMount(FileSystem(FS, None, POINT, 65_535, has_iam=True), "/ref"),
        ),
        (f"efs://{FS}:/ref:notls", VolumeMount(FileSystem(FS, is_encrypted=False), "/ref")),
        (
            f"s3files://{S3_FS}:/ref:ro",
            VolumeMount(FileSystem(S3_FS, is_s3_files=True), "/ref", is_read_only=True),
        ),
        (
            f"s3files://{S3_FS}/a:/ref:tlsport=0",
            VolumeMount(FileSystem(S3_FS, "/a", port=0, is_s3_files=True), "/ref"),
        ),
        (
            f"s3files://{S3_FS}:/ref:accesspoint={S3_POINT}",
            VolumeMount(FileSystem(S3_FS, None, S3_POINT, is_s3_files=True), "/ref"),
        ),
    ],
)
def test_a_volume(text: str, volume: VolumeMount) -> None:
    assert parse_volumes(text) == (volume,)


@pytest.mark.parametrize(
    "value",
    [
        f"/a efs://{FS}:/b:ro,iam s3files://{S3_FS}:/c:ro /d:/e",
        f"/a,efs://{FS}:/b:ro,iam,s3files://{S3_FS}:/c:ro,/d:/e",
        f" /a, efs://{FS}:/b:ro,iam ,s3files://{S3_FS}:/c:ro\n/d:/e, ",
        ["/a", f"efs://{FS}:/b:ro,iam,s3files://{S3_FS}:/c:ro", "", "/d:/e"],
    ],
)
def test_volumes_stand_between_blanks_or_commas(value: object) -> None:
    volumes = parse_volumes(value)
    assert [volume.container_path for volume in volumes] == ["/a", "/b", "/c", "/e"]
    assert [volume.is_read_only for volume in volumes] == [False, True, True, False]
    assert volumes[1].source == FileSystem(FS, has_iam=True)


@pytest.mark.parametrize("value", ["", "  ", [], None, ["", ","]])
def test_there_may_be_no_volume(value: object) -> None:
    assert parse_volumes(value) == ()


NEEDED = "but containers need their own {}: name another path, such as /mnt/data"
PLAIN = "must be without . and .. and empty names"


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("data:/path", "which names a volume of Docker, and AWS Batch has none: name a folder of"),
        ("data", "which must be /host[:/path[:ro]], efs://"),
        ("./data:/path", "which must be /host[:/path[:ro]], efs://"),
        ("s3://bucket/x:/x", "which must be /host[:/path[:ro]], efs://"),
        ("/a:b", "whose path in the container 'b' must be absolute, such as /data"),
        ("/a:", "whose path in the container '' must be absolute, such as /data"),
        ("/a:/b:ro:z", "whose option 'ro:z' is none of ro, rw"),
        ("/a:/b:z", "whose option 'z' is none of ro, rw"),
        ("/a:/b:ro,rw", "whose options have both ro and rw, which exclude each other"),
        ("/a:/b:ro,ro", "whose option ro is given more than once"),
        ("/a:/b/../c", f"whose path in the container '/b/../c' {PLAIN}"),
        ("/a/./b:/c", f"whose folder '/a/./b' {PLAIN}"),
        ("/a//b", f"whose path in the container '/a//b' {PLAIN}"),
        ("/a\x07", "whose path in the container must have printable characters only, at most"),
        (f"/a:/{'b' * 4096}", "must have printable characters only, at most 4,096"),
        ("/", NEEDED.format("/")),
        ("/a:/", NEEDED.format("/")),
        ("/a:/proc", NEEDED.format("/proc")),
        ("/a:/proc/x", NEEDED.format("/proc/x")),
        ("/a:/sys/", NEEDED.format("/sys")),
        ("/a:/dev", NEEDED.format("/dev")),
        ("/a:/etc", NEEDED.format("/etc")),
        ("/a:/batchx", NEEDED.format("/batchx")),
        ("/a:/batchx/lib", NEEDED.format("/batchx/lib")),
        ("/a:/batchx-host-cache", NEEDED.format("/batchx-host-cache")),
        (f"efs://{FS}", "which must be efs://fs-ID[/folder]:/path[:OPTIONS], such as efs://fs-"),
        ("efs://files:/x", "which must be efs://fs-ID[/folder]:/path[:OPTIONS]"),
        (f"efs://{FS}/a/..:/x", f"whose folder '/a/..' {PLAIN}"),
        (
            f"efs://{FS}:/x:mount",
            "whose option 'mount' is none of ro, rw, tls, notls, tlsport=PORT, iam, "
            "accesspoint=fsap-ID",
        ),
        (f"efs://{FS}:/x:iam=yes", "whose option 'iam=yes' is none of ro, rw, tls, notls, "),
        (f"efs://{FS}:/x:tlsport=65536", "whose option 'tlsport=65536' is none of ro, rw, tls"),
        (f"efs://{FS}:/x:accesspoint=x", "whose option 'accesspoint=x' is none of ro, rw, tls"),
        (
            f"efs://{FS}:/x:notls,iam",
            "whose options have both notls and iam, but authorization by IAM demands encryption",
        ),
        (
            f"efs://{FS}:/x:accesspoint={POINT},notls",
            "whose options have both notls and accesspoint, but an access point demands encryption",
        ),
        (f"efs://{FS}:/x:notls,tlsport=1", "whose options have both notls and tlsport, but the"),
        (f"efs://{FS}:/x:notls,tls", "whose options have both tls and notls, which exclude each"),
        (
            f"efs://{FS}/dir:/x:accesspoint={POINT}",
            "whose folder '/dir' cannot stand with an access point, which has a folder of its own",
        ),
        (f"s3files://{FS}:/x", "which must be s3files://ARN[/folder]:/path[:OPTIONS] with the ARN"),
        (f"s3files://{S3_POINT}:/x", "(that of an access point is an option)"),
        (f"s3files://{S3_FS}:/x:iam", "whose option 'iam' is none of ro, rw, tlsport=PORT, "),
        (
            f"s3files://{S3_FS}1:/x:accesspoint={S3_POINT}",
            "whose access point is one of another file system",
        ),
    ],
)
def test_what_is_wrong_is_told(item: str, reason: str) -> None:
    (told,) = list_reasons([item, "/fine"])
    assert told.startswith(f"holds {item!r}, ")
    assert reason in told


def test_all_mistakes_are_told_at_once() -> None:
    assert list_reasons("/a:/c /b:/c data:/x /d:e:z") == (
        "holds 'data:/x', which names a volume of Docker, and AWS Batch has none: name a folder of "
        "the host, such as /data:/path, or a file system, such as "
        "efs://fs-0123456789abcdef0:/path",
        "holds '/d:e:z', whose option 'z' is none of ro, rw",
        "holds '/d:e:z', whose path in the container 'e' must be absolute, such as /data",
        "mounts /c more than once: keep one volume for each path of the container",
    )


@pytest.mark.parametrize("value", [5, True, {"/a": "/b"}, ["/a", None], b"/a"])
def test_what_is_no_text_is_refused(value: object) -> None:
    (reason,) = list_reasons(value)
    assert reason.startswith("must be a text such as '/data:/data:ro efs://")


@pytest.mark.parametrize(
    ("text", "configuration"),
    [
        ("/a:/b", {"host": {"sourcePath": "/a"}}),
        (
            f"efs://{FS}:/b",
            {"efsVolumeConfiguration": {"fileSystemId": FS, "transitEncryption": "ENABLED"}},
        ),
        (
            f"efs://{FS}/d:/b:notls",
            {
                "efsVolumeConfiguration": {
                    "fileSystemId": FS,
                    "rootDirectory": "/d",
                    "transitEncryption": "DISABLED",
                }
            },
        ),
        (
            f"efs://{FS}:/b:accesspoint={POINT},iam,tlsport=2049",
            {
                "efsVolumeConfiguration": {
                    "fileSystemId": FS,
                    "transitEncryption": "ENABLED",
                    "transitEncryptionPort": 2049,
                    "authorizationConfig": {"accessPointId": POINT, "iam": "ENABLED"},
                }
            },
        ),
        (
            f"s3files://{S3_FS}:/b:accesspoint={S3_POINT},tlsport=2049",
            {
                "s3filesVolumeConfiguration": {
                    "fileSystemArn": S3_FS,
                    "transitEncryptionPort": 2049,
                    "accessPointArn": S3_POINT,
                }
            },
        ),
        (
            f"s3files://{S3_FS}/d:/b",
            {"s3filesVolumeConfiguration": {"fileSystemArn": S3_FS, "rootDirectory": "/d"}},
        ),
    ],
)
def test_what_batch_gets(
    check_request: CheckRequest, text: str, configuration: dict[str, Any]
) -> None:
    (volume,) = parse_volumes(text)
    name = volume.make_volume()["name"]
    assert volume.make_volume() == {"name": name, **configuration}
    point = {"sourceVolume": name, "containerPath": "/b", "readOnly": False}
    assert volume.make_mount_point() == point
    check_volumes(check_request, (volume,))


def check_volumes(check_request: CheckRequest, volumes: tuple[VolumeMount, ...]) -> None:
    container: dict[str, Any] = {"image": "x"}
    add_volumes(container, volumes)
    request = {"jobDefinitionName": "x", "type": "container", "containerProperties": container}
    check_request("RegisterJobDefinition", request)


def test_a_name_tells_what_a_volume_is_of() -> None:
    once = parse_volumes(f"/a:/1 /a:/2:ro /b efs://{FS}:/3 efs://{FS}/a:/4 efs://{FS}:/5:iam")
    again = parse_volumes(["/a:/else"])
    names = [volume.make_volume()["name"] for volume in (*once, *again)]
    assert names[0] == names[1] == names[-1]
    assert len(set(names)) == 5
    assert names[0] == "bx-947247afe88f829f"


@pytest.mark.parametrize(
    ("text", "is_of_host", "is_s3_files", "needs_job_role"),
    [
        ("/a", True, False, False),
        (f"efs://{FS}:/a", False, False, False),
        (f"efs://{FS}:/a:iam", False, False, True),
        (f"s3files://{S3_FS}:/a", False, True, True),
    ],
)
def test_kinds_of_volumes(
    text: str, is_of_host: bool, is_s3_files: bool, needs_job_role: bool
) -> None:
    (volume,) = parse_volumes(text)
    assert volume.is_of_host is is_of_host
    assert volume.is_s3_files is is_s3_files
    assert volume.needs_job_role is needs_job_role


def test_a_rules_volumes_count_over_those_of_the_run() -> None:
    own, default = parse_volumes("/x:/a /y:/b:ro"), parse_volumes("/p:/b /q:/c")
    joined = join_volumes(own, default)
    assert set(joined) == set(parse_volumes("/x:/a /y:/b:ro /q:/c"))
    assert join_volumes((), default) == default
    assert join_volumes(own, ()) == own


def test_fargate_has_no_folders_of_hosts_and_ec2_no_s3_files() -> None:
    volumes = parse_volumes(f"/data:/a efs://{FS}:/b s3files://{S3_FS}:/c")
    assert list_fargate_problems(volumes) == [
        "mounts the host's folder /data at /a, but Fargate has no hosts: use EFS, or a queue for "
        "EC2"
    ]
    assert list_ec2_problems(volumes) == [
        f"mounts the S3 Files file system {S3_FS} at /c, but AWS Batch mounts S3 Files on Fargate "
        "only: use a queue for Fargate, or EFS"
    ]


def test_volumes_join_what_a_container_has() -> None:
    theirs = {"name": "theirs", "host": {}}
    container: dict[str, Any] = {
        "volumes": [theirs],
        "mountPoints": [{"sourceVolume": "theirs", "containerPath": "/theirs/"}],
    }
    first, second, third = parse_volumes("/a:/1 /a:/2:ro /b")
    add_volumes(container, [first])
    add_volumes(container, [second, third])
    assert container["volumes"] == [theirs, first.make_volume(), third.make_volume()]
    assert container["mountPoints"][1:] == [
        each.make_mount_point() for each in (first, second, third)
    ]
    assert list_taken(container) == {"/theirs", "/1", "/2", "/b"}


def test_a_path_that_is_taken_is_told_and_nothing_added() -> None:
    points = [{"sourceVolume": "x", "containerPath": "/in/"}]
    container: dict[str, Any] = {"mountPoints": points}
    with pytest.raises(WrongValueError) as caught:
        add_volumes(container, parse_volumes("/a /b:/in"))
    assert caught.value.reasons == (
        "mounts the host's folder /b at /in, where the container has something mounted already: "
        "name another path",
    )
    assert container == {"mountPoints": points}


def test_no_volumes_leave_a_container_alone() -> None:
    container: dict[str, Any] = {"image": "x"}
    add_volumes(container, ())
    assert container == {"image": "x"}
    assert list_taken(container) == frozenset()


PIECES = st.lists(
    st.sampled_from(
        [
            *("/a:, .", "/data", f"efs://{FS}", f"s3files://{S3_FS}", ":/b", ":ro", "iam", "tls"),
            *("tlsport=1", f"accesspoint={POINT}", f"accesspoint={S3_POINT}", "/..", ",", "/", ":"),
        ]
    )
    | st.text(max_size=4)
).map("".join)
ANYTHING = st.one_of(PIECES, st.lists(PIECES), st.none(), st.integers(), st.lists(st.none()))


@given(ANYTHING)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_what_is_accepted_batch_accepts(check_request: CheckRequest, value: object) -> None:
    volumes: tuple[VolumeMount, ...] = ()
    with suppress(WrongValueError):
        volumes = parse_volumes(value)
    check_volumes(check_request, volumes)
    for volume in volumes:
        assert volume.container_path.startswith("/")
        assert ".." not in volume.container_path.split("/")
    assert len({volume.container_path for volume in volumes}) == len(volumes)
