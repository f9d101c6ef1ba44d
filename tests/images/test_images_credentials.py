"""docker's config.json, with its helpers."""

from __future__ import annotations

import base64
import json
import traceback
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.credentials import (
    Credential,
    interpret_login,
    keep_until_renewal,
    read_docker_config,
)

HELPER = """#!/bin/sh
[ "$1" = get ] || exit 9
read -r server
case "$server" in
  private.io) echo '{"ServerURL":"private.io","Username":"me","Secret":"from-helper"}' ;;
  azure.io) echo '{"Username":"<token>","Secret":"identity"}' ;;
  odd.io) echo 'not json' ;;
  *) echo 'credentials not found in native keychain'; exit 1 ;;
esac
"""


def encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    helper = tmp_path / "bin" / "docker-credential-test"
    helper.parent.mkdir()
    helper.write_text(HELPER)
    helper.chmod(0o755)
    return tmp_path


def find(folder: Path, content: object, host: str) -> Credential | None:
    (folder / "config.json").write_text(json.dumps(content))
    environment = {"DOCKER_CONFIG": str(folder), "PATH": f"{folder / 'bin'}:/usr/bin:/bin"}
    return read_docker_config(environment).find(host)


@pytest.mark.parametrize(
    "key", ["quay.io", "https://quay.io", "https://quay.io/v1/", "http://QUAY.io/v2/"]
)
def test_inline_logins_are_found_by_host(folder: Path, key: str) -> None:
    content = {"auths": {"other.io": {}, key: {"auth": encode("me:pass:word")}}}
    assert find(folder, content, "quay.io") == Credential("me", "pass:word")
    assert find(folder, content, "quay.io:443") is None


def test_docker_hub_has_a_name_of_its_own(folder: Path) -> None:
    content = {"auths": {"https://index.docker.io/v1/": {"auth": encode("me:x")}}}
    assert find(folder, content, "registry-1.docker.io") == Credential("me", "x")


def test_helpers_are_asked(folder: Path) -> None:
    one = {"credHelpers": {"private.io": "test"}, "auths": {"quay.io": {"auth": encode("a:b")}}}
    assert find(folder, one, "private.io") == Credential("me", "from-helper")
    assert find(folder, one, "quay.io") == Credential("a", "b")
    store = {"credsStore": "test", "auths": {"quay.io": {"auth": encode("a:b")}}}
    assert find(folder, store, "private.io") == Credential("me", "from-helper")
    assert find(folder, store, "quay.io") == Credential("a", "b")
    identity = find(folder, store, "azure.io")
    assert identity
    assert identity.is_identity_token
    assert find(folder, store, "odd.io") is None
    assert find(folder, {"credsStore": "missing"}, "private.io") is None


@pytest.mark.parametrize(
    ("entry", "credential"),
    [
        ({"username": "me", "password": "x"}, Credential("me", "x")),
        ({"identitytoken": "t"}, Credential("<token>", "t", is_identity_token=True)),
        ({"auth": "%%%"}, None),
        ({"auth": encode("nobody")}, None),
        ({}, None),
        ("odd", None),
    ],
)
def test_entries_of_all_kinds(folder: Path, entry: object, credential: Credential | None) -> None:
    assert find(folder, {"auths": {"quay.io": entry}}, "quay.io") == credential


def test_a_config_that_is_missing_or_damaged(folder: Path) -> None:
    assert read_docker_config({"HOME": str(folder)}).find("quay.io") is None
    (folder / "config.json").write_text("{")
    with pytest.raises(BatchxError, match=r"config\.json is not JSON"):
        read_docker_config({"DOCKER_CONFIG": str(folder)})


def test_new_credentials_are_looked_for_when_asked(folder: Path) -> None:
    find(folder, {"credsStore": "test"}, "private.io")
    environment = {"DOCKER_CONFIG": str(folder), "PATH": f"{folder / 'bin'}:/usr/bin:/bin"}
    source = read_docker_config(environment).make_source("private.io")
    assert source(False) == Credential("me", "from-helper")
    helper = folder / "bin" / "docker-credential-test"
    helper.write_text(HELPER.replace("from-helper", "renewed"))
    assert source(False) == Credential("me", "from-helper")
    assert source(True) == Credential("me", "renewed")


@pytest.mark.parametrize("found", [[Credential("me", "1"), Credential("me", "2")], [None, None]])
def test_a_source_asks_once_and_again_for_a_renewal(found: list[Credential | None]) -> None:
    left = list(found)
    source = keep_until_renewal(lambda: left.pop(0))
    assert len(left) == 2
    assert [source(False), source(False)] == [found[0]] * 2
    assert len(left) == 1
    assert [source(True), source(False)] == [found[1]] * 2
    assert left == []


def test_a_source_that_failed_is_asked_again() -> None:
    answers: list[Credential | None] = [None, Credential("me", "1")]

    def find() -> Credential | None:
        answer = answers.pop(0)
        if answer is None:
            raise BatchxError("not now.")
        return answer

    source = keep_until_renewal(find)
    with pytest.raises(BatchxError, match=r"^not now\.$"):
        source(False)
    assert [source(False), source(False)] == [Credential("me", "1")] * 2


def test_a_renewal_before_all_else_asks_once() -> None:
    left = [Credential("me", "1")]
    source = keep_until_renewal(lambda: left.pop(0))
    assert [source(True), source(False)] == [Credential("me", "1")] * 2


ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:quay"


def test_a_secret_holds_a_login_as_ecs_wants_it() -> None:
    found = interpret_login(ARN, '{"username": "robot", "password": "hunter2", "more": 1}')
    assert found == Credential("robot", "hunter2")
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hunter2",
        "robot:hunter2",
        '"hunter2"',
        "7",
        "null",
        '["username", "hunter2"]',
        '{"password": "hunter2"}',
        '{"username": "hunter2"}',
        '{"Username": "robot", "Password": "hunter2"}',
        '{"username": "robot", "password": "hunter2"',
    ],
)
def test_what_holds_none_is_refused_and_never_told(text: str) -> None:
    with pytest.raises(BatchxError) as caught:
        interpret_login(ARN, text)
    assert str(caught.value) == (
        f"Secret {ARN} does not hold a registry's login: it must be "
        '{"username": "…", "password": "…"}.'
    )
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))
