"""The composition root of AWS access: whose credentials, which region, which endpoint.

The only module that opens the embedded AWS, so that nothing else knows which of the two it is.
"""

import functools
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from snakemake_executor_plugin_batchx.aws.clients import CHECK_CONFIG, ClientMaker
from snakemake_executor_plugin_batchx.aws.clock import ClockWatch
from snakemake_executor_plugin_batchx.aws.credentials import (
    Renewal,
    find_credentials,
    open_core,
)
from snakemake_executor_plugin_batchx.aws.region import choose_region, list_foreign_arns
from snakemake_executor_plugin_batchx.aws.secrets import read_login
from snakemake_executor_plugin_batchx.images.credentials import LoginReader
from snakemake_executor_plugin_batchx.local.launch import (
    EmbeddedAws,
    RuntimeTrees,
    launch_embedded_aws,
)
from snakemake_executor_plugin_batchx.local.runner_choice import AUTO, choose_runner
from snakemake_executor_plugin_batchx.plan.values import Problems
from snakemake_executor_plugin_batchx.runtime.build import Runtime
from snakemake_executor_plugin_batchx.s3_settings import make_s3_options
from snakemake_executor_plugin_batchx.settings import LOCAL_QUEUE, ExecutorSettings
from snakemake_executor_plugin_batchx.storage.gateway import CLIENT_CONFIG as S3_CONFIG
from snakemake_executor_plugin_batchx.storage.gateway import make_s3_client
from snakemake_executor_plugin_batchx.storage.options import PLAIN_OPTIONS, S3Options

BATCH_CONFIG = Config(
    # One try a call: botocore would repeat a SubmitJob that may have been taken, and knows nothing
    # of the call budget. What is tried again, and when, stands in aws/retry.py.
    retries={"mode": "standard", "total_max_attempts": 1},
    connect_timeout=5,
    read_timeout=30,
    max_pool_connections=16,
    tcp_keepalive=True,
)

LOGS_CONFIG = BATCH_CONFIG
"""What is tried again stands in aws/retry.py likewise."""

ECR_CONFIG = Config(
    # Said here because botocore's default differs by version
    # (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
    retries={"mode": "standard", "total_max_attempts": 6},
    max_pool_connections=16,
    tcp_keepalive=True,
)

EC2_CONFIG = Config(
    # Asked while a user waits for the start of a run, which can go on without an answer.
    retries={"mode": "standard", "total_max_attempts": 2},
    connect_timeout=3,
    read_timeout=10,
)

PATIENT_CONFIG = Config(
    # For what is made once, with minutes of work behind each call.
    retries={"mode": "standard", "total_max_attempts": 6},
    connect_timeout=5,
    read_timeout=60,
)

NO_PROXY = Config(proxies={"http": None})
"""For the embedded AWS, which a proxy named by the environment cannot reach."""

NO_USER_CONFIG = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}

CLOCK_CALLS = ("after-call.batch.DescribeJobQueues", "after-call.sts.GetCallerIdentity")
"""The calls whose answers tell what time it is at AWS, as botocore names them to listeners."""


@dataclass(frozen=True)
class AwsSession:
    """Clients for one run, and what the embedded AWS stands in for where it is used.

    `make_ecr_client` and the like return clients for a region, new at each call;
    `make_check_client` returns one of a service, in a region, that does not wait for long, and
    `make_patient_client` one that does. `clock`
    learns the time from answers. `read_login` reads a registry's login from a secret's ARN.
    `credentials` are botocore's own and renew themselves, `ca_bundle` is the file of authorities
    that the user named. `runner_doubt` says why jobs are processes of this machine, unless that was
    asked for.
    """

    region: str
    batch_client: Any
    s3_client: Any
    credentials: Any
    ca_bundle: str | None
    make_ecr_client: Callable[[str], Any]
    make_logs_client: Callable[[str], Any]
    make_ec2_client: Callable[[str], Any]
    make_check_client: Callable[[str, str], Any]
    make_patient_client: Callable[[str, str], Any]
    clock: ClockWatch
    read_login: LoginReader
    job_queue: str
    s3_root: str | None
    job_role: str | None
    execution_role: str | None
    runner_doubt: str = ""
    s3_options: S3Options = PLAIN_OPTIONS


