"""Credentials: found as boto3 finds them, and found anew when they end."""

import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import botocore.exceptions
import pytest

from snakemake_executor_plugin_batchx.aws.credential_words import CredentialsLostError
from snakemake_executor_plugin_batchx.aws.credentials import (
    ENVIRONMENT_ENDED,
    LastingCredentials,
    Renewal,
    find_credentials,
    find_mfa_serial,
    open_core,
    search_credentials,
)
from snakemake_executor_plugin_batchx.errors import BatchxError

SIGN_IN = (
    "The SSO session of AWS profile lab has expired, or was not begun: sign in (aws sso login "
    "--profile lab) in another terminal; the run goes on as soon as that is done."
)
BACK = "There are AWS credentials again: the run goes on."
CONFIG = """
[default]
region = eu-west-1
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = s
[profile lab]
region = eu-central-1
aws_access_key_id = AKIALAB
aws_secret_access_key = s
[profile coded]
role_arn = arn:aws:iam::123456789012:role/coded
source_profile = default
mfa_serial = arn:aws:iam::123456789012:mfa/me
[profile above]
role_arn = arn:aws:iam::123456789012:role/above
source_profile = coded
[profile round]
role_arn = arn:aws:iam::123456789012:role/round
source_profile = round
[profile nowhere]
role_arn = arn:aws:iam::123456789012:role/nowhere
credential_source = Moon
[profile process]
credential_process = {python} {script}
[profile broken]
credential_process = /nonexistent/login
"""
SCRIPT = """
import json
print(json.dumps({"Version": 1, "AccessKeyId": "AKIAPROCESS", "SecretAccessKey": "s"}))
"""


class Found:
    """Credentials as botocore's are, of a key that may have ended."""

    def __init__(self, key: str, method: str = "sso", error: Exception | None = None) -> None:
        self.key, self.method, self.error = key, method, error

    def get_frozen_credentials(self) -> Any:
        if self.error:
            raise self.error
        return SimpleNamespace(access_key=self.key, secret_key="s", token="t", account_id=None)


SIGNED_OUT = botocore.exceptions.UnauthorizedSSOTokenError()


class Bench:
    """Lasting credentials, what the user is told, and how often a search was waited for."""

    def __init__(self, found: Found, *searches: Found | Exception | None) -> None:
        self.searches = list(searches)
        self.told: list[str] = []
        self.waits = 0
        self.is_stopped = False
        self.renewal = Renewal(self.wait, self.told.append, has_begun=True)
        self.lasting = LastingCredentials(found, self.search, self.renewal, "lab")

    def search(self) -> Any:
        found = self.searches.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def wait(self, _seconds: float) -> bool:
        self.waits += 1
        return self.is_stopped

    def refuse(self, key: str, code: str = "ExpiredToken", attempts: int = 1) -> int | None:
        """Answer a request that was signed with a key as AWS does when its session is over."""
        signed = f"AWS4-HMAC-SHA256 Credential={key}/20261130/eu-west-1/batch/aws4_request, …"
        self.lasting._note_sent(SimpleNamespace(headers={"Authorization": signed.encode()}))
        return self.lasting._judge_answer((None, {"Error": {"Code": code}}), attempts)


def test_while_credentials_hold_nothing_is_looked_for() -> None:
    bench = Bench(Found("A"))
    assert bench.lasting.get_frozen_credentials().access_key == "A"
    assert (bench.lasting.access_key, bench.lasting.token) == ("A", "t")
    assert bench.lasting.get_deferred_property("account_id")() is None


def test_a_renewal_that_fails_is_waited_for_and_told_once() -> None:
    bench = Bench(Found("A", error=SIGNED_OUT), SIGNED_OUT, None, SIGNED_OUT, Found("B"))
    assert bench.lasting.access_key == "B"
    assert bench.lasting.access_key == "B"
    assert (bench.waits, bench.told) == (3, [SIGN_IN, BACK])


def test_what_a_second_search_finds_is_not_told() -> None:
    bench = Bench(Found("A", error=SIGNED_OUT), Found("B"))
    assert bench.lasting.access_key == "B"
    assert (bench.waits, bench.told) == (0, [])


