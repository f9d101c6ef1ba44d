"""The registry client against servers that misbehave."""

from __future__ import annotations

import base64
import email.utils
import json
import time
from collections.abc import Iterator

import pytest
from bad_registry import Answer, BadRegistry, refuse, serve_badly
from hypothesis import given, settings
from hypothesis import strategies as st
from image_kit import Waits, open_registry

from snakemake_executor_plugin_batchx.images.blobs import BlobCopier, make_bytes_blob
from snakemake_executor_plugin_batchx.images.credentials import Credential
from snakemake_executor_plugin_batchx.images.errors import RegistryError
from snakemake_executor_plugin_batchx.images.login import read_challenge
from snakemake_executor_plugin_batchx.images.media import OCI_MANIFEST
from snakemake_executor_plugin_batchx.images.registry import Registry, hash_bytes
from snakemake_executor_plugin_batchx.images.transport import (
    ATTEMPTS,
    LONGEST_RETRY_AFTER_SECONDS,
    Transport,
    is_spared,
    open_pool,
)

MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": OCI_MANIFEST}).encode()
DIGEST = hash_bytes(MANIFEST)
BLOB = bytes(range(256)) * 1000
BLOB_DIGEST = hash_bytes(BLOB)
GOOD = Answer(200, MANIFEST)
SECRET = "s3cr3t-password"


@pytest.fixture(scope="module")
def server() -> Iterator[BadRegistry]:
    with serve_badly() as registry:
        yield registry


@pytest.fixture
def other() -> Iterator[BadRegistry]:
    with serve_badly() as registry:
        yield registry


def open_bad(server: BadRegistry, waits: Waits, user: str = "") -> Registry:
    return open_registry(server.host, user, SECRET if user else "", waits)


@pytest.mark.parametrize(
    "trouble",
    [refuse(429), refuse(500), refuse(502), refuse(503), refuse(504), Answer(cut=-1)],
    ids=["429", "500", "502", "503", "504", "reset"],
)
def test_passing_trouble_is_waited_out(server: BadRegistry, trouble: Answer) -> None:
    waits = Waits()
    server.play(trouble, trouble, GOOD)
    assert open_bad(server, waits).read_manifest("a", "1").digest == DIGEST
    assert len(waits.seconds) == 2
    assert all(0 < seconds < 2 for seconds in waits.seconds)


def test_lasting_trouble_is_told_after_a_bounded_number_of_tries(server: BadRegistry) -> None:
    waits = Waits()
    server.play(*[refuse(503, "UNAVAILABLE", "try later")] * 99)
    with pytest.raises(RegistryError, match="has trouble of its own with") as caught:
        open_bad(server, waits).read_manifest("a", "1")
    assert caught.value.is_transient
    assert len(server.seen) == ATTEMPTS
    assert len(waits.seconds) == ATTEMPTS - 1


def test_retry_after_is_kept_to_and_bounded(server: BadRegistry) -> None:
    waits = Waits()
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    server.play(refuse(429, Retry_After="7"), refuse(503, Retry_After=date), GOOD)
    open_bad(server, waits).read_manifest("a", "1")
    assert waits.seconds[0] == 7
    assert 25 < waits.seconds[1] <= 30
    server.play(refuse(429, Retry_After=str(int(LONGEST_RETRY_AFTER_SECONDS) + 1)))
    with pytest.raises(RegistryError) as caught:
        open_bad(server, Waits()).read_manifest("a", "1")
    assert caught.value.kind == "limit"
    assert len(server.seen) == 1


@pytest.mark.parametrize("ranged", [True, False])
def test_a_blob_that_breaks_off_is_taken_up_again(server: BadRegistry, ranged: bool) -> None:
    half = len(BLOB) // 2
    rest = Answer(206, BLOB[half:]) if ranged else Answer(200, BLOB)
    server.play(Answer(200, BLOB, cut=half), rest)
    got = b"".join(open_bad(server, Waits()).stream_blob("a", BLOB_DIGEST, len(BLOB)))
    assert got == BLOB
    assert server.seen[1].headers["Range"] == f"bytes={half}-"


def test_a_blob_that_never_comes_whole_is_an_error(server: BadRegistry) -> None:
    server.play(*[Answer(200, BLOB[:10])] * 99)
    with pytest.raises(RegistryError, match="ended after 10 of 256000 bytes"):
        list(open_bad(server, Waits()).stream_blob("a", BLOB_DIGEST, len(BLOB)))
    assert len(server.seen) <= ATTEMPTS + 1


