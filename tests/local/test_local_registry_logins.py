"""The logins of ECR's registry, and what its front says to each."""

from __future__ import annotations

import base64
import json
from email.message import Message

import pytest

from snakemake_executor_plugin_batchx.local.iam.authority import Authority
from snakemake_executor_plugin_batchx.local.iam.principals import Principal
from snakemake_executor_plugin_batchx.local.identity import Credentials, Identity
from snakemake_executor_plugin_batchx.local.launch import RegistryAccess
from snakemake_executor_plugin_batchx.local.registry_front import RegistryFront, RegistryRequest
from snakemake_executor_plugin_batchx.local.registry_logins import (
    LOGIN_SECONDS,
    ExpiredLoginError,
    RegistryLogins,
    UnknownLoginError,
)

ANN = Principal("User", "arn:aws:iam::123456789012:user/ann", "AIDA", "ann")
BEN = Principal("User", "arn:aws:iam::123456789012:user/ben", "AIDB", "ben")


class Clock:
    """A time that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def read(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def logins(clock: Clock) -> RegistryLogins:
    return RegistryLogins(clock.read)


def test_each_login_is_its_principals(logins: RegistryLogins) -> None:
    given = [logins.issue(principal) for principal in (ANN, BEN, ANN)]
    assert len({each.password for each in given}) == 3
    assert [logins.find("AWS", each.password) for each in given] == [ANN, BEN, ANN]


@pytest.mark.parametrize("username", ["aws", "", "ann"])
def test_the_user_is_always_aws(logins: RegistryLogins, username: str) -> None:
    with pytest.raises(UnknownLoginError):
        logins.find(username, logins.issue(ANN).password)


def test_a_login_expires_and_is_forgotten_later(logins: RegistryLogins, clock: Clock) -> None:
    login = logins.issue(ANN)
    assert login.expiry == clock.now + LOGIN_SECONDS
    clock.now = login.expiry - 1
    assert logins.find("AWS", login.password) == ANN
    clock.now = login.expiry
    with pytest.raises(ExpiredLoginError):
        logins.find("AWS", login.password)
    clock.now += LOGIN_SECONDS + 1
    logins.issue(BEN)
    with pytest.raises(UnknownLoginError):
        logins.find("AWS", login.password)


@pytest.fixture
def front(logins: RegistryLogins) -> RegistryFront:
    identity = Identity()
    authority = Authority(identity, Credentials("AKIAROOT", "secret"))
    return RegistryFront(identity, authority, logins, RegistryAccess("127.0.0.1:1", "/none"))


def ask(front: RegistryFront, authorization: str, method: str = "GET") -> tuple[str, bytes]:
    """Status and body of a refusal."""
    headers = Message()
    headers["Authorization"] = authorization
    headers["Host"] = "127.0.0.1:5000"
    request = RegistryRequest(method, "/v2/team/tool/manifests/1", headers, "127.0.0.1")
    refusal = front.find_refusal(request)
    if refusal is None:
        return "200", b""
    challenge = dict(refusal.headers).get("WWW-Authenticate")
    assert (challenge is not None) == (refusal.status == "401 Unauthorized")
    return refusal.status, refusal.body


def make_basic(pair: str) -> str:
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


@pytest.mark.parametrize(
    "authorization",
    ["", "Basic", "Basic ***", "Bearer QVdTOng=", make_basic("AWS:x"), "Basic /w=="],
)
def test_who_has_no_login_is_asked_for_one(front: RegistryFront, authorization: str) -> None:
    assert ask(front, authorization) == ("401 Unauthorized", b"Not Authorized\n")


def test_an_old_login_is_told_of(
    front: RegistryFront, logins: RegistryLogins, clock: Clock
) -> None:
    login = logins.issue(ANN)
    clock.now += LOGIN_SECONDS
    status, body = ask(front, make_basic(f"AWS:{login.password}"))
    message = "Your authorization token has expired. Reauthenticate and try again."
    assert (status, json.loads(body)) == (
        "403 Forbidden",
        {"errors": [{"code": "DENIED", "message": message}]},
    )


def test_who_is_gone_may_do_nothing(front: RegistryFront, logins: RegistryLogins) -> None:
    status, body = ask(front, make_basic(f"AWS:{logins.issue(ANN).password}"))
    assert status == "403 Forbidden"
    assert b"because no identity-based policy allows the ecr:BatchGetImage action" in body


def test_an_answer_to_head_has_no_body(front: RegistryFront, logins: RegistryLogins) -> None:
    basic = make_basic(f"AWS:{logins.issue(ANN).password}")
    assert ask(front, basic, "HEAD") == ("403 Forbidden", b"")
