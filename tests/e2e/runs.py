"""Real Snakemake runs against an embedded AWS, for the end-to-end tests."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from grants import Grants, make_head_environment, make_scope
from journal_breaches import find_breaches

from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws
from snakemake_executor_plugin_batchx.permissions.scope import S3Place

RUN_TIMEOUT_SECONDS = 280

FOREIGN = ("AWS_", "SNAKEMAKE_", "XDG_")
"""Variables of whoever runs the tests that must not reach the runs."""


@dataclass(frozen=True)
class Run:
    """How a Snakemake run ended, and what it said."""

    exit_code: int
    output: str


@dataclass(frozen=True)
class Workspace:
    """A folder with a workflow, and the AWS its runs see.

    The runs have the head's key, whose policy is generated, as are those of jobs, ECS and
    instances; the test's own clients have the account's.
    """

    folder: Path
    aws: EmbeddedAws
    environment: Mapping[str, str]
    grants: Grants

    def allow(self, **more: Any) -> None:
        """Have the policies made for more than the queue and S3 root: see Grants."""
        self.grants.allow(**more)

    def write(self, **texts: str) -> None:
        """Write files: `Snakefile=…`, or `a__txt=…` for a.txt."""
        for name, text in texts.items():
            path = self.folder / name.replace("__", ".")
            path.write_text(textwrap.dedent(text), encoding="utf-8")

    def snakemake(
        self,
        *args: str,
        environment: Mapping[str, str] | None = None,
        timeout_seconds: float = RUN_TIMEOUT_SECONDS,
    ) -> Run:
        """Run real Snakemake with our executor; `environment` is added to its own."""
        command = [sys.executable, "-m", "snakemake", "--executor", "batchx", "-j", "20", *args]
        variables = {**self.environment, **(environment or {})}
        return run_command(command, self.folder, variables, timeout_seconds)

    def start(self, *args: str) -> subprocess.Popen[str]:
        """Start real Snakemake with our executor, to be read line by line and interrupted."""
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--executor", "batchx", *args],
            cwd=self.folder,
            env={**keep_environment(), **self.environment, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def allow_data(self, prefix: str) -> None:
        """Have the policies made for data below a prefix in the embedded AWS's bucket, too."""
        self.allow(writes=(S3Place(self.aws.bucket, prefix),))

    def read_journal(self, event: str) -> list[dict[str, Any]]:
        """Return the events of one kind from the journals of all runs here, in order."""
        journals = sorted((self.folder / ".snakemake" / "batchx").glob("*.jsonl"))
        events = [json.loads(each) for path in journals for each in path.read_text().splitlines()]
        assert [breach for each in events for breach in find_breaches(each)] == []
        return [each for each in events if each["event"] == event]

    def client(self, service: str) -> Any:
        """Return a boto3 client for the embedded AWS."""
        return make_client(self.aws, service)


def make_workspace(
    folder: Path, aws: EmbeddedAws, environment: Mapping[str, str] | None = None
) -> Workspace:
    """Make an empty folder whose runs use a standing embedded AWS as if it were AWS."""
    (folder / "work").mkdir()
    variables = {
        **make_head_environment(aws),
        "SNAKEMAKE_BATCHX_JOB_QUEUE": aws.job_queue,
        "SNAKEMAKE_BATCHX_S3_ROOT": f"s3://{aws.bucket}/{folder.name}",
        "HOME": str(folder),
        **(environment or {}),
    }
    scope = make_scope(aws, variables["SNAKEMAKE_BATCHX_S3_ROOT"])
    return Workspace(folder / "work", aws, variables, Grants(make_client(aws, "iam"), scope))


def keep_environment() -> dict[str, str]:
    """Return the variables of whoever runs the tests that may reach the runs."""
    return {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}


def interrupt_when(
    process: subprocess.Popen[str],
    words: str,
    times: int = 1,
    number: signal.Signals = signal.SIGINT,
) -> str:
    """Send a signal once `words` were said so often; return all that was said, to the end."""
    said = ""
    for line in process.stdout or ():
        said += line
        if said.count(words) >= times:
            break
    process.send_signal(number)
    return said + process.communicate(timeout=120)[0]


def run_command(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], timeout_seconds: float
) -> Run:
    """Run a command with a clean environment; standard output and error come together."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**keep_environment(), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    return Run(done.returncode, done.stdout)


def make_owner_keys(aws: EmbeddedAws) -> dict[str, str]:
    """Return boto3's arguments with the account's own key."""
    return {
        "aws_access_key_id": aws.access_key_id,
        "aws_secret_access_key": aws.secret_access_key,
    }


def make_client(aws: EmbeddedAws, service: str) -> Any:
    """Return a boto3 client for the embedded AWS, with the account's own key."""
    keys = make_owner_keys(aws)
    return boto3.client(service, endpoint_url=aws.endpoint_url, region_name=aws.region, **keys)


def count_calls(aws: EmbeddedAws) -> dict[str, int]:
    """Return how often each operation of the embedded AWS was called so far."""
    with urllib.request.urlopen(aws.endpoint_url + "/_batchx/calls") as answer:
        counts: dict[str, int] = json.load(answer)
    return counts
