"""No client keeps credentials: those of boto3, awscrt and ECR's login all see new ones."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from key_server import KeyCloud, serve_keys

from snakemake_executor_plugin_batchx.aws.credentials import Renewal
from snakemake_executor_plugin_batchx.aws.session import AwsSession, open_session
from snakemake_executor_plugin_batchx.images.ecr import EcrGateway
from snakemake_executor_plugin_batchx.settings import ExecutorSettings
from snakemake_executor_plugin_batchx.storage.bulk_reads import BulkReader
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway

CONFIG = """
[profile base]
aws_access_key_id = AKIABASE
aws_secret_access_key = s
[profile assumed]
role_arn = arn:aws:iam::123456789012:role/r
source_profile = base
[profile chained]
role_arn = arn:aws:iam::123456789012:role/r
source_profile = assumed
[profile from-environment]
role_arn = arn:aws:iam::123456789012:role/r
credential_source = Environment
[profile web]
role_arn = arn:aws:iam::123456789012:role/r
web_identity_token_file = {folder}/token
[profile file]
aws_access_key_id = AKIAOLD
aws_secret_access_key = s
aws_session_token = t
"""
KEYS = [f"k{number}" for number in range(8)]


@pytest.fixture
def cloud() -> Iterator[KeyCloud]:
    with serve_keys() as cloud:
        yield cloud


@pytest.fixture(autouse=True)
def files(cloud: KeyCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").write_text(CONFIG.format(folder=tmp_path))
    (tmp_path / "token").write_text("token")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    return tmp_path


def open_profile(profile: str | None, renewal: Renewal | None = None) -> AwsSession:
    settings = ExecutorSettings(job_queue="q", region="eu-west-1", profile=profile)
    return open_session(settings, ExitStack(), renewal=renewal)


def ask_all(session: AwsSession) -> None:
    """Ask Batch, S3 by boto3 and by awscrt, and ECR for logins, several times each."""
    store = S3Gateway(session.s3_client, "bucket", credentials=session.credentials)
    ecr = EcrGateway(session.make_ecr_client("eu-west-1"), "eu-west-1", lambda: 0.0)
    with BulkReader(session.s3_client, session.credentials, "bucket") as reader:
        for _ in range(2):
            session.batch_client.describe_job_queues()
            assert store.read_bytes("k") == b"a" * 10
            assert reader.read_all(KEYS) == dict.fromkeys(KEYS, b"a" * 10)
            assert ecr.get_credential(True) is not None


@pytest.mark.parametrize(
    ("profile", "action"),
    [
        ("assumed", "AssumeRole"),
        ("chained", "AssumeRole"),
        ("from-environment", "AssumeRole"),
        ("web", "AssumeRoleWithWebIdentity"),
    ],
)
def test_each_request_has_the_newest_key(cloud: KeyCloud, profile: str, action: str) -> None:
    ask_all(open_profile(profile))
    assert set(cloud.roles) == {action}
    for service, least in {"batch": 2, "s3": 6, "ecr": 2}.items():
        keys = cloud.keys[service]
        assert set(keys) <= set(cloud.handed_out)
        assert len(set(keys)) >= least  # none was kept from one request to the next


def test_new_keys_in_a_file_are_seen_when_aws_refuses_the_old(cloud: KeyCloud, files: Path) -> None:
    """As saml2aws and the like write them: botocore reads the file once."""
    told: list[str] = []

    def sign_in(_seconds: float) -> bool:
        config = files / "config"
        config.write_text(config.read_text().replace("AKIAOLD", "AKIANEW"))
        return False

    session = open_profile("file", Renewal(sign_in, told.append, has_begun=True))
    ask_all(session)
    assert set(cloud.keys["batch"]) == {"AKIAOLD"}
    cloud.refused.add("AKIAOLD")
    cloud.keys.clear()
    ask_all(session)
    assert cloud.keys["batch"] == ["AKIAOLD", "AKIANEW", "AKIANEW"]
    assert set(cloud.keys["s3"]) == {"AKIANEW"}
    assert len(told) == 2
    assert told[0].startswith("The AWS credentials in use have expired: renew them")


def test_keys_of_the_environment_end_with_a_sentence(cloud: KeyCloud) -> None:
    renewal = Renewal(has_begun=True)
    session = open_profile(None, renewal)
    cloud.refused.add("AKIAENV")
    with pytest.raises(session.batch_client.exceptions.ClientError, match="ExpiredToken"):
        session.batch_client.describe_job_queues()
    assert renewal.lost.endswith("name a profile, which is read again, and start again.")


SSO_HEAD = """
import json, pathlib, sys
from contextlib import ExitStack
from snakemake_executor_plugin_batchx.aws.credentials import Renewal
from snakemake_executor_plugin_batchx.aws.session import open_session
from snakemake_executor_plugin_batchx.settings import ExecutorSettings

token = pathlib.Path(sys.argv[1])
content, told = token.read_text(), []

def sign_in(seconds):
    token.write_text(content)
    return False

settings = ExecutorSettings(job_queue="q", region="eu-west-1", profile="sso")
session = open_session(settings, ExitStack(), renewal=Renewal(sign_in, told.append, has_begun=True))
session.batch_client.describe_job_queues()
token.unlink()
session.batch_client.describe_job_queues()
print(json.dumps(told))
"""

SSO_CONFIG = """
[profile sso]
sso_session = lab
sso_account_id = 123456789012
sso_role_name = Power
[sso-session lab]
sso_region = eu-west-1
sso_start_url = https://lab.awsapps.com/start
"""


def test_a_run_goes_on_when_the_user_has_signed_in_again(cloud: KeyCloud, files: Path) -> None:
    """In a process of its own: botocore looks for the home folder when it is imported."""
    name = hashlib.sha1(b"lab", usedforsecurity=False).hexdigest()
    token = files / ".aws/sso/cache" / f"{name}.json"
    token.parent.mkdir(parents=True)
    token.write_text(
        json.dumps(
            {
                "accessToken": "t",
                "expiresAt": "2099-01-01T00:00:00Z",
                "region": "eu-west-1",
                "startUrl": "https://lab.awsapps.com/start",
            }
        )
    )
    (files / "config").write_text(SSO_CONFIG)
    head = subprocess.run(
        [sys.executable, "-c", SSO_HEAD, str(token)],
        env={**os.environ, "HOME": str(files)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert head.stderr == ""
    told = json.loads(head.stdout)
    assert told == [
        "The SSO session of AWS profile sso has expired, or was not begun: sign in (aws sso login "
        "--profile sso) in another terminal; the run goes on as soon as that is done.",
        "There are AWS credentials again: the run goes on.",
    ]
    assert len(set(cloud.keys["batch"])) == 2
