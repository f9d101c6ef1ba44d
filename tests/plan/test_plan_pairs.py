"""Tags, secrets, logins and consumable resources, as texts give them."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.plan.pairs import (
    MAX_TAGS,
    hide_logins,
    hide_secrets,
    make_tag_value,
    read_consumables,
    read_registry_logins,
    read_secrets,
    read_tags,
)
from snakemake_executor_plugin_batchx.plan.values import WrongValueError

CheckRequest = Callable[[str, Mapping[str, Any]], None]

SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db/login-AbCdEf"
PARAMETER = "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/lab/token"
RESOURCE = "arn:aws:batch:eu-west-1:123456789012:consumable-resource/licence"

READERS = [read_tags, read_consumables, read_secrets, read_registry_logins]


def list_reasons(read: Any, value: object) -> tuple[str, ...]:
    with pytest.raises(WrongValueError) as caught:
        read(value)
    return caught.value.reasons


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        ("a=1,b=2", (("a", "1"), ("b", "2"))),
        (" a = my value , b= ,", (("a", "my value"), ("b", ""))),
        (["a=1,b=2", "c=x=y"], (("a", "1"), ("b", "2"), ("c", "x=y"))),
        ("", ()),
        ([], ()),
        (None, ()),
    ],
)
def test_items_stand_between_commas(value: object, pairs: tuple[tuple[str, str], ...]) -> None:
    assert read_tags(value) == pairs


def test_what_is_wrong_is_told_and_all_of_it() -> None:
    first, second, third = list_reasons(read_tags, "a,=b,c=1,c=2")
    assert first.startswith("holds 'a', which must be KEY=VALUE with a key of letters,")
    assert second.startswith("holds '=b', which must be KEY=VALUE with a key of letters,")
    assert third == "has c more than once: keep one each"


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("value", [5, True, {"a": "b"}, ["a=b", 3], b"a=b", object()])
def test_what_is_no_text_is_refused_without_repeating_it(read: Any, value: object) -> None:
    (reason,) = list_reasons(read, value)
    assert reason.startswith("must be a text such as '")


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ("project=flu,owner=me", (("project", "flu"), ("owner", "me"))),
        ("note=two words, x y=", (("note", "two words"), ("x y", ""))),
        (["grün=ja", "a/b.c:d+e-f@g=h=i"], (("grün", "ja"), ("a/b.c:d+e-f@g", "h=i"))),
    ],
)
def test_tags(value: object, tags: tuple[tuple[str, str], ...]) -> None:
    assert read_tags(value) == tags


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("project", "holds 'project', which must be KEY=VALUE with a key of letters, digits, "),
        ("a*b=c", "holds 'a*b=c', which must be KEY=VALUE with a key of letters, digits, blanks"),
        (f"{'k' * 129}=v", "(at most 128)"),
        ("AWS:x=1", "but keys starting 'aws:' are AWS's, those starting 'batchx:' are ours"),
        ("batchx:run=1", "but keys starting 'aws:' are AWS's, those starting 'batchx:' are ours"),
        ("a=b*c", "whose value may hold letters, digits, blanks and _ . : / = + - @ only"),
        (f"a={'v' * 257}", "only (at most 256)"),
        ("a=1 b=2", "holds 'a=1 b=2', which looks like several tags in one: separate them by"),
        ("a=1,a=2", "has a more than once: keep one each"),
    ],
)
def test_wrong_tags(value: str, reason: str) -> None:
    (told,) = list_reasons(read_tags, value)
    assert reason in told


def test_there_can_be_so_many_tags_only() -> None:
    items = [f"k{n}=v" for n in range(MAX_TAGS + 1)]
    assert len(read_tags(items[:-1])) == MAX_TAGS
    assert list_reasons(read_tags, items) == (
        "has 41 tags: at most 40 are possible (AWS allows 50 and batchx adds its own)",
    )


@given(st.text())
def test_any_text_makes_a_value_of_a_tag(text: str) -> None:
    value = make_tag_value(text)
    assert len(value) == min(len(text), 256)
    assert read_tags([f"x={value}"]) == (("x", value.strip()),) or " " in value


def test_what_a_tag_takes_stays_in_its_value() -> None:
    assert make_tag_value("my workflow/Snakefile (2)*é") == "my workflow/Snakefile _2__é"


@pytest.mark.parametrize(
    ("value", "needed"),
    [
        ("license-token=2", (("license-token", 2),)),
        ("a, b=3", (("a", 1), ("b", 3))),
        ([RESOURCE, f"{RESOURCE}2=10"], ((RESOURCE, 1), (f"{RESOURCE}2", 10))),
    ],
)
def test_consumables(value: object, needed: tuple[tuple[str, int], ...]) -> None:
    assert read_consumables(value) == needed


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("_a=1", "holds '_a=1', which must be NAME or NAME=QUANTITY with the name (letters, "),
        ("a b", "holds 'a b', which must be NAME or NAME=QUANTITY"),
        ("x" * 129, "(letters, digits, - and _, at most 128) or the ARN of a consumable resource"),
        (RESOURCE.replace("batch", "ecs"), "or the ARN of a consumable resource"),
        ("a=", "holds 'a=', whose quantity must be a whole number from 1 on"),
        ("a=0", "whose quantity must be a whole number from 1 on"),
        ("a=-1", "whose quantity must be a whole number from 1 on"),
        ("a=1.5", "whose quantity must be a whole number from 1 on"),
        ("a=²", "whose quantity must be a whole number from 1 on"),
        ("a,a=2", "has a more than once: keep one each"),
    ],
)
def test_wrong_consumables(value: str, reason: str) -> None:
    (told,) = list_reasons(read_consumables, value)
    assert reason in told


@pytest.mark.parametrize(
    ("value", "secrets"),
    [
        (f"TOKEN={SECRET}", (("TOKEN", SECRET),)),
        (
            f"A={SECRET}:password::, _b2={PARAMETER}",
            (("A", f"{SECRET}:password::"), ("_b2", PARAMETER)),
        ),
        ([f"A={SECRET}::AWSPREVIOUS:"], (("A", f"{SECRET}::AWSPREVIOUS:"),)),
        (f"A={SECRET}:::9d4cb84b-ad69-40c0", (("A", f"{SECRET}:::9d4cb84b-ad69-40c0"),)),
        ("A=/lab/token", (("A", "/lab/token"),)),
    ],
)
def test_secrets(value: object, secrets: tuple[tuple[str, str], ...]) -> None:
    assert read_secrets(value) == secrets


@pytest.mark.parametrize(
    ("value", "logins"),
    [
        (f"quay.io={SECRET}", (("quay.io", SECRET),)),
        (
            f" docker.io = {SECRET} , registry.lab:5000={SECRET}",
            (("docker.io", SECRET), ("registry.lab:5000", SECRET)),
        ),
        (
            [f"ghcr.io={SECRET}", f"localhost={SECRET}"],
            (("ghcr.io", SECRET), ("localhost", SECRET)),
        ),
        ("", ()),
    ],
)
def test_logins(value: object, logins: tuple[tuple[str, str], ...]) -> None:
    assert read_registry_logins(value) == logins


LOGIN_WANTED = (
    "which must be HOST=ARN: a registry such as quay.io, and the ARN of a secret in Secrets "
    "Manager with username and password"
)
ECR_REFUSED = "but ECR is read with AWS credentials and takes no other: leave it out"


@pytest.mark.parametrize(
    ("value", "reasons"),
    [
        # Without a name before it, it may be the password.
        ("quay.io", (f"holds '…', {LOGIN_WANTED}",)),
        ("turquoise ladder", (f"holds '…', {LOGIN_WANTED}",)),
        (SECRET, (f"holds {SECRET!r}, {LOGIN_WANTED}",)),
        ("quay.io=hunter2", (f"holds 'quay.io=…', {LOGIN_WANTED}",)),
        (f"https://quay.io={SECRET}", (f"holds '…', {LOGIN_WANTED}",)),
        (f"quay.io/team={SECRET}", (f"holds '…', {LOGIN_WANTED}",)),
        # ECS reads the whole secret: there is no choosing a key or a version of it.
        (f"quay.io={SECRET}:login::", (f"holds 'quay.io={SECRET}:login::', {LOGIN_WANTED}",)),
        (f"quay.io={PARAMETER}", (f"holds 'quay.io={PARAMETER}', {LOGIN_WANTED}",)),
        (
            f"123456789012.dkr.ecr.eu-west-1.amazonaws.com={SECRET}",
            (f"holds '123456789012.dkr.ecr.eu-west-1.amazonaws.com', {ECR_REFUSED}",),
        ),
        (
            f"123456789012.dkr-ecr.eu-west-1.on.aws={SECRET}",
            (f"holds '123456789012.dkr-ecr.eu-west-1.on.aws', {ECR_REFUSED}",),
        ),
        (f"a.io={SECRET},a.io={SECRET}", ("has a.io more than once: keep one each",)),
        (
            f"a.io,b.io=x,c.io={SECRET}",
            # What follows one that is hidden may be part of it.
            (f"holds '…', {LOGIN_WANTED}", f"holds '…', {LOGIN_WANTED}"),
        ),
    ],
)
def test_wrong_logins(value: str, reasons: tuple[str, ...]) -> None:
    assert list_reasons(read_registry_logins, value) == reasons


WANTED = (
    "which must be NAME=ARN, with the ARN of a secret in Secrets Manager or of a parameter of "
    "Systems Manager (or the parameter's name with / before it), never with the secret itself"
)


@pytest.mark.parametrize(
    ("value", "reasons"),
    [
        ("TOKEN=hunter2", (f"holds 'TOKEN=…', {WANTED}",)),
        ("TOKEN=", (f"holds '…', {WANTED}",)),
        ("c29tZXBhc3M=", (f"holds '…', {WANTED}",)),
        ("hunter2", (f"holds '…', {WANTED}",)),
        ("T=hun,ter=2", (f"holds 'T=…', {WANTED}", f"holds '…', {WANTED}")),
        ("hunter/2=x", (f"holds '…', {WANTED}",)),
        ("hunter-2=x", (f"holds '…', {WANTED}",)),
        ("1A=arn:aws:s3:::x", (f"holds '…', {WANTED}",)),
        (f"A={SECRET}:password", (f"holds 'A=…', {WANTED}",)),
        (
            f"AWS_BATCH_X={PARAMETER}",
            (
                f"holds 'AWS_BATCH_X={PARAMETER}', but AWS Batch keeps names starting AWS_BATCH "
                "for itself",
            ),
        ),
        (
            f"A={SECRET}::AWSCURRENT:12",
            (
                f"holds 'A={SECRET}::AWSCURRENT:12', which names both a version's stage and its "
                "id: leave one out",
            ),
        ),
        (f"A={SECRET},A={PARAMETER}", ("has A more than once: keep one each",)),
    ],
)
def test_wrong_secrets(value: str, reasons: tuple[str, ...]) -> None:
    assert list_reasons(read_secrets, value) == reasons


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("TOKEN=hunter2", "TOKEN=…"),
        (f"A=hunter2,B={SECRET}", f"A=…,B={SECRET}"),
        (["A=hun,ter=2", f"B={PARAMETER}"], f"A=…,…,B={PARAMETER}"),
        ("A=/lab/token", "A=…"),
        (f"quay.io=hunter2,b.io:5000={SECRET}", "…,…"),
        (SECRET, SECRET),
        (f"A=hun,{PARAMETER}", f"A=…,{PARAMETER}"),
        ("hunter2", "…"),
        (["A=x", 5], "…"),
        (5, "…"),
        (None, ""),
    ],
)
def test_what_may_be_a_secret_is_hidden(value: object, shown: str) -> None:
    assert hide_secrets(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (f"quay.io=hunter2,b.io:5000={SECRET}", f"quay.io=…,b.io:5000={SECRET}"),
        (f"quay.io/team={SECRET}", "…"),
        ("me:hunter2", "…"),
        ("quay.io=hun,ter2", "quay.io=…,…"),
        (SECRET, SECRET),
    ],
)
def test_what_may_be_a_password_is_hidden(value: str, shown: str) -> None:
    assert hide_logins(value) == shown


@given(st.lists(st.from_regex(r"[a-z0-9,= /:]*\Z")))
def test_no_secret_is_ever_told(parts: list[str]) -> None:
    given_text = "PASSWORD=" + ",".join(f"{part}HUNTER2{part}" for part in ("", *parts))
    assert "HUNTER2" not in hide_secrets(given_text)
    for read in (read_secrets, read_registry_logins):
        with pytest.raises(WrongValueError) as caught:
            read(given_text)
        assert "HUNTER2" not in str(caught.value)


PIECES = st.lists(
    st.sampled_from(
        [*"aB9_-=,: /", "A=", "a.io=", SECRET, PARAMETER, RESOURCE, ":key::", "=2", "aws:"]
    )
    | st.text(max_size=4)
).map("".join)
ANYTHING = st.one_of(PIECES, st.lists(PIECES), st.none(), st.integers(), st.lists(st.none()))


@given(ANYTHING)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_accepted_batch_accepts(check_request: CheckRequest, value: object) -> None:
    accepted: dict[str, Any] = {}
    for read in READERS:
        with suppress(WrongValueError):
            accepted[read.__name__] = read(value)
    request: dict[str, Any] = {"jobDefinitionName": "x", "type": "container"}
    if tags := accepted.get("read_tags"):
        request["tags"] = dict(tags)
    if needed := accepted.get("read_consumables"):
        rows = [{"consumableResource": name, "quantity": n} for name, n in needed]
        request["consumableResourceProperties"] = {"consumableResourceList": rows}
    if secrets := accepted.get("read_secrets"):
        rows = [{"name": name, "valueFrom": place} for name, place in secrets]
        request["containerProperties"] = {"secrets": rows}
    for _, arn in accepted.get("read_registry_logins", ()):
        login = {"repositoryCredentials": {"credentialsParameter": arn}}
        request["containerProperties"] = {**request.get("containerProperties", {}), **login}
    check_request("RegisterJobDefinition", request)
    assert isinstance(hide_secrets(value), str)