def test_who_stops_the_run_waits_no_longer() -> None:
    bench = Bench(Found("A", error=SIGNED_OUT), SIGNED_OUT)
    bench.is_stopped = True
    with pytest.raises(CredentialsLostError, match=r"sign in .* and start again"):
        bench.lasting.get_frozen_credentials()
    assert bench.renewal.lost == ""  # the run ends for another reason


def test_before_a_run_has_begun_nobody_waits() -> None:
    bench = Bench(Found("A", error=SIGNED_OUT), SIGNED_OUT)
    bench.renewal.has_begun = False
    with pytest.raises(CredentialsLostError, match=r"sign in .* and start again"):
        bench.lasting.get_frozen_credentials()
    assert (bench.waits, bench.told, bench.renewal.lost) == (0, [], "")


def test_a_request_of_an_ended_session_is_sent_again_with_the_next() -> None:
    """A file has new keys: botocore has read it once, and would not see them."""
    old = Found("A", "shared-credentials-file")
    bench = Bench(old, old, Found("A", "shared-credentials-file"), Found("B"))
    assert bench.refuse("A") == 0
    assert bench.lasting.access_key == "B"
    assert bench.waits == 2
    assert bench.told == [
        "The AWS credentials in use have expired: renew them (aws sso login, say) in another "
        "terminal; the run goes on as soon as that is done.",
        BACK,
    ]


def test_a_request_that_was_under_way_meanwhile_is_sent_again() -> None:
    bench = Bench(Found("B"))
    assert bench.refuse("A") == 0


@pytest.mark.parametrize(("code", "attempts"), [("AccessDenied", 1), ("ExpiredToken", 5), ("", 1)])
def test_other_answers_are_left_to_whoever_asked(code: str, attempts: int) -> None:
    assert Bench(Found("A")).refuse("A", code, attempts) is None


def test_no_answer_is_left_to_whoever_asked() -> None:
    assert Bench(Found("A")).lasting._judge_answer(None, 1) is None


def test_keys_of_the_environment_end_for_good() -> None:
    bench = Bench(Found("A", "env"), Found("A", "env"))
    assert bench.refuse("A") is None
    assert (bench.renewal.lost, bench.waits) == (ENVIRONMENT_ENDED, 0)


def test_a_code_that_nobody_can_type_ends_for_good() -> None:
    ended = botocore.exceptions.RefreshWithMFAUnsupportedError()
    bench = Bench(Found("A", error=ended), BatchxError("No terminal."))
    with pytest.raises(CredentialsLostError, match="No terminal"):
        bench.lasting.get_frozen_credentials()
    assert bench.renewal.lost == "No terminal."


def test_many_threads_wait_for_one_search() -> None:
    signed_in = threading.Event()
    found: list[Any] = []

    def search() -> Found:
        assert signed_in.wait(30)
        return Found("B")

    lasting = LastingCredentials(Found("A", error=SIGNED_OUT), search, Renewal())
    threads = [threading.Thread(target=lambda: found.append(lasting.access_key)) for _ in range(8)]
    for thread in threads:
        thread.start()
    signed_in.set()
    for thread in threads:
        thread.join(30)
    assert found == ["B"] * 8


