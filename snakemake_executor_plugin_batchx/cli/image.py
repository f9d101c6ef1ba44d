"""`batchx image`: images made ready before others need them, and what is there."""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from snakemake_executor_plugin_batchx.cli.ecr_options import add_ecr_options, open_ecr_access
from snakemake_executor_plugin_batchx.delivery import IMAGES_AT_ONCE
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.access import RegistryAccess
from snakemake_executor_plugin_batchx.images.deliver import Deliverer
from snakemake_executor_plugin_batchx.images.derive import PreparedImage
from snakemake_executor_plugin_batchx.images.destination import Destination
from snakemake_executor_plugin_batchx.images.narrate import format_bytes
from snakemake_executor_plugin_batchx.images.platforms import ARCHITECTURES
from snakemake_executor_plugin_batchx.images.prepare import ImagePreparer
from snakemake_executor_plugin_batchx.images.recipe import TAG_PREFIX
from snakemake_executor_plugin_batchx.images.runtime_layers import RuntimeLayer
from snakemake_executor_plugin_batchx.module_map_file import read_module_map
from snakemake_executor_plugin_batchx.plan.module_map import EMPTY_MAP, ModuleMap
from snakemake_executor_plugin_batchx.registry_images import find_layers, provide_layers
from snakemake_executor_plugin_batchx.runtime.interpreter import inspect_machine
from snakemake_executor_plugin_batchx.runtime.layer import LayerFile


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the `batchx` parser."""
    parser = subparsers.add_parser(
        "image",
        help="prepare images for jobs, or list those that are",
        description="Jobs run in their rule's image with the job runtime added to it. A run "
        "prepares what is missing; these commands let somebody with the right to push do it "
        "for others.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    prepare = actions.add_parser(
        "prepare",
        help="prepare images, or all that Snakefiles name",
        description="Prepare images in the account's ECR, as a run would: nothing is sent that is "
        "there already. Snakefiles are parsed as a run in this folder would.",
    )
    prepare.add_argument("targets", nargs="+", metavar="REF|SNAKEFILE")
    _add_snakefile_options(prepare)
    prepare.add_argument(
        "--runtime-image",
        default=os.environ.get("SNAKEMAKE_BATCHX_RUNTIME_IMAGE"),
        metavar="REF",
        help="the image that holds the job runtime (default: it is built here)",
    )
    prepare.add_argument(
        "--mount",
        action="store_true",
        help="for runs with --batchx-runtime mount: only clear the images' entrypoints",
    )
    prepare.add_argument("--architecture", choices=ARCHITECTURES, default=ARCHITECTURES[0])
    prepare.set_defaults(run=run_prepare)
    listing = actions.add_parser("list", help="list the images that are prepared")
    listing.set_defaults(run=run_list)
    for action in (prepare, listing):
        add_ecr_options(action)


def _add_snakefile_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--configfile", nargs="+", type=Path, default=[], metavar="FILE")
    parser.add_argument(
        "--module-map",
        default=os.environ.get("SNAKEMAKE_BATCHX_MODULE_MAP"),
        metavar="FILE",
        help="the site's file that says which images Snakefiles' rules get instead",
    )


@dataclass(frozen=True)
class Target:
    """A container to prepare, and who names it."""

    container: str
    label: str


def run_prepare(args: argparse.Namespace) -> int:
    """Prepare images, a line each; exit with 1 if any could not be."""
    modules = read_module_map(args.module_map) if args.module_map else EMPTY_MAP
    targets = list_targets(args.targets, args.configfile, modules)
    access = open_ecr_access(args)
    layers = () if args.mount else _find_layers(args, access)
    deliverer = Deliverer(
        access,
        Destination(args.repository),
        "mount" if args.mount else "layer",
        layers,
        args.architecture,
        _say,
    )
    preparer = ImagePreparer(deliverer)
    with ThreadPoolExecutor(IMAGES_AT_ONCE) as pool:
        outcomes = list(pool.map(lambda target: _try_prepare(preparer, target), targets))
    failures = [outcome for outcome in outcomes if isinstance(outcome, str)]
    for target, outcome in zip(targets, outcomes, strict=True):
        if isinstance(outcome, PreparedImage):
            state = "prepared" if outcome.is_new else "there already"
            print(f"{target.container}\t{outcome.image}\t{state}")
    for failure in failures:
        print(f"batchx: {failure}", file=sys.stderr)
    return 1 if failures else 0


def _find_layers(args: argparse.Namespace, access: RegistryAccess) -> tuple[RuntimeLayer, ...]:
    def provide(architecture: str) -> tuple[LayerFile, ...]:
        return provide_layers(architecture, inspect_machine(), refuse_foreign, _say)

    return find_layers(access, args.runtime_image, args.architecture, provide)


def refuse_foreign(architecture: str) -> NoReturn:
    """Say what to do for an architecture whose runtime cannot be built here: there is no queue."""
    raise BatchxError(
        f"The job runtime for {architecture} cannot be built on this machine: push one from a "
        "Linux machine with that processor (batchx runtime push), and name its image by "
        "--runtime-image."
    )


def _try_prepare(preparer: ImagePreparer, target: Target) -> PreparedImage | str:
    try:
        return preparer.prepare(target.container, target.label)
    except BatchxError as error:
        return str(error)


def list_targets(
    names: Sequence[str], config_files: Sequence[Path], modules: ModuleMap = EMPTY_MAP
) -> list[Target]:
    """Return the containers that are named, by themselves or by Snakefiles, each once.

    Raises BatchxError for a Snakefile that cannot be parsed or names no container.
    """
    found: dict[str, Target] = {}
    for name in names:
        for target in _list_of(name, config_files, modules):
            found.setdefault(target.container, target)
    return list(found.values())


def _list_of(name: str, config_files: Sequence[Path], modules: ModuleMap) -> list[Target]:
    if not Path(name).is_file():
        return [Target(name, f"Image {name}")]
    # Snakemake takes a second to import, and image references do not need it.
    from snakemake_executor_plugin_batchx.workflow.containers import read_containers  # noqa: PLC0415

    containers = read_containers(Path(name), config_files, modules)
    if containers.open_rules:
        _say(
            f"{name}: the images of {', '.join(containers.open_rules)} depend on their jobs; name "
            "them here, or let a run prepare them"
        )
    if not containers.rules and not containers.open_rules:
        raise BatchxError(f"{name} names no container: there is nothing to prepare.")
    return [
        Target(container, f"Rule{'s' if len(rules) > 1 else ''} {', '.join(rules)}")
        for container, rules in containers.rules.items()
    ]


def run_list(args: argparse.Namespace) -> int:
    """List the derived images, the newest first."""
    access = open_ecr_access(args)
    host = access.own_host
    images = access.ecr.list_images(Destination(args.repository).setting, TAG_PREFIX)
    for image in sorted(images, key=lambda image: image.pushed, reverse=True):
        day = datetime.fromtimestamp(image.pushed, UTC).strftime("%Y-%m-%d") if image.pushed else ""
        print(f"{day:10}  {format_bytes(image.size):>9}  {host}/{image.repository}:{image.tag}")
    if not images:
        _say(f"no image is prepared in {host}/{args.repository}")
    return 0


def _say(text: str) -> None:
    print(f"batchx: {text}", file=sys.stderr, flush=True)
