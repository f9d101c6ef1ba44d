"""What the script of the instances does with the disks that they have, by programs that tell."""

from __future__ import annotations

import email
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.infra.instances import make_user_data, read_script

LOCAL = "Amazon EC2 NVMe Instance Storage"
EBS = "Amazon Elastic Block Store"

FAKES = {
    "lsblk": 'case "$*" in *TYPE*) cat "$FAKES/arrays" ;; *) cat "$FAKES/disks" ;; esac',
    "mountpoint": "exit ${MOUNTED:-1}",
    "mdadm": "case $1 in --assemble) exit ${ASSEMBLED:-1} ;; --create) exit ${CREATED:-0} ;; esac",
    "blkid": "exit ${FORMATTED:-2}",
    "systemctl": '[ "$1" != is-active ] || exit ${DOCKER_RUNS:-3}',
    "dnf": "exit ${DNF:-0}",
    "mkfs.xfs": "exit ${MKFS:-0}",
    "mount": '[ "$1" = --bind ] && exit ${BIND:-0}; exit ${MOUNT:-0}',
    "mkdir": "",
    "chmod": "",
}
QUIET = ("lsblk", "mkdir", "mountpoint")

BINDS = [
    f"mount --bind /mnt/batchx{folder} {folder}"
    for folder in ("/var/lib/docker", "/var/lib/containerd", "/var/lib/batchx-cache", "/scratch")
]

Play = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Run the script on a machine with such disks; return its exit code and what it called."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in FAKES.items():
        path = programs / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> "$FAKES/calls"\n{text}\n')
        path.chmod(0o755)
    for name in ("awk", "cat", "sort"):
        found = subprocess.check_output(["sh", "-c", f"command -v {name}"], text=True).strip()
        (programs / name).symlink_to(found)

    def play(
        *models: str, lacks: str = "", arrays: str = "", **variables: str
    ) -> tuple[int, list[str]]:
        lines = [f"/dev/nvme{number}n1 {model}" for number, model in enumerate(models)]
        (tmp_path / "disks").write_text("".join(f"{line}\n" for line in lines))
        (tmp_path / "arrays").write_text(arrays)
        if lacks:
            (programs / lacks).unlink()
        environment = {"PATH": str(programs), "FAKES": str(tmp_path), **variables}
        done = subprocess.run(
            ["/bin/bash", "-c", read_script()], env=environment, capture_output=True, check=False
        )
        (tmp_path / "said").write_bytes(done.stderr)
        called = (tmp_path / "calls").read_text().splitlines()
        return done.returncode, [call for call in called if not call.startswith(QUIET)]

    return play