def open_session(
    settings: ExecutorSettings,
    stack: ExitStack,
    provide_runtime: Callable[[], Runtime] | None = None,
    renewal: Renewal | None = None,
) -> AwsSession:
    """Open access to AWS as the settings say; what it started ends with `stack`.

    `provide_runtime` builds or finds the job runtime that the embedded AWS mounts into containers;
    None where images hold it. `renewal` says what becomes of who has no credentials any more, None
    that nobody waits for them. Raises BatchxError without credentials or region, where the profile
    is unknown or of another partition, or where the runner asked for cannot be had.
    """
    if settings.job_queue == LOCAL_QUEUE:
        return _open_embedded(settings, stack, provide_runtime)
    core = open_core(settings.profile)
    region = choose_region(settings, core.get_config_variable("region"))
    problems = Problems()
    problems.sentences += list_foreign_arns(region, _list_named_arns(settings, core))
    problems.raise_all()
    credentials = find_credentials(core, settings.profile, region, renewal)
    session = boto3.Session(botocore_session=core)
    options = make_s3_options(settings)
    clients, clock = ClientMaker(session), watch_clock(core)
    return AwsSession(
        region=region,
        batch_client=clients.make("batch", region, config=BATCH_CONFIG),
        s3_client=make_s3_client(session, region, options),
        credentials=credentials,
        ca_bundle=core.get_config_variable("ca_bundle"),
        clock=clock,
        **_list_makers(clients, options),
        job_queue=settings.job_queue or "",
        s3_root=settings.s3_root,
        job_role=settings.job_role,
        execution_role=settings.execution_role,
        s3_options=options,
    )


def _list_makers(clients: ClientMaker, options: S3Options) -> dict[str, Any]:
    """Return what of a session makes clients when they are wanted."""
    make = clients.make
    return {
        "make_ecr_client": functools.partial(make, "ecr", config=ECR_CONFIG),
        "make_logs_client": functools.partial(make, "logs", config=LOGS_CONFIG),
        "make_ec2_client": functools.partial(make, "ec2", config=EC2_CONFIG),
        "make_check_client": functools.partial(make_check_client, clients, options),
        "make_patient_client": functools.partial(make, config=PATIENT_CONFIG),
        "read_login": functools.partial(
            read_login, functools.partial(make, "secretsmanager", config=ECR_CONFIG)
        ),
    }


def watch_clock(core: Any) -> ClockWatch:
    """Return what learns the time from answers to the clients that botocore's session makes."""
    clock = ClockWatch(time.time)
    for event in CLOCK_CALLS:
        core.register(event, clock.observe)
    return clock


def make_check_client(clients: ClientMaker, options: S3Options, service: str, region: str) -> Any:
    """Return a client of a service, S3's as the settings want it, that does not wait for long."""
    if service != "s3":
        return clients.make(service, region, config=CHECK_CONFIG)
    config = S3_CONFIG.merge(CHECK_CONFIG)
    if addressing := options.make_config():
        config = config.merge(Config(s3=addressing))
    return clients.make(service, region, config=config, endpoint_url=options.endpoint_url)


def _list_named_arns(settings: ExecutorSettings, core: Any) -> list[tuple[str, str | None]]:
    """Return what names an ARN, with what it names."""
    return [
        ("--batchx-job-queue", settings.job_queue),
        ("--batchx-job-role", settings.job_role),
        ("--batchx-execution-role", settings.execution_role),
        ("--batchx-head-queue", settings.head_queue),
        ("--batchx-head-role", settings.head_role),
        ("role_arn in ~/.aws/config", core.get_scoped_config().get("role_arn")),
    ]


def _open_embedded(
    settings: ExecutorSettings,
    stack: ExitStack,
    provide_runtime: Callable[[], Runtime] | None,
) -> AwsSession:
    provide_trees = provide_runtime and functools.partial(_provide_trees, provide_runtime)
    choice = choose_runner(settings.local_runner or AUTO, provide_trees)
    embedded = stack.enter_context(
        launch_embedded_aws(runner=choice.runner, runtime=choice.runtime, region=settings.region)
    )
    return _make_embedded_session(settings, embedded, choice.doubt)


def _provide_trees(provide_runtime: Callable[[], Runtime]) -> RuntimeTrees:
    runtime = provide_runtime()
    return RuntimeTrees(str(runtime.base_tree), str(runtime.own_tree))


def _make_embedded_session(
    settings: ExecutorSettings, embedded: EmbeddedAws, runner_doubt: str
) -> AwsSession:
    # Of its own: the user's profile and config files are about another AWS.
    core = botocore.session.Session(session_vars=NO_USER_CONFIG)
    session = boto3.Session(
        botocore_session=core,
        aws_access_key_id=embedded.access_key_id,
        aws_secret_access_key=embedded.secret_access_key,
        region_name=embedded.region,
    )
    clients, clock = ClientMaker(session, embedded.endpoint_url, NO_PROXY), watch_clock(core)
    return AwsSession(
        region=embedded.region,
        batch_client=clients.make("batch", config=BATCH_CONFIG),
        s3_client=clients.make("s3", config=S3_CONFIG),
        credentials=session.get_credentials(),
        ca_bundle=None,
        clock=clock,
        **_list_makers(clients, PLAIN_OPTIONS),
        job_queue=embedded.job_queue,
        # The user's own bucket, if a profile names one, is not in this S3.
        s3_root=f"s3://{embedded.bucket}/batchx",
        job_role=embedded.job_role_arn,
        execution_role=embedded.execution_role_arn,
        runner_doubt=runner_doubt,
        s3_options=make_s3_options(settings),
    )
