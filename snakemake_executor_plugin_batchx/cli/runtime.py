"""`batchx runtime`: the folder /batchx that jobs run in, built from what is installed here."""

import argparse
import os
import sys
import time

from snakemake_executor_plugin_batchx.cli.ecr_options import add_ecr_options, open_ecr_access
from snakemake_executor_plugin_batchx.images.destination import Destination
from snakemake_executor_plugin_batchx.images.push import push_runtime_image
from snakemake_executor_plugin_batchx.runtime.build import (
    Plan,
    Runtime,
    find_runtime,
    plan_runtime,
    provide_runtime,
)
from snakemake_executor_plugin_batchx.runtime.cache import find_cache_dir
from snakemake_executor_plugin_batchx.version import __version__

MEGABYTE = 1_000_000

SHOWN_PACKAGES = ("snakemake", "boto3", "botocore")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the `batchx` parser."""
    parser = subparsers.add_parser(
        "runtime",
        help="build, show or push what batchx brings into the container of a job",
        description="Jobs run in the image of their rule, which needs to hold nothing of batchx: "
        "Python, Snakemake, its storage plugins and their libraries come along as two layers, "
        "built from what is installed here.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    build = actions.add_parser("build", help="build it, unless it is in the cache")
    build.set_defaults(run=run_build)
    show = actions.add_parser("show", help="tell what is in it, without building it")
    show.set_defaults(run=run_show)
    push = actions.add_parser(
        "push",
        help="push it to the account's ECR, for heads that cannot build it",
        description="Build the runtime, or find it in the cache, and push it as an image of its "
        "own to the account's ECR. Heads that name that image (--batchx-runtime-image) use its "
        "layers and build nothing.",
    )
    add_ecr_options(push)
    push.set_defaults(run=run_push)


def run_build(_args: argparse.Namespace) -> int:
    """Build the runtime or find it in the cache, and tell where it is."""
    started = time.monotonic()
    runtime = provide_runtime(find_cache_dir(os.environ), _say)
    _say(f"The runtime is ready after {time.monotonic() - started:.1f} s.")
    for line in describe_plan(plan_runtime()) + describe_layers(runtime):
        print(line)
    return 0


def run_show(_args: argparse.Namespace) -> int:
    """Tell what the runtime consists of, and whether it is built."""
    plan = plan_runtime()
    runtime = find_runtime(plan, find_cache_dir(os.environ))
    built = describe_layers(runtime) if runtime else ["not built yet: batchx runtime build"]
    for line in describe_plan(plan) + built:
        print(line)
    return 0


def run_push(args: argparse.Namespace) -> int:
    """Push the runtime and print the image that holds it, by digest."""
    destination = Destination(args.repository)
    access = open_ecr_access(args)
    runtime = provide_runtime(find_cache_dir(os.environ), _say)
    image = push_runtime_image(access, destination, runtime.layers, runtime.architecture, _say)
    _say("it is pushed; runs use it by --batchx-runtime-image, or SNAKEMAKE_BATCHX_RUNTIME_IMAGE:")
    print(image)
    return 0


def describe_plan(plan: Plan) -> list[str]:
    """Return lines about what goes into a runtime."""
    versions = {package.name: package.version for package in plan.packages}
    plugins = [name for name in versions if name.startswith("snakemake-storage-plugin-")]
    shown = [f"{name} {versions[name]}" for name in (*SHOWN_PACKAGES, *plugins)]
    size = sum(path.stat().st_size for p in plan.packages for path in p.files.values())
    return [
        f"architecture  {plan.interpreter.architecture}",
        f"interpreter   {plan.interpreter.name} ({plan.interpreter.executable})",
        f"packages      {', '.join(shown)}, batchx {__version__}",
        f"              {len(versions)} in all, {size / MEGABYTE:.1f} MB",
    ]


def describe_layers(runtime: Runtime) -> list[str]:
    """Return lines about a runtime that is built."""
    lines = []
    for name, layer in zip(("base", "own"), runtime.layers, strict=True):
        lines += [
            f"{name:4} layer    {layer.digest}  {layer.size / MEGABYTE:.1f} MB",
            f"              {layer.path}",
        ]
    return lines


def _say(text: str) -> None:
    print(f"batchx: {text}", file=sys.stderr, flush=True)