# The search, by botocore itself


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """AWS's configuration in a folder, and no other in the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        monkeypatch.delenv(name, raising=False)
    script = tmp_path / "login.py"
    script.write_text(SCRIPT)
    config = tmp_path / "config"
    config.write_text(CONFIG.format(python=sys.executable, script=script))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path


def set_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")


@pytest.mark.parametrize(
    ("profile", "aws_profile", "has_keys", "key"),
    [
        (None, None, False, "AKIADEFAULT"),
        (None, None, True, "AKIAENV"),
        ("lab", None, False, "AKIALAB"),
        ("lab", None, True, "AKIALAB"),  # named by the setting, it counts more than the keys
        (None, "lab", False, "AKIALAB"),
        (None, "lab", True, "AKIAENV"),  # not so where the environment names it
        ("lab", "process", True, "AKIALAB"),
        ("process", None, True, "AKIAPROCESS"),
    ],
)
@pytest.mark.usefixtures("files")
def test_the_order_is_that_of_boto3(
    profile: str | None,
    aws_profile: str | None,
    *,
    has_keys: bool,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if aws_profile:
        monkeypatch.setenv("AWS_PROFILE", aws_profile)
    if has_keys:
        set_keys(monkeypatch)
    found = boto3.Session(profile_name=profile).get_credentials()
    assert found is not None
    assert found.access_key == key
    core = open_core(profile)
    lasting = find_credentials(core, profile, None)
    assert lasting.access_key == key
    assert core.get_credentials() is lasting  # whoever makes a client gets these


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("coded", "needs a code of MFA device arn:aws:iam::123456789012:mfa/me"),
        ("above", "needs a code of MFA device arn:aws:iam::123456789012:mfa/me"),
    ],
)
@pytest.mark.usefixtures("files")
def test_without_a_terminal_nobody_is_asked_for_a_code(profile: str, words: str) -> None:
    with pytest.raises(BatchxError, match=words):
        search_credentials(profile, None, {}, lambda: False)
    assert search_credentials(profile, None, {}, lambda: True) is not None  # asked when first used


@pytest.mark.usefixtures("files")
def test_keys_of_the_environment_need_no_code() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_PROFILE": "coded"}
    assert search_credentials(None, None, environ, lambda: False) is not None


def test_profiles_that_build_on_each_other_end() -> None:
    profiles = {"a": {"role_arn": "r", "source_profile": "b"}, "b": {"role_arn": "r"}}
    assert find_mfa_serial(profiles, "a") == ""
    profiles["b"] = {"role_arn": "r", "source_profile": "a"}
    assert find_mfa_serial(profiles, "a") == ""


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("nobody", "--batchx-profile 'nobody' is not in ~/.aws/config"),
        ("broken", "could not be had (.*nonexistent.*): mend what it says and start again"),
        ("round", "~/.aws/config says of AWS profile round cannot be followed"),
        ("nowhere", "~/.aws/config says of AWS profile nowhere cannot be followed"),
    ],
)
@pytest.mark.usefixtures("files")
def test_a_profile_that_cannot_be_used_is_one_sentence(profile: str, words: str) -> None:
    with pytest.raises(BatchxError, match=words.replace("(", r"\(").replace(")", r"\)")):
        find_credentials(open_core(profile), profile, None)


def test_a_file_that_is_none_of_aws(files: Path) -> None:
    (files / "config").write_text("[profile lab\nregion")
    with pytest.raises(BatchxError, match="mend the file"):
        open_core(None)


def test_a_token_file_that_is_gone(files: Path) -> None:
    (files / "config").write_text(
        "[profile web]\nrole_arn = arn:aws:iam::123456789012:role/web\n"
        "web_identity_token_file = /nonexistent/token\nregion = eu-west-1\n"
    )
    with pytest.raises(BatchxError, match=r"nonexistent/token.*mend what it says"):
        find_credentials(open_core("web"), "web", "eu-west-1")


def test_a_process_that_writes_nonsense(files: Path) -> None:
    (files / "login.py").write_text("print('{}')")
    with pytest.raises(BatchxError, match="could not be had"):
        find_credentials(open_core("process"), "process", None)


def test_a_process_is_asked_again(files: Path) -> None:
    """Its credentials end at once: each request has others."""
    (files / "login.py").write_text(
        "import json, datetime as d, uuid\n"
        "end = (d.datetime.now(d.UTC) + d.timedelta(minutes=5)).isoformat()\n"
        "print(json.dumps({'Version': 1, 'AccessKeyId': 'AKIA' + uuid.uuid4().hex, "
        "'SecretAccessKey': 's', 'SessionToken': 't', 'Expiration': end}))\n"
    )
    lasting = find_credentials(open_core("process"), "process", None)
    assert len({lasting.access_key for _ in range(3)}) == 3


def test_the_session_that_sso_began_is_needed(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(files))
    (files / "config").write_text(
        "[profile sso]\nsso_session = lab\nsso_account_id = 123456789012\nsso_role_name = Power\n"
        "region = eu-west-1\n[sso-session lab]\nsso_region = eu-west-1\n"
        "sso_start_url = https://nobody-has-this.awsapps.com/start\n"
    )
    with pytest.raises(BatchxError) as caught:
        find_credentials(open_core("sso"), "sso", "eu-west-1")
    assert str(caught.value) == (
        "The SSO session of AWS profile sso has expired, or was not begun: sign in (aws sso login "
        "--profile sso) and start again."
    )
