"""ECR's registry over HTTP: who may do what with its login, and how bodies pass."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import urllib3
from batch_world import make_fargate, make_fargate_environment, make_queue
from docker_images import import_busybox
from docker_registry import TestRegistry, run_registry
from iam_kit import Person, allow, deny, make_task_role, open_client
from images.image_kit import Layer, make_layer, open_registry, push_image
from job_runs import Runs
from strict_client import make_client

from snakemake_executor_plugin_batchx.batch.state import interpret_job
from snakemake_executor_plugin_batchx.batch.verdict import judge_failure
from snakemake_executor_plugin_batchx.images.errors import RegistryError
from snakemake_executor_plugin_batchx.images.registry import Registry
from snakemake_executor_plugin_batchx.local.launch import (
    DOCKER,
    PROCESS,
    EmbeddedAws,
    launch_embedded_aws,
)

REPOSITORIES = "arn:aws:ecr:us-east-1:123456789012:repository/"
LOGIN = allow("ecr:GetAuthorizationToken")
PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:CompleteLayerUpload",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
PULL = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
BIG_BYTES = 96 * 2**20
MEMORY_BYTES = 16 * 2**20
"""What the server may grow by while a big blob passes."""


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestRegistry]:
    with run_registry(tmp_path_factory.mktemp("behind")) as running:
        yield running


@pytest.fixture(scope="module")
def ecr_aws(behind: TestRegistry) -> Iterator[EmbeddedAws]:
    with launch_embedded_aws(runner=PROCESS, registry=behind.access) as aws:
        yield aws


@pytest.fixture
def ann(ecr_aws: EmbeddedAws) -> Person:
    """A user who may log in."""
    person = Person(ecr_aws, f"ann-{uuid.uuid4().hex[:8]}")
    person.may(LOGIN)
    return person


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> list[Layer]:
    folder = tmp_path_factory.mktemp("layers")
    return [make_layer(folder, "one.tar.gz", {"etc/marker": b"one"})]


def log_in(ecr: Any) -> str:
    """The password that GetAuthorizationToken gives."""
    (datum,) = ecr.get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(datum["authorizationToken"]).decode().partition(":")
    assert user == "AWS"
    return str(password)


def open_as(person: Person) -> Registry:
    return open_registry(person.aws.registry_host, "AWS", log_in(person.client("ecr")))


def open_as_root(aws: EmbeddedAws) -> Registry:
    return open_registry(aws.registry_host, "AWS", log_in(make_client(aws, "ecr")))


@pytest.fixture(scope="module")
def pushed(ecr_aws: EmbeddedAws, layers: list[Layer]) -> str:
    """The digest of an image that the account itself pushed as team/tool:1."""
    return push_image(open_as_root(ecr_aws), "team/tool", "1", layers)


def ask(
    aws: EmbeddedAws, password: str, method: str, path: str, **options: Any
) -> urllib3.BaseHTTPResponse:
    """What the front answers to a request."""
    headers = urllib3.make_headers(basic_auth=f"AWS:{password}")
    return urllib3.request(
        method, f"http://{aws.registry_host}{path}", headers=headers, retries=False, **options
    )


def read_refusal(answer: urllib3.BaseHTTPResponse) -> tuple[int, str, str]:
    (error,) = answer.json()["errors"]
    return answer.status, error["code"], error["message"]


def test_whoever_may_push_pushes(ann: Person, layers: list[Layer]) -> None:
    ann.may(LOGIN, allow(PUSH, REPOSITORIES + "ann/*"))
    registry = open_as(ann)
    digest = push_image(registry, "ann/tool", "1", layers)
    with pytest.raises(RegistryError, match=re.escape(f"{ann.name} of account 123456789012 lacks")):
        registry.read_manifest("ann/tool", "1")
    ann.may(LOGIN, allow(PULL, REPOSITORIES + "ann/tool"))
    assert registry.read_manifest("ann/tool", "1").digest == digest
    (layer,) = layers
    assert registry.read_small_blob("ann/tool", layer.digest, layer.size) == layer.data


@pytest.mark.parametrize("action", PUSH)
def test_pushing_takes_each_action(ann: Person, layers: list[Layer], action: str) -> None:
    ann.may(LOGIN, allow([each for each in PUSH if each != action]))
    with pytest.raises(RegistryError) as caught:
        push_image(open_as(ann), f"ann/{uuid.uuid4().hex}", "1", layers)
    assert caught.value.is_denied_push
    # An answer to HEAD does not say what is lacking.
    if action != "ecr:BatchCheckLayerAvailability":
        assert f"lacks {action} on {REPOSITORIES}ann/" in str(caught.value)


@pytest.mark.parametrize("action", PULL)
def test_pulling_takes_each_action(
    ann: Person, pushed: str, layers: list[Layer], action: str
) -> None:
    ann.may(LOGIN, allow([each for each in PULL if each != action]))
    registry, (layer,) = open_as(ann), layers
    refused = pytest.raises(RegistryError, match=f"lacks {action} on {REPOSITORIES}team/tool: ")
    with refused if action == "ecr:BatchGetImage" else nullcontext():
        assert registry.read_manifest("team/tool", "1").digest == pushed
    with refused if action == "ecr:GetDownloadUrlForLayer" else nullcontext():
        registry.read_small_blob("team/tool", layer.digest, layer.size)


def test_ecrs_own_words(ann: Person, pushed: str) -> None:
    password = log_in(ann.client("ecr"))
    start = f"User: {ann.arn} is not authorized to perform: "
    path = "/v2/team/tool/blobs/uploads/"
    assert read_refusal(ask(ann.aws, password, "POST", path)) == (
        403,
        "DENIED",
        f"{start}ecr:InitiateLayerUpload on resource: {REPOSITORIES}team/tool because no "
        "identity-based policy allows the ecr:InitiateLayerUpload action",
    )
    ann.may(LOGIN, allow("ecr:*"), deny("ecr:BatchGetImage", REPOSITORIES + "team/*"))
    assert read_refusal(ask(ann.aws, password, "GET", "/v2/team/tool/manifests/1")) == (
        403,
        "DENIED",
        f"{start}ecr:BatchGetImage on resource: {REPOSITORIES}team/tool with an explicit deny in "
        "an identity-based policy",
    )
    head = ask(ann.aws, password, "HEAD", "/v2/team/tool/manifests/1")
    assert (head.status, head.data) == (403, b"")


def test_the_session_of_a_role_is_named(ann: Person) -> None:
    role = make_task_role(ann.aws, f"role-{ann.name}", LOGIN)
    url = f"{ann.aws.endpoint_url}/_batchx/credentials/role/{role.rpartition('/')[2]}/a-task"
    told = urllib3.request("GET", url).json()
    keys = (told["AccessKeyId"], told["SecretAccessKey"], told["Token"])
    password = log_in(open_client(ann.aws, "ecr", *keys))
    _, _, message = read_refusal(ask(ann.aws, password, "GET", "/v2/team/tool/tags/list"))
    session = f"arn:aws:sts::123456789012:assumed-role/role-{ann.name}/a-task"
    assert message.startswith(f"User: {session} is not authorized to perform: ecr:ListImages on ")


def test_a_layer_is_mounted_with_the_right_to_read_it_there(
    ann: Person, pushed: str, layers: list[Layer]
) -> None:
    (layer,) = layers
    own = f"ann/{uuid.uuid4().hex}"
    push = allow(PUSH, REPOSITORIES + own)
    ann.may(LOGIN, push)
    registry = open_as(ann)
    source = f"lacks ecr:GetDownloadUrlForLayer on {REPOSITORIES}team/tool: "
    with pytest.raises(RegistryError, match=source):
        registry.start_upload(own, layer.digest, "team/tool")
    ann.may(LOGIN, push, allow("ecr:GetDownloadUrlForLayer", REPOSITORIES + "team/tool"))
    assert registry.start_upload(own, layer.digest, "team/tool") == ""
    assert registry.has_blob(own, layer.digest)


@pytest.mark.parametrize("password", ["", "x", "of the registry behind"])
def test_only_ecrs_logins_are_taken(
    ecr_aws: EmbeddedAws, behind: TestRegistry, password: str
) -> None:
    given = behind.password if password == "of the registry behind" else password
    answer = ask(ecr_aws, given, "GET", "/v2/")
    assert (answer.status, answer.data) == (401, b"Not Authorized\n")
    challenge = f'Basic realm="http://{ecr_aws.registry_host}/",service="ecr.amazonaws.com"'
    assert answer.headers["WWW-Authenticate"] == challenge


def test_the_account_itself_may_do_all_that_ecr_takes(ecr_aws: EmbeddedAws, pushed: str) -> None:
    password = log_in(make_client(ecr_aws, "ecr"))
    tags = ask(ecr_aws, password, "GET", "/v2/team/tool/tags/list")
    assert tags.json() == {"name": "team/tool", "tags": ["1"]}
    refused = ask(ecr_aws, password, "GET", "/v2/_catalog")
    assert read_refusal(refused)[:2] == (405, "UNSUPPORTED")


def test_uploads_go_on_at_the_front(ann: Person) -> None:
    ann.may(LOGIN, allow(PUSH))
    password = log_in(ann.client("ecr"))
    answer = ask(ann.aws, password, "POST", "/v2/ann/tool/blobs/uploads/")
    assert answer.headers["Location"].startswith(f"http://{ann.aws.registry_host}/v2/ann/tool/")


def read_peak_bytes(aws: EmbeddedAws) -> int:
    """The most memory that the server has had so far."""
    status = Path(f"/proc/{aws.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def make_pieces() -> Iterator[bytes]:
    """BIG_BYTES, in pieces of 1 MiB that differ."""
    for number in range(BIG_BYTES // 2**20):
        yield number.to_bytes(4, "big") * 2**18


@pytest.mark.parametrize("is_chunked", [False, True])
def test_big_layers_pass_in_pieces(ecr_aws: EmbeddedAws, is_chunked: bool) -> None:
    registry = open_as_root(ecr_aws)
    seen = hashlib.sha256()
    for piece in make_pieces():
        seen.update(piece)
    digest = f"sha256:{seen.hexdigest()}"
    repository = f"big/{is_chunked}".lower()
    location = registry.start_upload(repository, digest)
    before = read_peak_bytes(ecr_aws)
    if is_chunked:
        # As dockerd sends layers.
        password = log_in(make_client(ecr_aws, "ecr"))
        path = location.removeprefix(f"http://{ecr_aws.registry_host}")
        answer = ask(ecr_aws, password, "PATCH", path, body=make_pieces())
        assert (answer.status, answer.headers["Range"]) == (202, f"0-{BIG_BYTES - 1}")
        location = answer.headers["Location"]
        registry.put_blob(repository, location, digest, 0, [])
    else:
        registry.put_blob(repository, location, digest, BIG_BYTES, make_pieces())
    got = hashlib.sha256()
    for block in registry.stream_blob(repository, digest, BIG_BYTES):
        got.update(block)
    assert got.digest() == seen.digest()
    assert read_peak_bytes(ecr_aws) - before < MEMORY_BYTES


def test_a_connection_stays_after_a_refused_body(ann: Person, pushed: str) -> None:
    basic = urllib3.make_headers(basic_auth=f"AWS:{log_in(ann.client('ecr'))}")
    host, _, port = ann.aws.registry_host.partition(":")
    connection = http.client.HTTPConnection(host, int(port))
    path = "/v2/ann/tool/blobs/uploads/0a-1?digest=sha256:00"
    for method, place, body in (
        ("PUT", path, b"x" * 2**20),
        ("PATCH", path, iter([b"x" * 1000] * 50)),
        ("GET", "/v2/", None),
    ):
        connection.request(method, place, body, basic)
        own = connection.sock
        answer = connection.getresponse()
        answer.read()
        assert answer.status == (200 if method == "GET" else 403)
        assert connection.sock is own is not None
    connection.close()


def test_a_registry_that_is_gone_is_a_bad_gateway(tmp_path: Path) -> None:
    with (
        run_registry(tmp_path) as short,
        launch_embedded_aws(runner=PROCESS, registry=short.access) as aws,
    ):
        password = log_in(make_client(aws, "ecr"))
        short.stop()
        answer = ask(aws, password, "PUT", "/v2/team/tool/manifests/1", body=b"x" * 2**20)
    assert answer.status == 502


@pytest.fixture(scope="module")
def docker_aws(behind: TestRegistry) -> Iterator[EmbeddedAws]:
    """An embedded AWS whose jobs are containers."""
    with launch_embedded_aws(runner=DOCKER, registry=behind.access) as aws:
        yield aws


@pytest.fixture
def tool_runs(docker_aws: EmbeddedAws, behind: TestRegistry) -> Iterator[Runs]:
    """Jobs in an image of ECR of which the engine knows nothing, not even the manifest."""
    with import_busybox(files={"etc/own": uuid.uuid4().hex}) as own:
        digest = behind.push(own.tag, "team/busybox:1").partition("@")[2]
    image = f"{docker_aws.registry_host}/team/busybox@{digest}"
    yield Runs(docker_aws, make_client(docker_aws, "batch"), make_client(docker_aws, "logs"), image)
    subprocess.run(["docker", "rmi", image], capture_output=True, check=False)


@pytest.mark.docker
@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("ecr:GetAuthorizationToken", "CannotPullECRContainerError: AccessDeniedException: "),
        (
            "ecr:BatchGetImage",
            "CannotPullContainerError: Error response from daemon: pull access denied for {host}/"
            "team/busybox, repository does not exist or may require 'docker login': denied: ",
        ),
        (
            "ecr:GetDownloadUrlForLayer",
            "CannotPullContainerError: error pulling image configuration: download failed after "
            "attempts=1: denied: ",
        ),
    ],
)
def test_ecs_pulls_with_the_execution_role(tool_runs: Runs, action: str, words: str) -> None:
    aws = tool_runs.aws
    log = allow(["logs:CreateLogStream", "logs:PutLogEvents"])
    needed = ["ecr:GetAuthorizationToken", *PULL]
    name = f"ecs-{uuid.uuid4().hex[:8]}"
    role = make_task_role(aws, name, log, allow([each for each in needed if each != action]))
    job = tool_runs.wait(tool_runs.submit("true", container={"executionRoleArn": role}))
    reason = job["attempts"][0]["container"]["reason"]
    session = f"User: arn:aws:sts::123456789012:assumed-role/{name}/"
    assert reason.startswith(words.format(host=aws.registry_host) + session)
    assert f" is not authorized to perform: {action} on resource: " in reason
    verdict = judge_failure(interpret_job(job), None, image=tool_runs.image, memory_mib=64)
    assert verdict.sentence == f"image {tool_runs.image} may not be pulled or does not exist"
    assert f"Its execution role {name} of account 123456789012 lacks {action}" in verdict.advice


@pytest.mark.docker
def test_ecs_pulls_with_what_it_needs_and_no_more(tool_runs: Runs) -> None:
    log = allow(["logs:CreateLogStream", "logs:PutLogEvents"])
    name = f"ecs-{uuid.uuid4().hex[:8]}"
    pull = allow(PULL, REPOSITORIES + "team/busybox")
    role = make_task_role(tool_runs.aws, name, log, LOGIN, pull)
    job = tool_runs.wait(tool_runs.submit("true", container={"executionRoleArn": role}))
    assert job["status"] == "SUCCEEDED", job
    record = urllib3.request("GET", f"{tool_runs.aws.endpoint_url}/_batchx/permissions").json()
    allowed = record[f"role/{name}"]["allowed"]
    assert {each for each in allowed if each.startswith("ecr:")} == {LOGIN["Action"], *PULL}
    assert json.dumps(record).count("BatchCheckLayerAvailability") == 0


@pytest.mark.docker
def test_fargate_does_not_pass_on_what_ecr_says(tool_runs: Runs) -> None:
    batch = tool_runs.batch
    batch.create_compute_environment(**make_fargate_environment("fargate"))
    batch.create_job_queue(**make_queue("fargate", "fargate"))
    role = make_task_role(tool_runs.aws, f"ecs-{uuid.uuid4().hex[:8]}", LOGIN)
    definition = make_fargate(
        "denied", image=tool_runs.image, command=["true"], executionRoleArn=role
    )
    batch.register_job_definition(**definition)
    request = {"jobName": "job", "jobQueue": "fargate", "jobDefinition": "denied"}
    job = tool_runs.wait(batch.submit_job(**request)["jobId"])
    host = tool_runs.aws.registry_host
    tag = tool_runs.image.partition("@")[2]
    assert job["attempts"][0]["container"]["reason"] == (
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
        f"resolve ref {tool_runs.image}: pulling from host {host} failed with status code "
        f"[manifests {tag}]: 403 Forbidden"
    )