def test_bash_understands_it(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(read_script())
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_without_local_disks_all_stays_on_the_root_volume(play: Play) -> None:
    assert play(EBS) == (0, ["chmod 1777 /scratch"])


def test_one_disk_needs_no_raid(play: Play) -> None:
    exit_code, calls = play(EBS, LOCAL)
    assert exit_code == 0
    assert calls == [
        "chmod 1777 /scratch",
        "blkid /dev/nvme1n1",
        "mkfs.xfs -f -K /dev/nvme1n1",
        "mount --options noatime /dev/nvme1n1 /mnt/batchx",
        "systemctl is-active --quiet docker",
        *BINDS,
        "chmod 1777 /scratch",
    ]


def test_three_disks_become_one(play: Play) -> None:
    exit_code, calls = play(EBS, LOCAL, LOCAL, LOCAL)
    disks = "/dev/nvme1n1 /dev/nvme2n1 /dev/nvme3n1"
    assert exit_code == 0
    assert calls[1:5] == [
        f"mdadm --assemble /dev/md/batchx {disks}",
        f"mdadm --create /dev/md/batchx --run --force --level=0 --raid-devices=3 {disks}",
        "blkid /dev/md/batchx",
        "mkfs.xfs -f -K /dev/md/batchx",
    ]
    assert "mount --options noatime /dev/md/batchx /mnt/batchx" in calls
    assert calls[-5:-1] == BINDS


def test_after_a_reboot_what_is_there_is_kept(play: Play) -> None:
    exit_code, calls = play(LOCAL, LOCAL, ASSEMBLED="0", FORMATTED="0")
    assert exit_code == 0
    assert not [call for call in calls if call.startswith(("mkfs", "mdadm --create"))]
    assert calls[-5:-1] == BINDS


def test_a_second_time_it_does_nothing(play: Play) -> None:
    assert play(LOCAL, MOUNTED="0") == (0, ["chmod 1777 /scratch"])


def test_docker_is_stopped_meanwhile_if_it_runs(play: Play) -> None:
    _, calls = play(LOCAL, DOCKER_RUNS="0")
    stopped = calls.index("systemctl stop docker.socket docker containerd")
    assert stopped < calls.index(BINDS[0])
    assert calls[-1] == "systemctl start docker"


def test_mdadm_is_installed_where_it_lacks(play: Play) -> None:
    _, calls = play(LOCAL, LOCAL, lacks="mdadm", DNF="1")
    assert "dnf --quiet --assumeyes install mdadm" in calls
    assert "mount --options noatime /dev/nvme0n1 /mnt/batchx" in calls


BOTH = "disk  /dev/nvme0n1\n{0}\ndisk  /dev/nvme1n1\n{0}\n"
"""What lsblk lists of two disks and the array that holds them."""


def test_an_array_that_udev_assembled_is_used_as_it_is(play: Play) -> None:
    exit_code, calls = play(LOCAL, LOCAL, arrays=BOTH.format("raid0 /dev/md127"), FORMATTED="0")
    assert exit_code == 0
    assert not [call for call in calls if call.startswith(("mdadm", "mkfs"))]
    assert "mount --options noatime /dev/md127 /mnt/batchx" in calls
    assert calls[-5:-1] == BINDS


def test_half_an_array_is_stopped_before_it_is_assembled(play: Play) -> None:
    exit_code, calls = play(
        LOCAL, LOCAL, arrays=BOTH.format("md    /dev/md127"), ASSEMBLED="0", FORMATTED="0"
    )
    assert exit_code == 0
    assert [call.split()[1] for call in calls if call.startswith("mdadm")] == [
        "--stop",
        "--assemble",
    ]
    assert "mount --options noatime /dev/md/batchx /mnt/batchx" in calls


@pytest.mark.parametrize(
    ("variables", "models", "told"),
    [
        ({"MOUNT": "32"}, (LOCAL,), "cannot be mounted"),
        ({"MKFS": "1"}, (LOCAL,), "cannot be formatted"),
        ({"CREATED": "1"}, (LOCAL, LOCAL), "cannot be joined"),
    ],
)
def test_docker_is_left_alone_where_the_disks_are_of_no_use(
    play: Play, tmp_path: Path, variables: dict[str, str], models: tuple[str, ...], told: str
) -> None:
    exit_code, calls = play(*models, **variables)
    assert exit_code == 0, "Docker and the ECS agent start all the same"
    assert not [call for call in calls if call.startswith(("mount --bind", "systemctl"))]
    said = (tmp_path / "said").read_text()
    assert f"{told}, so all stays on the root volume\n" in said


def test_docker_starts_again_where_a_folder_cannot_be_moved(play: Play, tmp_path: Path) -> None:
    exit_code, calls = play(LOCAL, BIND="32", DOCKER_RUNS="0")
    assert exit_code == 0
    assert calls[-1] == "systemctl start docker"
    assert "/scratch stays on the root volume" in (tmp_path / "said").read_text()


def test_cloud_init_gets_it_as_a_boothook_of_a_message_in_parts() -> None:
    message = email.message_from_string(make_user_data())
    assert message.get_content_type() == "multipart/mixed"
    (part,) = message.get_payload()
    assert part.get_content_type() == "text/cloud-boothook"
    assert part.get_payload().rstrip() == read_script().rstrip()
    assert len(make_user_data().encode()) < 16_384, "what EC2 takes"
    assert os.linesep == "\n"
