"""The calls that code makes to AWS and to image registries, read from its text.

Calls are named as in the table of permissions: service.Operation, or registry: METHOD thing.
"""

import ast
import functools
from collections.abc import Iterator

import botocore.session
from botocore import xform_name

SERVICES = (
    *(
        "batch",
        "ec2",
        "ecr",
        "ecs",
        "iam",
        "logs",
        "pricing",
        "s3",
        "secretsmanager",
        "service-quotas",
        "sts",
    ),
)

TRANSFERS = {
    "download_file": ("HeadObject", "GetObject"),
    "upload_file": (
        *("PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload"),
        "AbortMultipartUpload",
    ),
}
"""What boto3 adds to S3's client and objects (boto3/s3/inject.py)."""

PLUGIN_METHODS = {
    **TRANSFERS,
    "load": ("HeadObject",),
    "last_modified": ("HeadObject",),
    "content_length": ("HeadObject",),
    "filter": ("ListObjects",),
    "all": ("ListObjects",),
    "create_bucket": ("CreateBucket",),
    "head_bucket": ("HeadBucket",),
}
"""What boto3's resources for S3 call (boto3/data/s3/2006-03-01/resources-1.json)."""

PLUGIN_NAMES = {
    *("Bucket", "Object", "client", "key", "meta", "objects", "provider", "size", "endswith"),
    *("relative_to", "is_file", "timestamp"),
}
"""What Snakemake's s3 plugin reads of them without a call, or of files of the same name."""


NO_CALLS = {"meta", "make_request", "shutdown_event"}
"""What boto3's clients tell of themselves, and what awscrt's has, beside which operations are named
by a text."""


@functools.cache
def list_operations(service: str) -> dict[str, str]:
    """Return a service's operations by the names of boto3's methods."""
    model = botocore.session.get_session().get_service_model(service)
    return {xform_name(name): name for name in model.operation_names}


def iter_calls(text: str, service: str | None = None) -> Iterator[str]:
    """Yield the calls that a module makes by clients of boto3, or through the gateway of S3.

    `service` is that of the clients where the module does not say. Methods of clients that are of
    no service of SERVICES are yielded as they are written.
    """
    tree = ast.parse(text)
    clients = _find_clients(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _iter_named(node.value, service)
        elif isinstance(node, ast.Attribute) and _is_client(node.value, clients):
            yield from _interpret(node, clients, service)


def _iter_named(text: str, service: str | None) -> Iterator[str]:
    """Yield what a text of the code stands for: an operation of S3, or a program of its own."""
    if text in list_operations("s3").values():
        yield f"s3.{text}"
    if "boto3.client(" in text:
        yield from iter_calls(text.strip(), service)


def _find_clients(tree: ast.AST) -> dict[str, str]:
    """Return names of variables that hold clients, with their service."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            service = _read_service(node.value)
            if service:
                found[node.targets[0].id] = service
    return found


def _read_service(node: ast.AST) -> str | None:
    """Return the service of which a call makes a client, None of what is no such call."""
    if not isinstance(node, ast.Call) or not ast.unparse(node.func).endswith("client"):
        return None
    first = node.args[0] if node.args else None
    return first.value if isinstance(first, ast.Constant) else None


def _is_client(node: ast.AST, clients: dict[str, str]) -> bool:
    text = ast.unparse(node.func if isinstance(node, ast.Call) else node)
    return text in clients or text.rpartition(".")[2].endswith("client")


def _interpret(node: ast.Attribute, clients: dict[str, str], service: str | None) -> Iterator[str]:
    named = _read_service(node.value) or clients.get(ast.unparse(node.value)) or service
    if node.attr in TRANSFERS:
        yield from (f"s3.{each}" for each in TRANSFERS[node.attr])
        return
    possible = [
        f"{each}.{list_operations(each)[node.attr]}"
        for each in ([named] if named in SERVICES else SERVICES)
        if node.attr in list_operations(each)
    ]
    if len(possible) == 1:
        yield possible[0]
    elif possible or node.attr not in NO_CALLS:
        yield f"{named or ''}?{node.attr}"


def iter_registry_calls(text: str) -> Iterator[str]:
    """Yield the requests that a module makes to a registry: Request(METHOD, path, …)."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        method = node.args[0] if node.args else None
        if name not in {"Request", "_ask_manifest"} or not isinstance(method, ast.Constant):
            continue
        path = "manifests/" if name == "_ask_manifest" else ast.unparse(node.args[1])
        yield f"registry: {method.value} {_name_thing(path)}"


def _name_thing(path: str) -> str:
    things = {"manifests/": "manifest", "uploads/": "upload", "blobs/": "blob", "location": "blob"}
    return next((thing for part, thing in things.items() if part in path), path)


def iter_plugin_calls(text: str) -> Iterator[str]:
    """Yield what Snakemake's s3 storage plugin calls, by boto3's resources for S3.

    Names of such resources' members that are not known are yielded as they are written.
    """
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Attribute):
            continue
        base = ast.unparse(node.value)
        if not any(part in base for part in ("s3obj(", "s3bucket(", "s3c", "item")):
            continue
        if node.attr == "delete":
            is_bucket = base.endswith("s3bucket()")
            yield "s3.DeleteBucket" if is_bucket else "s3.DeleteObject"
        elif node.attr in PLUGIN_METHODS:
            yield from (f"s3.{each}" for each in PLUGIN_METHODS[node.attr])
        elif node.attr not in PLUGIN_NAMES:
            yield f"s3?{node.attr}"
