"""Credentials that end while jobs run: no job is lost, whether the run can get others or not."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from faulty_front import Faults, serve_faults
from runs import make_client, make_workspace
from test_reattach import ONCE, SUM, World, wait_for

from snakemake_executor_plugin_batchx.local.grants import HEAD_USER
from snakemake_executor_plugin_batchx.local.launch import EmbeddedAws

pytestmark = pytest.mark.slow

KEYS = "[default]\naws_access_key_id = {}\naws_secret_access_key = s\n"


class Lab:
    """A workspace behind a front that says which keys have expired: the head's `old` one, say."""

    def __init__(self, folder: Path, aws: EmbeddedAws, faults: Faults, url: str, new: str) -> None:
        self.faults = faults
        self.old, self.new = aws.head_access_key_id, new
        self.file = folder / "credentials"
        own = make_workspace(folder, aws, {"AWS_ENDPOINT_URL": url})
        # Keys come from where a test puts them.
        kept = {
            k: v
            for k, v in own.environment.items()
            if k not in {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        }
        variables = {**kept, "AWS_SHARED_CREDENTIALS_FILE": str(self.file)}
        self.world = World(replace(own, environment=variables))

    def set_keys(self, key: str) -> None:
        """Have the environment of runs hold a key."""
        keys = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "s"}
        own = self.world.workspace
        self.world.workspace = replace(own, environment={**own.environment, **keys})


@pytest.fixture
def lab(tmp_path: Path, embedded_aws: EmbeddedAws) -> Iterator[Lab]:
    faults, iam = Faults(), make_client(embedded_aws, "iam")
    new = iam.create_access_key(UserName=HEAD_USER)["AccessKey"]["AccessKeyId"]
    with serve_faults(embedded_aws.endpoint_url, faults) as url:
        yield Lab(tmp_path, embedded_aws, faults, url, new)
    iam.delete_access_key(UserName=HEAD_USER, AccessKeyId=new)


def read_until(process: subprocess.Popen[str], words: str) -> str:
    said = ""
    for line in process.stdout or ():
        said += line
        if words in said:
            return said
    raise AssertionError(said)


def test_the_run_goes_on_with_the_keys_that_a_file_has_by_then(lab: Lab) -> None:
    lab.file.write_text(KEYS.format(lab.old))
    process = lab.world.workspace.start("-j", "20")
    wait_for(lambda: len(lab.world.read_ledger()) >= 2, process)
    lab.faults.expired.add(lab.old)
    lab.world.gate.touch()
    said = read_until(process, "The AWS credentials in use have expired: renew them")
    lab.file.write_text(KEYS.format(lab.new))
    said += process.communicate(timeout=120)[0]
    assert process.returncode == 0, said
    assert said.count("have expired") == 1
    assert "There are AWS credentials again: the run goes on." in said
    assert lab.world.count_work() == ONCE
    assert lab.world.read("sum.txt") == SUM


def test_the_next_run_takes_up_what_one_without_keys_has_left(lab: Lab) -> None:
    world = lab.world
    lab.set_keys(lab.old)
    process = world.workspace.start("-j", "20")
    wait_for(lambda: len(world.read_ledger()) >= 2, process)
    lab.faults.expired.add(lab.old)
    said = process.communicate(timeout=120)[0]
    assert process.returncode == 1, said
    assert "those of environment variables cannot change while this runs" in said
    assert "5 jobs are left as they are on AWS Batch, and the next run takes them up." in said
    assert "Traceback" not in said
    world.gate.touch()
    lab.set_keys(lab.new)
    again = world.restart()
    assert again.exit_code == 0, again.output
    assert "taken up" in again.output
    assert world.count_work() == ONCE
    assert world.read("sum.txt") == SUM


def test_a_run_without_a_session_does_not_begin(lab: Lab) -> None:
    lab.file.write_text(KEYS.format(lab.old))
    lab.faults.expired.add(lab.old)
    run = lab.world.workspace.snakemake()
    assert run.exit_code == 1
    assert "The AWS credentials in use have expired: renew them (aws sso login" in run.output
    assert "Traceback" not in run.output