def test_what_a_digest_does_not_name_is_refused(server: BadRegistry) -> None:
    registry = open_bad(server, Waits())
    server.play(Answer(200, b"{}"))
    with pytest.raises(RegistryError, match="other content"):
        registry.read_manifest("a", DIGEST)
    server.play(Answer(200, b"12"))
    with pytest.raises(RegistryError, match="other content"):
        registry.read_small_blob("a", DIGEST, 2)


def test_redirects_are_followed_without_the_login(server: BadRegistry, other: BadRegistry) -> None:
    elsewhere = f"http://{other.host}/bucket/blob?X-Amz-Signature=abc"
    server.play(Answer(307, headers={"Location": elsewhere}))
    other.play(Answer(200, BLOB))
    registry = open_bad(server, Waits(), "me")
    assert b"".join(registry.stream_blob("a", BLOB_DIGEST, len(BLOB))) == BLOB
    assert server.seen[0].headers["Authorization"].startswith("Basic ")
    assert "Authorization" not in other.seen[0].headers
    server.play(Answer(307, headers={"Location": "/v2/b/blobs/x"}), Answer(200, BLOB))
    assert b"".join(registry.stream_blob("a", BLOB_DIGEST, len(BLOB))) == BLOB
    assert "Authorization" in server.seen[1].headers


def test_a_redirect_of_a_head_says_that_the_blob_is_there(server: BadRegistry) -> None:
    server.play(Answer(307, headers={"Location": "http://127.0.0.1:1/gone"}))
    assert open_bad(server, Waits()).has_blob("a", BLOB_DIGEST)
    assert len(server.seen) == 1


def bearer(server: BadRegistry) -> str:
    return f'Bearer realm="http://{server.host}/token",service="reg"'


def test_bearer_tokens_are_fetched_by_scope_and_again_once_they_expire(
    server: BadRegistry,
) -> None:
    token = Answer(200, json.dumps({"token": "T1", "expires_in": 300}).encode())
    registry = open_bad(server, Waits(), "me")
    server.play(refuse(401, WWW_Authenticate=bearer(server)), token, GOOD, GOOD)
    registry.read_manifest("a", "1")
    registry.read_manifest("a", "2")
    assert [seen.headers.get("Authorization", "")[:6] for seen in server.seen] == [
        "Basic ",
        "Basic ",
        "Bearer",
        "Bearer",
    ]
    assert server.seen[1].path == "/token?service=reg&scope=repository%3Aa%3Apull"
    server.play(refuse(401, WWW_Authenticate=bearer(server)), token, GOOD)
    registry.read_manifest("a", "1")
    assert len(server.seen) == 3
    # Another repository is another scope, of which the challenge is known by now.
    server.play(token, GOOD)
    registry.read_manifest("b", "1")
    assert len(server.seen) == 2


def test_anonymous_tokens_and_identity_tokens(server: BadRegistry) -> None:
    token = Answer(200, json.dumps({"access_token": "T"}).encode())
    server.play(refuse(401, WWW_Authenticate=bearer(server)), token, GOOD)
    open_bad(server, Waits()).read_manifest("a", "1")
    assert "Authorization" not in server.seen[1].headers

    identity = Credential("<token>", SECRET, is_identity_token=True)
    transport = Transport(
        server.host, lambda _renew: identity, open_pool(server.host, {}), Waits().make_retry()
    )
    server.play(refuse(401, WWW_Authenticate=bearer(server)), token, GOOD)
    Registry(transport).read_manifest("a", "1")
    assert server.seen[1].method == "POST"
    assert b"grant_type=refresh_token" in server.seen[1].body
    assert "Authorization" not in server.seen[0].headers


def test_logins_are_sent_to_no_token_server_without_encryption(server: BadRegistry) -> None:
    server.play(refuse(401, WWW_Authenticate='Bearer realm="http://example.org/token"'))
    with pytest.raises(RegistryError, match=r"sends for a login to example\.org without"):
        open_bad(server, Waits(), "me").read_manifest("a", "1")


