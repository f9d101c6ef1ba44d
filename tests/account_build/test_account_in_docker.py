"""A head that cannot build has the runtime built by a job, in a real container, and uses it."""

import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import boto3
import pytest
from docker_images import import_busybox
from tool_images import provide_image
from tools import need_docker, need_program

from snakemake_executor_plugin_batchx.account_build.order import AccountBuild
from snakemake_executor_plugin_batchx.account_build.recipe import plan_recipe
from snakemake_executor_plugin_batchx.aws.budget import CallBudget
from snakemake_executor_plugin_batchx.aws.retry import Retrier
from snakemake_executor_plugin_batchx.batch.definitions import Definitions
from snakemake_executor_plugin_batchx.batch.gateway import BatchGateway
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.local.launch import DOCKER, EmbeddedAws, launch_embedded_aws
from snakemake_executor_plugin_batchx.plan.definition import DEFAULT_LOG_GROUP, DefinitionSettings
from snakemake_executor_plugin_batchx.plan.job_options import JobOptions
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.plan.request import JobRequest
from snakemake_executor_plugin_batchx.plan.resources import Demand, plan_resources
from snakemake_executor_plugin_batchx.registry_images import provide_layers
from snakemake_executor_plugin_batchx.runtime.interpreter import Machine, inspect_machine
from snakemake_executor_plugin_batchx.runtime.layer import LayerFile
from snakemake_executor_plugin_batchx.storage.gateway import CLIENT_CONFIG, S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import S3Root

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

HERE = inspect_machine().architecture or "amd64"
"""What containers run on this machine."""

MAC = Machine("Darwin", "arm64", "", "CPython")

TELL = """
import platform, snakemake_executor_plugin_batchx.job.run
from importlib.metadata import distributions
from pathlib import Path
print(platform.python_version(), Path("/etc/batchx-image").read_text().strip())
for each in distributions():
    print(f"{each.name}=={each.version}".lower().replace("_", "-"))
"""


class Head:
    """A Mac with a cache of its own, whose queue is an embedded Batch's."""

    def __init__(self, aws: EmbeddedAws, cache_dir: Path, image: str) -> None:
        session = boto3.Session(aws.access_key_id, aws.secret_access_key, region_name=aws.region)
        batch = session.client("batch", endpoint_url=aws.endpoint_url)
        s3 = session.client("s3", endpoint_url=aws.endpoint_url, config=CLIENT_CONFIG)
        self._logs = session.client("logs", endpoint_url=aws.endpoint_url)
        self.budget = CallBudget(time.monotonic, time.sleep)
        self.said: list[str] = []
        retrier = Retrier(
            self.budget, time.monotonic, time.sleep, random.random, is_stopped=lambda: False
        )
        gateway = BatchGateway(batch, retrier)

        def plan_request(demand: Demand, _architecture: str) -> JobRequest:
            platform = Platform(aws.job_queue, local_runner="docker")
            resources, _ = plan_resources(demand, platform)
            return JobRequest(platform, resources, JobOptions(job_role=aws.job_role_arn))

        self.build = AccountBuild(
            batch=gateway,
            definitions=Definitions(gateway, DefinitionSettings()),
            store=S3Gateway(s3, aws.bucket),
            root=S3Root(aws.bucket, "my-run/.batchx"),
            region=aws.region,
            plan_request=plan_request,
            tags={"project": "flu"},
            cache_dir=cache_dir,
            say=self.said.append,
            clock=time.monotonic,
            sleep=time.sleep,
            choose_image=lambda _python: image,
        )

    def provide(self) -> Sequence[LayerFile]:
        try:
            return provide_layers(HERE, MAC, self.build.provide, self.said.append)
        except BatchxError:
            events = self._logs.filter_log_events(logGroupName=DEFAULT_LOG_GROUP)["events"]
            print(*(event["message"] for event in events), sep="\n")
            raise


@pytest.fixture(scope="module")
def docker_aws() -> Iterator[EmbeddedAws]:
    need_docker()
    with launch_embedded_aws(runner=DOCKER) as aws:
        yield aws


@pytest.fixture(scope="module")
def python_image() -> str:
    need_program("debootstrap")
    return provide_image("python_builder")


def run_in_container(layers: Sequence[LayerFile], folder: Path) -> str:
    """Run the layers' Python in an image that holds no other."""
    for layer in layers:
        subprocess.run(["tar", "-C", str(folder), "-xzf", str(layer.path)], check=True)
    with import_busybox(files={"etc/batchx-image": "busybox\n"}) as image:
        mount = f"{folder}/batchx:/batchx:ro"
        command = ["docker", "run", "--rm", "-v", mount, image.tag, "/batchx/bin/python", "-I"]
        done = subprocess.run([*command, "-c", TELL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_built_once_by_a_job_and_found_by_all(
    docker_aws: EmbeddedAws, python_image: str, tmp_path: Path
) -> None:
    first = Head(docker_aws, tmp_path / "first", python_image)
    layers = first.provide()
    assert "cannot be built on this machine" in first.said[0]
    assert python_image in first.said[0]
    assert first.budget.get_counts()["SubmitJob"] == 1

    (tmp_path / "root").mkdir()
    version, *packages = run_in_container(layers, tmp_path / "root").splitlines()
    recipe = plan_recipe(HERE)
    assert version.startswith(f"{recipe.python}.")
    assert version.endswith(" busybox")
    assert set(recipe.constraints.splitlines()) == set(packages)

    other = Head(docker_aws, tmp_path / "other", python_image)
    fetched = other.provide()
    assert [layer.digest for layer in fetched] == [layer.digest for layer in layers]
    assert other.budget.get_counts() == {}
    assert len(other.said) == 1
    assert other.provide() == fetched
    assert len(other.said) == 1
