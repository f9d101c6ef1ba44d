"""Jobs in containers: what differs from processes. Images are made here, of busybox."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_world import make_container, make_definition, make_resources
from cut_socket import open_cuttable_socket
from docker_images import Image, import_busybox
from job_runs import LOG_GROUP, Runs, wait_for
from strict_client import make_client

from snakemake_executor_plugin_batchx.local.launch import (
    DOCKER,
    EmbeddedAws,
    RuntimeTrees,
    launch_embedded_aws,
)

pytestmark = pytest.mark.docker

LABEL = "batchx.server"
ENGINE = Path("/var/run/docker.sock")
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
GROW = "x=a; while :; do x=$x$x; done"

ENTRYPOINT_IMAGE = (
    'ENTRYPOINT ["/bin/sh", "-c", "echo entry $0 $@; exec $0 $@"]',
    'CMD ["echo", "from CMD"]',
    "WORKDIR /etc",
    "USER 1000",
    "ENV OWN=image KEPT=yes",
)


@pytest.fixture
def runs(docker_runs: Runs) -> Runs:
    return docker_runs


@pytest.fixture(scope="module")
def entry_image() -> Iterator[Image]:
    """An image with ENTRYPOINT, CMD, WORKDIR, USER and ENV."""
    with import_busybox(changes=ENTRYPOINT_IMAGE) as image:
        yield image


def list_containers(*filters: str) -> list[str]:
    options = [part for each in filters for part in ("--filter", f"label={each}")]
    command = ["docker", "ps", "--all", "--quiet", "--no-trunc", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def inspect(container: str) -> Any:
    done = subprocess.run(["docker", "inspect", container], capture_output=True, check=True)
    return json.loads(done.stdout)[0]


def read_reason(job: Any) -> str:
    return str(job["attempts"][0]["container"].get("reason"))


def test_a_job_runs_in_its_image_as_root_on_the_hosts_network(
    runs: Runs, busybox_image: Image
) -> None:
    script = "cat /etc/marker; id -u; pwd; hostname; test -e /proc/1/exe && echo $$"
    for image in (busybox_image.tag, busybox_image.identifier):
        job, log = runs.run("sh", "-c", script, container={"image": image})
        assert job["status"] == "SUCCEEDED"
        assert log == ["in the image", "0", "/", socket.gethostname(), "1"]


def test_the_environment_is_the_images_and_batchs(runs: Runs) -> None:
    members = {"environment": [{"name": "OWN", "value": "from definition"}]}
    job, log = runs.run("env", container=members)
    environment = dict(line.split("=", 1) for line in log)
    shared = Path(environment.pop("BATCHX_SHARED_FOLDER"))
    assert shared.stat().st_mode & 0o7777 == 0o1777
    assert environment == {
        "AWS_BATCH_CE_NAME": "batchx-local",
        "AWS_BATCH_JOB_ATTEMPT": "1",
        "AWS_BATCH_JOB_ID": job["jobId"],
        "AWS_BATCH_JQ_NAME": runs.aws.job_queue,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": (
            f"{runs.aws.endpoint_url}/_batchx/credentials/instance-profile/ecsInstanceRole/"
            f"i-{job['container']['containerInstanceArn'].rpartition('/')[2][:17]}"
        ),
        "AWS_ENDPOINT_URL": runs.aws.endpoint_url,
        "AWS_EXECUTION_ENV": "AWS_ECS_EC2",
        "HOME": "/root",
        "HOSTNAME": socket.gethostname(),
        "OWN": "from definition",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }


def test_jobs_reach_the_embedded_aws_and_share_a_folder(runs: Runs) -> None:
    script = (
        'wget -q -O- "$AWS_CONTAINER_CREDENTIALS_FULL_URI" | grep -c AccessKeyId; '
        'echo "$1" > "$BATCHX_SHARED_FOLDER/$1"; ls "$BATCHX_SHARED_FOLDER"'
    )
    name = uuid.uuid4().hex
    job, log = runs.run("sh", "-c", script, "sh", name, container={"user": "1000"})
    assert (job["status"], log) == ("SUCCEEDED", ["1", name])


def test_entrypoint_user_and_folder_are_the_images(runs: Runs, entry_image: Image) -> None:
    own = {"image": entry_image.tag}
    _, log = runs.run("echo", "hello", container=own)
    assert log == ["entry echo hello", "hello"]
    _, log = runs.run(container=own)
    assert log == ["entry echo from CMD", "from CMD"]
    _, log = runs.run("pwd", container=own)
    assert log[-1] == "/etc"
    _, log = runs.run("env", container={**own, "environment": [{"name": "OWN", "value": "x"}]})
    assert {"OWN=x", "KEPT=yes", "HOME=/home/user"} <= set(log)
    for members, identity in (({}, "1000"), ({"user": "0"}, "0")):
        _, log = runs.run("id", "-u", container={**own, **members})
        assert log[-1] == identity


def test_what_cannot_be_pulled_has_ecss_and_dockers_words(runs: Runs) -> None:
    nowhere = "127.0.0.1:9/none"
    refused = "dial tcp 127.0.0.1:9: connect: connection refused"
    identifier = "sha256:" + "0" * 64
    for image, words in (
        (f"{nowhere}:1", refused),
        (f"{nowhere}@{identifier}", refused),
        (identifier, f"No such image: {identifier}"),
        ("Upper", "invalid reference format: repository name must be lowercase"),
    ):
        job = runs.wait(runs.submit("true", container={"image": image}))
        assert job["statusReason"] == "Task failed to start"
        assert read_reason(job).startswith("CannotPullContainerError: Error response from daemon: ")
        assert words in read_reason(job)
        assert "exitCode" not in job["container"]


def test_a_digest_never_runs_another_image(runs: Runs, busybox_image: Image) -> None:
    name = busybox_image.tag.partition(":")[0]
    image = f"{name}@{busybox_image.identifier}"
    job = runs.wait(runs.submit("true", container={"image": image}))
    assert read_reason(job).startswith("CannotPullContainerError")


def test_a_job_that_waits_for_a_hanging_registry_can_be_terminated(runs: Runs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        image = f"127.0.0.1:{silent.getsockname()[1]}/slow:1"
        job_id = runs.submit("true", container={"image": image})
        silent.settimeout(30)
        connection, _ = silent.accept()
        with connection:
            assert runs.describe(job_id)["status"] == "STARTING"
            runs.batch.terminate_job(jobId=job_id, reason="enough")
            job = runs.wait(job_id)
    assert (job["statusReason"], job["status"]) == ("enough", "FAILED")
    assert "exitCode" not in job["container"]
    assert "reason" not in job["container"]


def test_a_job_over_its_memory_is_killed_by_the_kernel(runs: Runs) -> None:
    limit = {"resourceRequirements": make_resources("1", "50")}
    job, _ = runs.run("sh", "-c", GROW, container=limit)
    assert job["container"]["exitCode"] == 137
    assert job["container"]["reason"] == OUT_OF_MEMORY
    # One process of several: the container lives on, and its own exit code is told.
    job, log = runs.run("sh", "-c", f"sh -c '{GROW}'; echo $?; exit 5", container=limit)
    assert "137" in log
    assert (job["container"]["exitCode"], job["container"]["reason"]) == (5, OUT_OF_MEMORY)


def test_a_kill_alone_is_not_out_of_memory(runs: Runs) -> None:
    job, _ = runs.run("sh", "-c", "sh -c 'kill -9 $$'; exit $?")
    assert job["container"]["exitCode"] == 137
    assert "reason" not in job["container"]


def test_the_options_of_the_definition_hold(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "seen").write_text("of the host\n")
    members = {
        "readonlyRootFilesystem": True,
        "ulimits": [{"name": "nofile", "softLimit": 77, "hardLimit": 99}],
        "linuxParameters": {
            "initProcessEnabled": True,
            "sharedMemorySize": 3,
            "tmpfs": [{"containerPath": "/scratch", "size": 5, "mountOptions": ["noexec"]}],
            "devices": [{"hostPath": "/dev/null", "containerPath": "/dev/mine"}],
        },
        "volumes": [
            {"name": "host", "host": {"sourcePath": str(tmp_path)}},
            {"name": "made", "host": {"sourcePath": str(tmp_path / "made")}},
            {"name": "own", "host": {}},
        ],
        "mountPoints": [
            {"sourceVolume": "host", "containerPath": "/ro", "readOnly": True},
            {"sourceVolume": "made", "containerPath": "/made"},
            {"sourceVolume": "own", "containerPath": "/own"},
        ],
    }
    script = """
        touch /file 2> /dev/null || echo readonly
        ulimit -n
        df -m /dev/shm | awk 'END {print $2}'
        df -m /scratch | awk 'END {print $2}'
        grep -c ' /scratch .*noexec' /proc/mounts
        test -c /dev/mine && echo device
        test $$ != 1 && echo init
        cat /ro/seen; touch /ro/x 2> /dev/null || echo kept
        echo hello > /made/file; echo hello > /own/file; cat /own/file
    """
    job, log = runs.run("sh", "-c", script, container=members)
    assert log == [
        "readonly",
        "77",
        "3",
        "5",
        "1",
        "device",
        "init",
        "of the host",
        "kept",
        "hello",
    ]
    assert job["status"] == "SUCCEEDED"
    assert (tmp_path / "made" / "file").read_text() == "hello\n"
    assert list_volumes() == []


def list_volumes() -> list[str]:
    command = ["docker", "volume", "ls", "--quiet", "--filter", f"label={LABEL}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_limits_reach_docker(runs: Runs) -> None:
    limit = {"resourceRequirements": make_resources("2", "64")}
    job_id = runs.submit("sleep", "60", container=limit)
    runs.wait(job_id, "RUNNING")
    (container,) = list_containers(f"batchx.job={job_id}")
    found = inspect(container)["HostConfig"]
    assert (found["Memory"], found["MemorySwap"]) == (64 << 20, 64 << 20)
    assert (found["CpuShares"], found["NetworkMode"]) == (2048, "host")
    runs.batch.terminate_job(jobId=job_id, reason="seen enough")
    # PID 1 without a handler does not hear SIGTERM.
    assert runs.wait(job_id)["container"]["exitCode"] == 137
    assert list_containers(f"batchx.job={job_id}") == []


def test_the_images_stop_signal_is_sent(runs: Runs) -> None:
    script = "trap 'echo usr1; exit 7' USR1; echo ready; while :; do sleep 0.05; done"
    with import_busybox() as plain:
        image = f"{plain.tag}-usr1"
        build = ["docker", "build", "--quiet", "--tag", image, "-"]
        lines = f"FROM {plain.tag}\nSTOPSIGNAL SIGUSR1\n"
        subprocess.run(build, input=lines, text=True, capture_output=True, check=True)
        job_id = runs.submit("sh", "-c", script, container={"image": image})
        job = runs.wait(job_id, "RUNNING")
        wait_for(lambda: runs.read_log(job))
        runs.batch.terminate_job(jobId=job_id, reason="enough")
        job = runs.wait(job_id)
        subprocess.run(["docker", "rmi", image], capture_output=True, check=True)
    assert (job["container"]["exitCode"], runs.read_log(job)) == (7, ["ready", "usr1"])


def submit_task(runs: Runs, *containers: dict[str, Any], **task: Any) -> str:
    """A job of several containers; each a name and a script, and what else is given."""
    full = [
        {
            "image": runs.image,
            "resourceRequirements": make_resources(),
            **each,
            "command": ["sh", "-c", each["command"]],
        }
        for each in containers
    ]
    name = f"task-{uuid.uuid4()}"
    definition = make_definition(
        name,
        ecsProperties={"taskProperties": [{"containers": full, **task}]},
        containerProperties=None,
    )
    runs.batch.register_job_definition(**definition)
    request = {"jobName": "task", "jobQueue": runs.aws.job_queue, "jobDefinition": name}
    job_id: str = runs.batch.submit_job(**request)["jobId"]
    return job_id


def read_task(job: Any) -> dict[str, Any]:
    (task,) = job["attempts"][0]["taskProperties"]
    return {each["name"]: each.get("exitCode", each.get("reason")) for each in task["containers"]}


def after(name: str, condition: str) -> dict[str, Any]:
    return {"dependsOn": [{"containerName": name, "condition": condition}]}


def test_containers_start_in_the_order_they_depend_on(runs: Runs) -> None:
    job_id = submit_task(
        runs,
        {
            "name": "main",
            "command": "cat /work/made; test -e /work/side",
            "mountPoints": [{"sourceVolume": "work", "containerPath": "/work"}],
            "dependsOn": [
                *after("first", "SUCCESS")["dependsOn"],
                *after("side", "START")["dependsOn"],
            ],
        },
        {
            "name": "first",
            "essential": False,
            "command": "sleep 0.3; echo from first > /work/made; touch /work/side",
            "mountPoints": [{"sourceVolume": "work", "containerPath": "/work"}],
        },
        {
            "name": "side",
            "essential": False,
            "command": "trap 'exit 0' TERM; while :; do sleep 0.05; done",
            **after("first", "COMPLETE"),
        },
        volumes=[{"name": "work", "host": {}}],
    )
    job = runs.wait(job_id)
    assert job["status"] == "SUCCEEDED"
    assert read_task(job) == {"main": 0, "first": 0, "side": 0}
    (task,) = job["attempts"][0]["taskProperties"]
    stream = next(c["logStreamName"] for c in task["containers"] if c["name"] == "main")
    events = runs.logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=stream)["events"]
    assert [event["message"] for event in events] == ["from first"]
    assert list_containers(f"batchx.job={job_id}") == []
    assert list_volumes() == []


def test_a_container_whose_dependency_failed_never_starts(runs: Runs) -> None:
    job_id = submit_task(
        runs,
        {"name": "first", "essential": False, "command": "exit 3"},
        {"name": "main", "command": "echo never", **after("first", "SUCCESS")},
    )
    job = runs.wait(job_id)
    assert (job["status"], job["statusReason"]) == ("FAILED", "Task failed to start")
    ends = read_task(job)
    assert ends["first"] == 3
    assert "did not exit successfully" in ends["main"]


def test_a_task_may_end_before_all_of_it_started(runs: Runs) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        image = f"127.0.0.1:{silent.getsockname()[1]}/slow:1"
        job_id = submit_task(
            runs,
            {"name": "main", "command": "echo done"},
            {"name": "late", "image": image, "command": "true", "essential": False},
        )
        job = runs.wait(job_id)
    assert (job["status"], job["statusReason"]) == (
        "SUCCEEDED",
        "Essential container in task exited",
    )
    assert read_task(job) == {"main": 0, "late": None}


def test_one_container_that_cannot_start_ends_the_others(runs: Runs) -> None:
    job_id = submit_task(
        runs,
        {"name": "good", "command": "sleep 60"},
        {"name": "bad", "image": "127.0.0.1:9/none:1", "command": "true", "essential": False},
    )
    job = runs.wait(job_id)
    assert job["statusReason"] == "Task failed to start"
    assert read_task(job)["bad"].startswith("CannotPullContainerError")
    assert list_containers(f"batchx.job={job_id}") == []


def test_the_runtime_is_mounted_and_cannot_be_changed(tmp_path: Path, busybox_image: Image) -> None:
    base, own = tmp_path / "base", tmp_path / "own"
    (base / "plugin").mkdir(parents=True)
    own.mkdir()
    (base / "file").write_text("base\n")
    (own / "file").write_text("own\n")
    script = (
        "cat /batchx/file /batchx/plugin/file; { touch /batchx/x /batchx/plugin/x || echo kept; }"
    )
    runtime = RuntimeTrees(str(base), str(own))
    with launch_embedded_aws(runner=DOCKER, runtime=runtime) as aws:
        assert aws.runner == DOCKER
        batch, logs = make_client(aws, "batch"), make_client(aws, "logs")
        _, log = Runs(aws, batch, logs, busybox_image.tag).run("sh", "-c", script + " 2> /dev/null")
    assert log == ["base", "own", "kept"]


def start_sleeper(aws: EmbeddedAws, image: Image) -> str:
    """A job that never ends by itself; returns its id once it runs."""
    runs = Runs(aws, make_client(aws, "batch"), make_client(aws, "logs"), image.tag)
    job_id = runs.submit("sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    runs.wait(job_id, "RUNNING")
    return job_id


def test_nothing_is_left_when_the_server_ends(busybox_image: Image) -> None:
    with launch_embedded_aws(runner=DOCKER) as aws:
        job_id = start_sleeper(aws, busybox_image)
        assert len(list_containers(f"batchx.job={job_id}")) == 1
    assert list_containers(f"batchx.job={job_id}") == []


def test_what_a_killed_server_left_is_swept_by_the_next(busybox_image: Image) -> None:
    with launch_embedded_aws(runner=DOCKER) as alive:
        kept = start_sleeper(alive, busybox_image)
        with launch_embedded_aws(runner=DOCKER) as killed:
            orphan = start_sleeper(killed, busybox_image)
            os.kill(killed.pid, signal.SIGKILL)
        assert len(list_containers(f"batchx.job={orphan}")) == 1
        with launch_embedded_aws(runner=DOCKER):
            assert list_containers(f"batchx.job={orphan}") == []
        # Another server that runs keeps its own.
        assert len(list_containers(f"batchx.job={kept}")) == 1
    assert list_containers(f"batchx.job={kept}") == []


@pytest.mark.skipif(not ENGINE.exists(), reason="needs the engine's usual socket")
def test_a_job_outlives_the_loss_of_every_connection_to_the_engine(
    busybox_image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'echo up; until test -e "$BATCHX_SHARED_FOLDER/go"; do sleep 0.1; done; exit 4'
    # A path of a socket is at most some hundred characters long.
    with (
        tempfile.TemporaryDirectory() as folder,
        open_cuttable_socket(Path(folder, "docker.sock"), ENGINE) as engine,
    ):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/docker.sock")
        with launch_embedded_aws(runner=DOCKER) as aws:
            batch, logs = make_client(aws, "batch"), make_client(aws, "logs")
            runs = Runs(aws, batch, logs, busybox_image.tag)
            job_id = runs.submit("sh", "-c", script)
            job = runs.wait(job_id, "RUNNING")
            wait_for(lambda: runs.read_log(job))
            (container,) = list_containers(f"batchx.job={job_id}")
            environment = dict(each.split("=", 1) for each in inspect(container)["Config"]["Env"])
            assert engine.cut() >= 2
            Path(environment["BATCHX_SHARED_FOLDER"], "go").touch()
            job = runs.wait(job_id)
            assert (job["container"]["exitCode"], runs.read_log(job)) == (4, ["up"])
            again = runs.run("echo", "as before")
            assert again[1] == ["as before"]


@pytest.mark.slow
def test_a_hundred_containers_run_at_once(busybox_image: Image) -> None:
    script = (
        'cd "$BATCHX_SHARED_FOLDER"; touch "at-$AWS_BATCH_JOB_ARRAY_INDEX"; '
        'until test "$(ls | wc -l)" = 100; do sleep 0.2; done'
    )
    with launch_embedded_aws(vcpus=100, memory_mib=10_000, runner=DOCKER) as aws:
        batch = make_client(aws, "batch")
        properties = make_container(image=busybox_image.tag, command=["sh", "-c", script])
        batch.register_job_definition(**make_definition("many", properties))
        job_id = batch.submit_job(
            jobName="many",
            jobQueue=aws.job_queue,
            jobDefinition="many",
            arrayProperties={"size": 100},
        )["jobId"]

        def find_end() -> Any:
            job = batch.describe_jobs(jobs=[job_id])["jobs"][0]
            return job if job["status"] in ("SUCCEEDED", "FAILED") else None

        assert wait_for(find_end, patience_seconds=120)["status"] == "SUCCEEDED"


def test_without_an_engine_the_server_says_so() -> None:
    command = [sys.executable, "-m", "snakemake_executor_plugin_batchx.local", "--runner", DOCKER]
    environment = {**os.environ, "DOCKER_HOST": "unix:///nonexistent/docker.sock"}
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("batchx: Jobs cannot run in Docker")
    assert len(done.stderr.splitlines()) == 1
