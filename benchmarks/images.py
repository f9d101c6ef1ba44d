"""What any image costs: to derive it once, and in each job that runs in it.

Deriving: a Debian image with Python in a private registry of this machine gets the runtime's layers
in another repository there; then once more, when all is there. Each in a process of its own, whose
peak memory is taken.

Time added to a job: from its container's start to the user's command, and from the command's end to
the container's exit, by Docker's own events, less what the bare command takes in the same image.
Peer: what every other executor runs in an image that holds Snakemake, with its data in S3:
`python -m snakemake --deploy-sources … && python -m snakemake …`.

All in turn in the same run; prints a table and writes results/images.json.
"""

import hashlib
import itertools
import json
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from docker_registry import run_registry
from tool_images import RECIPES, Recipe, fill_from, provide_image, run

from snakemake_executor_plugin_batchx.images.deliver import Deliverer
from snakemake_executor_plugin_batchx.images.destination import Destination
from snakemake_executor_plugin_batchx.images.reference import read_container
from snakemake_executor_plugin_batchx.images.runtime_layers import use_layer_files
from snakemake_executor_plugin_batchx.local.launch import (
    DOCKER,
    EmbeddedAws,
    RuntimeTrees,
    launch_embedded_aws,
    make_environment,
)
from snakemake_executor_plugin_batchx.registry_images import open_access
from snakemake_executor_plugin_batchx.runtime.build import Runtime, provide_runtime
from snakemake_executor_plugin_batchx.runtime.cache import find_cache_dir

ROUNDS = 7
BASE = "r"
"""Debian 12 with Python 3.11 and R: the peer's image is the same, with Snakemake in it."""

IMAGE = "bench"

SNAKEFILE = 'rule one:\n    output: "{n}.txt"\n    shell: "touch {output}"\n'


def fill_bench(root: Path) -> None:
    """The base once more, for containers that are known as this program's."""
    fill_from(BASE, root)


def fill_peer(root: Path) -> None:
    """The same image, holding this interpreter's packages: Snakemake and its s3 plugin."""
    fill_from(BASE, root)
    packages = Path(sysconfig.get_path("purelib"))
    skipped = shutil.ignore_patterns("__editable__*", "*.pth", "moto*", "mypy*", "ruff*", "docker*")
    target = root / "usr/local/lib/python3.11/dist-packages"
    shutil.copytree(packages, target, dirs_exist_ok=True, ignore=skipped)


RECIPES.update(bench=Recipe(fill_bench), peer=Recipe(fill_peer))


@dataclass(frozen=True)
class Cost:
    """Of one derivation: seconds, requests to registries, and the process's peak MiB."""

    seconds: float
    requests: int
    peak_mib: float


def derive(aws: EmbeddedAws, runtime: Runtime, name: str) -> Cost:
    """Derive an image in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_derive, (aws, runtime, name))


def _derive(aws: EmbeddedAws, runtime: Runtime, name: str) -> Cost:
    def make_client(region: str) -> Any:
        return open_client(aws, "ecr", region)

    access = open_access(make_client, aws.region)
    layers = use_layer_files(runtime.layers)
    started = time.perf_counter()
    deliverer = Deliverer(access, Destination(), "layer", layers, runtime.architecture, print)
    deliverer.deliver(read_container(name, "Image"))
    seconds = time.perf_counter() - started
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return Cost(seconds, access.count_requests(), peak_kib / 1024)


def open_client(aws: EmbeddedAws, service: str, region: str | None = None) -> Any:
    """Return boto3's client of an embedded AWS."""
    return boto3.client(
        service,
        endpoint_url=aws.endpoint_url,
        region_name=region or aws.region,
        aws_access_key_id=aws.access_key_id,
        aws_secret_access_key=aws.secret_access_key,
    )


@contextmanager
def watch_containers() -> Iterator[Callable[[], float]]:
    """Yield a function that returns the seconds that our next container lived."""
    ours = {provide_image(name) for name in (IMAGE, "peer")}
    ours |= {run("docker", "image", "inspect", "--format={{.Id}}", name).strip() for name in ours}
    filters = ["--filter", "type=container", "--filter", "event=start", "--filter", "event=die"]
    command = ["docker", "events", "--format", "{{json .}}", *filters]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as events:

        def iter_ours() -> Iterator[dict[str, Any]]:
            for event in map(json.loads, events.stdout or ()):
                if event["Actor"]["Attributes"]["image"] in ours:
                    yield event

        def wait() -> float:
            started, ended = itertools.islice(iter_ours(), 2)
            assert (started["Action"], ended["Action"]) == ("start", "die")
            return float(ended["timeNano"] - started["timeNano"]) / 1e9

        time.sleep(1)  # until the events flow
        try:
            yield wait
        finally:
            events.terminate()


