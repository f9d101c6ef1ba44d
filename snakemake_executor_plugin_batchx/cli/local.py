"""`batchx local`: an embedded AWS that stays, for trying things out with boto3 or the AWS CLI."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.local.launch import (
    DOCKER,
    PROCESS,
    EmbeddedAws,
    EmbeddedAwsError,
    RuntimeTrees,
    make_command,
    make_environment,
    read_announcement,
    start_process,
)
from snakemake_executor_plugin_batchx.local.runner_choice import (
    AUTO,
    RunnerChoice,
    choose_runner,
)
from snakemake_executor_plugin_batchx.runtime.build import provide_runtime
from snakemake_executor_plugin_batchx.runtime.cache import find_cache_dir

STOP_SECONDS = 30.0
POLL_SECONDS = 0.05
CONNECT_SECONDS = 2.0
LEAST_MEMORY_MIB = 4
"""What Batch takes of a job at the least
(https://docs.aws.amazon.com/batch/latest/APIReference/API_ResourceRequirement.html)."""
HOW_TO_USE = 'Use it: eval "$(batchx local env)"'
HELP_ENV = 'print shell commands that point the AWS tools at it: eval "$(batchx local env)"'


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the `batchx` parser."""
    parser = subparsers.add_parser(
        "local",
        help="keep an embedded AWS (Batch, S3, logs) standing on this machine",
        description="Keep an embedded AWS standing on this machine: Batch with jobs that really "
        "run, in Docker or as processes, and S3, ECR, CloudWatch Logs, IAM and STS beside it.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    _add_up(actions)
    env = actions.add_parser(
        "env",
        help=HELP_ENV,
        description="Print shell commands that export where it is, its credentials, and the "
        'settings of runs on it: eval "$(batchx local env)".',
    )
    env.set_defaults(run=run_env)
    down = actions.add_parser(
        "down",
        help="end it and its jobs",
        description="End it with the jobs that still run, and all that is in its S3, ECR and so "
        "on. Containers of jobs are removed.",
    )
    down.set_defaults(run=run_down)


def _add_up(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    up = actions.add_parser(
        "up",
        help="start it, unless it runs",
        description="Start it, and leave it standing until `batchx local down`. It is of one "
        "region, and forgets everything at its end.",
    )
    up.add_argument("--region", help="such as cn-north-1 (default: us-east-1)")
    up.add_argument(
        "--vcpus", type=read_vcpus, help="for all jobs together (default: the machine's)"
    )
    up.add_argument(
        "--memory-mib", type=read_memory, help="likewise, in MiB (default: the machine's)"
    )
    up.add_argument(
        "--runner",
        choices=(AUTO, PROCESS, DOCKER),
        default=AUTO,
        help="what runs jobs: docker, each in a container of its image; process, with this "
        "machine's own tools; auto, docker where it can be (default)",
    )
    up.set_defaults(run=run_up)


def read_vcpus(text: str) -> float:
    """Read how many vCPUs there are. Raises ArgumentTypeError for none."""
    count = float(text)
    if not 0 < count < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} must be more than 0")
    return count


def read_memory(text: str) -> int:
    """Read how many MiB there are. Raises ArgumentTypeError for less than any job has."""
    mib = int(text)
    if mib < LEAST_MEMORY_MIB:
        raise argparse.ArgumentTypeError(f"{text} must be at least {LEAST_MEMORY_MIB}")
    return mib


def find_state_file(environment: Mapping[str, str]) -> Path:
    """Return where the running one is written down, by the XDG base directory specification."""
    home = Path(environment.get("HOME") or Path.home())
    folder = Path(environment.get("XDG_STATE_HOME") or home / ".local" / "state")
    return folder / "batchx" / "local.json"


def run_up(args: argparse.Namespace) -> int:
    """Start an embedded AWS in a session of its own and write down where it is."""
    state_file = find_state_file(os.environ)
    running = read_running(state_file)
    if running is not None:
        check_standing(running, args)
        print(f"The embedded AWS is up already, at {running.endpoint_url}. {HOW_TO_USE}")
        return 0
    state_file.parent.mkdir(parents=True, exist_ok=True)
    choice = _choose_runner(args.runner)
    command = make_command(
        region=args.region,
        vcpus=args.vcpus,
        memory_mib=args.memory_mib,
        runner=choice.runner,
        runtime=choice.runtime,
    )
    with state_file.with_suffix(".log").open("w+b") as log:
        process = start_process(
            [*command, "--stay"], os.environ, stdin=subprocess.DEVNULL, errors=log
        )
        aws = read_announcement(process, log)
    write_state(state_file, aws)
    if choice.doubt:
        print(f"Its jobs run as processes of this machine, not in Docker: {choice.doubt}.")
    print(f"The embedded AWS is up, at {aws.endpoint_url}. {HOW_TO_USE}")
    return 0


def _choose_runner(wanted: str) -> RunnerChoice:
    try:
        return choose_runner(wanted, provide_trees)
    except EmbeddedAwsError as error:
        raise BatchxError(str(error).replace("--batchx-local-runner", "--runner")) from error


def check_standing(running: EmbeddedAws, args: argparse.Namespace) -> None:
    """Raise BatchxError where the one that is up is another than is asked for."""
    wanted = {"region": args.region, "runner": None if args.runner == AUTO else args.runner}
    for name, value in wanted.items():
        has = getattr(running, name)
        if value and value != has:
            raise BatchxError(
                f"The embedded AWS is up already, at {running.endpoint_url}, with --{name} {has}: "
                f"end it first (batchx local down) to have one with --{name} {value}."
            )


def provide_trees() -> RuntimeTrees:
    """Return the job runtime's folders, built if need be. Raises BatchxError if it cannot be."""
    runtime = provide_runtime(find_cache_dir(os.environ), print)
    return RuntimeTrees(str(runtime.base_tree), str(runtime.own_tree))


def run_env(_args: argparse.Namespace) -> int:
    """Print the exports; exit with 1 if nothing is up."""
    aws = read_running(find_state_file(os.environ))
    if aws is None:
        raise BatchxError("The embedded AWS is not up: start it with `batchx local up`.")
    for line in list_exports(aws):
        print(line)
    return 0


def run_down(_args: argparse.Namespace) -> int:
    """End the embedded AWS and wait until it is gone."""
    state_file = find_state_file(os.environ)
    aws = read_running(state_file)
    if aws is None:
        state_file.unlink(missing_ok=True)
        print("The embedded AWS is not up.")
        return 0
    os.kill(aws.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    if not wait_until(lambda: not is_listening(aws.endpoint_url), deadline):
        raise BatchxError(f"The embedded AWS (process {aws.pid}) does not end: kill it.")
    state_file.unlink(missing_ok=True)
    print("The embedded AWS is down.")
    return 0


def list_exports(aws: EmbeddedAws) -> list[str]:
    """Return shell commands that export what the AWS tools and batchx need, quoted."""
    variables = {
        **make_environment(aws),
        "SNAKEMAKE_BATCHX_REGION": aws.region,
        "SNAKEMAKE_BATCHX_JOB_QUEUE": aws.job_queue,
        "SNAKEMAKE_BATCHX_S3_ROOT": f"s3://{aws.bucket}/batchx",
        "SNAKEMAKE_BATCHX_HEAD_ROLE": aws.head_role_arn,
    }
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def write_state(state_file: Path, aws: EmbeddedAws) -> None:
    """Write down where the embedded AWS is: whole or not at all."""
    part = state_file.with_suffix(".part")
    part.write_text(json.dumps(dataclasses.asdict(aws)))
    part.replace(state_file)


def read_running(state_file: Path) -> EmbeddedAws | None:
    """Return the one that was written down, if it still answers; else None.

    The process's number may be another's by now, so the port decides.
    """
    try:
        aws = EmbeddedAws(**json.loads(state_file.read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return aws if is_alive(aws.pid) and is_listening(aws.endpoint_url) else None


def is_listening(url: str) -> bool:
    """Return True if something accepts connections there."""
    address = urlsplit(url)
    try:
        socket.create_connection(
            (address.hostname or "", address.port or 80), CONNECT_SECONDS
        ).close()
    except OSError:
        return False
    return True


def is_alive(pid: int) -> bool:
    """Return True if a process has this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(is_met: Callable[[], bool], deadline: float) -> bool:
    """Return True as soon as the condition is met, False once the deadline has passed."""
    while not is_met():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