def test_a_token_server_that_refuses_or_babbles(server: BadRegistry) -> None:
    server.play(
        refuse(401, WWW_Authenticate=bearer(server)), refuse(401, "UNAUTHORIZED", "wrong password")
    )
    with pytest.raises(RegistryError, match="wrong password") as caught:
        open_bad(server, Waits(), "me").read_manifest("a", "1")
    assert caught.value.kind == "login"
    server.play(refuse(401, WWW_Authenticate=bearer(server)), Answer(200, b"<html>"))
    with pytest.raises(RegistryError, match="answers without a token"):
        open_bad(server, Waits()).read_manifest("a", "1")


def open_renewing(server: BadRegistry, passwords: list[str]) -> Registry:
    kept = [passwords.pop(0)]

    def source(is_renewal: bool) -> Credential:
        if is_renewal and passwords:
            kept[0] = passwords.pop(0)
        return Credential("AWS", kept[0])

    pool = open_pool(server.host, {})
    return Registry(Transport(server.host, source, pool, Waits().make_retry()))


EXPIRED = "Your authorization token has expired. Reauthenticate and try again."


@pytest.mark.parametrize(
    "refusal",
    [
        refuse(401, WWW_Authenticate='Basic realm="ecr"'),
        refuse(403, "DENIED", EXPIRED),
        refuse(400, "DENIED", EXPIRED),
    ],
    ids=["401", "403", "400"],
)
def test_an_expired_password_is_renewed_once(server: BadRegistry, refusal: Answer) -> None:
    server.play(refusal, GOOD)
    open_renewing(server, ["old", "new"]).read_manifest("a", "1")
    sent = [base64.b64decode(s.headers["Authorization"].split()[1]) for s in server.seen]
    assert sent == [b"AWS:old", b"AWS:new"]
    server.play(*[refusal] * 9)
    with pytest.raises(RegistryError):
        open_renewing(server, ["old", "new", "newer", "newest"]).read_manifest("a", "1")
    assert len(server.seen) <= 3
    server.play(*[refusal] * 9)
    with pytest.raises(RegistryError):
        open_renewing(server, ["same"]).read_manifest("a", "1")
    assert len(server.seen) == 1


def test_a_head_that_is_refused_is_explained_by_a_get(server: BadRegistry) -> None:
    server.play(refuse(403), refuse(403, "DENIED", EXPIRED), GOOD)
    assert open_renewing(server, ["old", "new"]).read_digest("a", "1") == DIGEST
    assert [seen.method for seen in server.seen] == ["HEAD", "GET", "GET"]


def test_secrets_are_in_no_error_nor_repr(server: BadRegistry) -> None:
    server.play(*[refuse(401, "UNAUTHORIZED", "no", WWW_Authenticate="Basic realm=x")] * 9)
    with pytest.raises(RegistryError) as caught:
        open_bad(server, Waits(), "me").read_manifest("a", "1")
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(Credential("me", SECRET))
    elsewhere = "http://127.0.0.1:1/bucket?X-Amz-Signature=abc"
    server.play(*[Answer(307, headers={"Location": elsewhere})] * 9)
    with pytest.raises(RegistryError) as caught:
        list(open_bad(server, Waits()).stream_blob("a", BLOB_DIGEST, 1))
    assert "Signature" not in str(caught.value)


def test_an_upload_that_breaks_begins_anew(server: BadRegistry) -> None:
    start = Answer(202, headers={"Location": "http://HOST/v2/a/blobs/uploads/1?_state=x"})
    missing, done = refuse(404, "BLOB_UNKNOWN", "no"), Answer(201)
    server.play(missing, start, Answer(cut=-1), start, refuse(503), start, done)
    waits = Waits()
    copier = BlobCopier(open_bad(server, waits), waits.make_retry())
    counts: list[int] = []
    result = copier.copy("a", [make_bytes_blob(BLOB)], counts.append)
    assert result.copied == sum(counts) == len(BLOB)
    puts = [seen for seen in server.seen if seen.method == "PUT"]
    assert [put.body for put in puts] == [BLOB] * 3
    assert (
        puts[0].path == f"/v2/a/blobs/uploads/1?_state=x&digest={BLOB_DIGEST.replace(':', '%3A')}"
    )
    assert puts[0].headers["Content-Length"] == str(len(BLOB))
    assert len(waits.seconds) == 2


