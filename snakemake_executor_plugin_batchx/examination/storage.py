"""What the doctor finds at the S3 root and at registries."""

import secrets

from snakemake_executor_plugin_batchx.checks.finding import (
    Finding,
    judge_trouble,
    make_failure,
    make_ok,
    make_warning,
    split_sentence,
)
from snakemake_executor_plugin_batchx.checks.table import IMAGE, REGISTRY, S3_ROOT
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.access import RegistryAccess
from snakemake_executor_plugin_batchx.images.destination import Destination
from snakemake_executor_plugin_batchx.images.ecr import EcrError, EcrGateway
from snakemake_executor_plugin_batchx.images.errors import RegistryError
from snakemake_executor_plugin_batchx.images.places import Places
from snakemake_executor_plugin_batchx.images.reference import read_container
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.layout import S3Root
from snakemake_executor_plugin_batchx.storage.refusals import StorageError

PROBE = b"batchx doctor"


def examine_root(store: S3Gateway, root: S3Root) -> list[Finding]:
    """Write, read and delete an object below the S3 root."""
    key, where = f"{root.prefix}/doctor/{secrets.token_hex(8)}", root.make_url(root.prefix)
    try:
        store.write_bytes(key, PROBE)
    except StorageError as error:
        return [_judge_store(where, error)]
    trouble = _read_probe(store, key, root)
    try:
        store.delete_objects([key])
    except StorageError as error:
        left = make_warning(
            S3_ROOT,
            f"objects below {where} cannot be deleted, so specs with values of envvars would stay "
            f"there, and so does {root.make_url(key)} ({str(error).rstrip('.')})",
            "allow s3:DeleteObject there",
        )
        done = make_ok(S3_ROOT, f"objects below {where} can be written and read")
        return [*(trouble or [done]), left]
    done = make_ok(S3_ROOT, f"objects below {where} can be written, read and deleted")
    return trouble or [done]


def _read_probe(store: S3Gateway, key: str, root: S3Root) -> list[Finding]:
    """Return what is wrong with reading what was written, if anything."""
    try:
        if store.read_bytes(key) == PROBE:
            return []
    except StorageError as error:
        return [_judge_store(root.make_url(root.prefix), error)]
    return [
        make_failure(
            S3_ROOT,
            f"{root.make_url(key)} is not read as it was written",
            "look for what stands between this machine and S3",
        )
    ]


def _judge_store(where: str, error: StorageError) -> Finding:
    if not error.code:
        return judge_trouble(S3_ROOT, where, "s3", "", str(error))
    return split_sentence(S3_ROOT, str(error))


def examine_registry(ecr: EcrGateway, destination: Destination, is_pushing: bool) -> list[Finding]:
    """Ask ECR for a login, and for the repository that takes images, if it is a single one.

    `is_pushing` tells that runs cannot do without.
    """
    try:
        host = ecr.registry_host
    except EcrError as error:
        return [_judge_refusal(error, is_pushing)]
    if destination.is_prefix:
        return [
            make_ok(
                REGISTRY,
                f"{host} hands out a login; repositories below {destination.setting} are made as "
                "needed",
            )
        ]
    name = destination.setting
    try:
        is_there = ecr.has_repository(name)
    except EcrError as error:
        code = "AccessDenied" if error.is_denied else error.code
        thing = f"ECR repository {name} (--batchx-repository)"
        return [judge_trouble(REGISTRY, thing, "ecr:DescribeRepositories", code, str(error))]
    if is_there:
        return [make_ok(REGISTRY, f"{host} hands out a login and has repository {name}")]
    return [
        make_failure(
            REGISTRY,
            f"ECR repository {name} (--batchx-repository) does not exist",
            f"make it (aws ecr create-repository --repository-name {name}), or name a prefix that "
            "ends with /",
        )
    ]


def _judge_refusal(error: EcrError, is_pushing: bool) -> Finding:
    if error.code and is_pushing:
        return split_sentence(REGISTRY, str(error))
    code = "AccessDenied" if error.is_denied else error.code
    return judge_trouble(REGISTRY, "ECR", "ecr:GetAuthorizationToken", code, str(error))


def examine_image(access: RegistryAccess, container: str, architecture: str) -> list[Finding]:
    """Look an image up as a run does, but prepare nothing."""
    notes: list[str] = []
    try:
        reference = read_container(container, f"Image {container}")
        places = Places(access, notes.append)
        root = places.resolve(reference)
        places.read(reference, root, architecture)
    except BatchxError as error:
        if isinstance(error, RegistryError) and error.is_transient:
            return [judge_trouble(IMAGE, f"Image {container}", "the registry", "", str(error))]
        return [split_sentence(IMAGE, str(error))]
    found = make_ok(IMAGE, f"{reference} is there for {architecture}: {root}")
    return [found, *(make_warning(IMAGE, note.rstrip("."), "") for note in notes)]