def run_ours(aws: EmbeddedAws, folder: Path, number: int) -> None:
    """Run one job on the embedded Batch, in its image."""
    variables = {
        **os.environ,
        **make_environment(aws),
        "SNAKEMAKE_BATCHX_JOB_QUEUE": aws.job_queue,
        "SNAKEMAKE_BATCHX_S3_ROOT": f"s3://{aws.bucket}/bench",
    }
    arguments = [f"{number}.txt", "--executor", "batchx", "-j", "1", "--quiet", "all"]
    arguments += ["--container-image", provide_image(IMAGE)]
    subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments], cwd=folder, env=variables, check=True
    )


def run_bare(number: int) -> None:
    """Run the bare command in the same image."""
    run("docker", "run", "--rm", "--network=host", provide_image(IMAGE), "touch", f"{number}.txt")


def run_peer(aws: EmbeddedAws, sources: tuple[str, str], number: int) -> None:
    """Run the commands of a peer's job."""
    prefix = f"s3://{aws.bucket}/peer"
    storage = (
        f"--default-storage-provider s3 --default-storage-prefix {prefix} "
        f"--storage-s3-endpoint-url {aws.endpoint_url}"
    )
    query, checksum = sources
    script = (
        "mkdir /work && cd /work && "
        f"python3 -m snakemake --deploy-sources {query} {checksum} {storage} && "
        f"python3 -m snakemake {number}.txt {storage} -j 1 --scheduler greedy --nolock --quiet all"
    )
    variables = {**make_environment(aws), "HOME": "/tmp"}
    options = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
    image = provide_image("peer")
    run("docker", "run", "--rm", "--network=host", *options, image, "bash", "-c", script)


def put_sources(aws: EmbeddedAws, folder: Path) -> tuple[str, str]:
    """Put the archive of sources where a peer's job fetches it; return its URL and checksum."""
    archive = folder / "sources.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(folder / "Snakefile", "Snakefile")
    checksum = hashlib.sha256(archive.read_bytes()).hexdigest()
    key = f"peer/snakemake-workflow-sources.{checksum}.tar.xz"
    open_client(aws, "s3").upload_file(str(archive), aws.bucket, key)
    return f"s3://{aws.bucket}/{key}", checksum


def measure_derivation(runtime: Runtime) -> tuple[Cost, Cost]:
    """Derive an image twice; return what each time cost."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        registry = stack.enter_context(run_registry(folder))
        aws = stack.enter_context(launch_embedded_aws(registry=registry.access))
        registry.push(provide_image(IMAGE), "me/tool:1")
        name = f"{aws.registry_host}/me/tool:1"
        return derive(aws, runtime, name), derive(aws, runtime, name)


def measure_jobs(runtime: Runtime) -> dict[str, list[float]]:
    """Return the seconds that containers lived: ours, with the bare command, the peer's."""
    lived: dict[str, list[float]] = {"ours": [], "bare": [], "peer": []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "Snakefile").write_text(SNAKEFILE)
        trees = RuntimeTrees(str(runtime.base_tree), str(runtime.own_tree))
        aws = stack.enter_context(launch_embedded_aws(runner=DOCKER, runtime=trees))
        wait = stack.enter_context(watch_containers())
        sources = put_sources(aws, folder)
        for number in range(ROUNDS + 1):
            run_ours(aws, folder, number)
            lived["ours"].append(wait())
            run_bare(number)
            lived["bare"].append(wait())
            run_peer(aws, sources, number)
            lived["peer"].append(wait())
    return {kind: values[1:] for kind, values in lived.items()}  # the first of each warms up


def main() -> None:
    """Measure, print, and keep the figures."""
    runtime = provide_runtime(find_cache_dir(os.environ), print)
    first, second = measure_derivation(runtime)
    lived = measure_jobs(runtime)
    added = {
        kind: [a - b for a, b in zip(lived[kind], lived["bare"], strict=True)]
        for kind in ("ours", "peer")
    }
    ratios = [a / b for a, b in zip(added["ours"], added["peer"], strict=True)]
    figures = {
        "derive_seconds": round(first.seconds, 3),
        "first_requests": first.requests,
        "second_seconds": round(second.seconds, 3),
        "second_requests": second.requests,
        "peak_rss_mib": round(first.peak_mib, 1),
        "layer_mb": round(sum(layer.size for layer in runtime.layers) / 1e6, 1),
        "added_seconds": round(statistics.median(added["ours"]), 3),
        "peer_added_seconds": round(statistics.median(added["peer"]), 3),
        "added_vs_peer": round(statistics.median(ratios), 3),
    }
    print(f"{'':34}{'min':>8}{'median':>8}{'max':>8}")
    rows = {"bare command": lived["bare"], "added by batchx": added["ours"]}
    for label, values in {**rows, "added by the peer": added["peer"]}.items():
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{label:34}{low:8.2f}{middle:8.2f}{high:8.2f}  s")
    for name, value in figures.items():
        print(f"{name:34}{value:16}")
    target = Path(__file__).parent / "results" / "images.json"
    target.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