def test_a_login_that_expires_during_an_upload(server: BadRegistry) -> None:
    start = Answer(202, headers={"Location": "/v2/a/blobs/uploads/1"})
    expired = refuse(401, WWW_Authenticate="Basic realm=x")
    server.play(refuse(404), start, expired, start, Answer(201))
    registry = open_renewing(server, ["old", "new"])
    result = BlobCopier(registry, Waits().make_retry()).copy("a", [make_bytes_blob(BLOB)], id)
    assert result.copied == len(BLOB)
    last = base64.b64decode(server.seen[-1].headers["Authorization"].split()[1])
    assert last == b"AWS:new"


def test_a_mount_that_is_not_granted_becomes_an_upload(server: BadRegistry) -> None:
    start = Answer(202, headers={"Location": "/v2/a/blobs/uploads/1"})
    server.play(refuse(404), start, Answer(201))
    blob = make_bytes_blob(BLOB)
    mountable = type(blob)(blob.digest, blob.size, blob.open, mount_from="b")
    copier = BlobCopier(open_bad(server, Waits()), Waits().make_retry())
    assert copier.copy("a", [mountable], id).copied == len(BLOB)
    assert "from=b" in server.seen[1].path
    server.play(refuse(404), Answer(201))
    copier = BlobCopier(open_bad(server, Waits()), Waits().make_retry())
    assert copier.copy("a", [mountable], id).mounted == len(BLOB)
    server.play(refuse(404), refuse(403, "DENIED", "not yours"), start, Answer(201))
    copier = BlobCopier(open_bad(server, Waits()), Waits().make_retry())
    assert copier.copy("a", [mountable], id).copied == len(BLOB)
    assert "from" not in server.seen[2].path


def test_a_tag_that_another_head_wrote_first_stands(server: BadRegistry) -> None:
    taken = refuse(400, "TAG_INVALID", "The image tag 'bx' already exists in the 'a' repository")
    server.play(taken, Answer(200, headers={"Docker-Content-Digest": hash_bytes(b"theirs")}))
    written = open_bad(server, Waits()).write_manifest("a", "bx", OCI_MANIFEST, MANIFEST)
    assert written == hash_bytes(b"theirs")


def test_a_manifest_that_arrives_garbled_is_sent_again(server: BadRegistry) -> None:
    garbled = refuse(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
    server.play(garbled, Answer(201))
    written = open_bad(server, Waits()).write_manifest("a", "bx", OCI_MANIFEST, MANIFEST)
    assert written == DIGEST
    assert [seen.body for seen in server.seen] == [MANIFEST] * 2


def test_plain_http_is_for_this_machine_only() -> None:
    for host, scheme in (
        ("localhost:5000", "http"),
        ("127.0.0.1:5000", "http"),
        ("127.9.9.9", "http"),
        ("localhost.example.org", "https"),
        ("quay.io", "https"),
        ("127.0.0.1.example.org", "https"),
    ):
        transport = Transport(host, lambda _: None, open_pool(host, {}), Waits().make_retry())
        assert transport.base == f"{scheme}://{host}/v2/"


@pytest.mark.parametrize(
    ("host", "no_proxy", "is_direct"),
    [
        ("quay.io", "", False),
        ("quay.io", "example.org, .quay.io", True),
        ("cdn.quay.io:443", "quay.io", True),
        ("notquay.io", "quay.io", False),
        ("quay.io", "*", True),
    ],
)
def test_proxies_spare_what_they_are_told(host: str, no_proxy: str, is_direct: bool) -> None:
    assert is_spared(host, no_proxy) == is_direct
    pool = open_pool(host, {"https_proxy": "http://u:p@proxy:3128", "NO_PROXY": no_proxy})
    assert (pool.proxy is None) == is_direct
    assert open_pool("127.0.0.1:5000", {"https_proxy": "http://proxy:3128"}).proxy is None


@pytest.mark.parametrize(
    ("header", "scheme", "realm"),
    [
        ('Basic realm="x"', "basic", "x"),
        (
            'bearer realm="https://a/t",service="s",scope="repository:a:pull"',
            "bearer",
            "https://a/t",
        ),
        ('Basic realm="x", Bearer realm="https://a/t"', "bearer", "https://a/t"),
        ("Basic realm=plain", "basic", "plain"),
        ("Negotiate abc", None, None),
        ("", None, None),
    ],
)
def test_challenges(header: str, scheme: str | None, realm: str | None) -> None:
    challenge = read_challenge(header)
    assert (challenge and challenge.scheme, challenge and challenge.realm) == (scheme, realm)


@settings(deadline=None)
@given(st.text())
def test_no_challenge_breaks_the_parser(header: str) -> None:
    read_challenge(header)
