"""What the ECS agent does for a container before it starts, with the role that it has for that.

It fetches secrets, logs in to ECR and sets up the log. Sources of the words:
https://github.com/aws/copilot-cli/issues/4504 (secrets, Fargate),
https://github.com/OvertureMaps/overture-tiles/pull/20 (login to ECR),
https://github.com/aws/aws-cdk/issues/29876 (pull, Fargate),
https://github.com/prakhar1989/docker-curriculum/issues/260 (log) and
https://github.com/doctorray117/minecraft-ondemand/issues/12 (log, Fargate)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.local import container_secrets
from snakemake_executor_plugin_batchx.local.docker_pulls import PullCredentials, Registries
from snakemake_executor_plugin_batchx.local.log_sink import LogSink, provide_group
from snakemake_executor_plugin_batchx.local.orders import ContainerOrder, StartOrder
from snakemake_executor_plugin_batchx.local.runners import DAEMON, NO_LOG_GROUP
from snakemake_executor_plugin_batchx.local.secret_source import (
    SecretDeniedError,
    SecretReference,
    SecretSource,
)
from snakemake_executor_plugin_batchx.local.task_roles import TaskRoles

DENIED = "AccessDeniedException: {sentence}"
LOGIN = "ecr:GetAuthorizationToken"
NO_LOGIN_ON_EC2 = "CannotPullECRContainerError: {said}"
NO_LOGIN_ON_FARGATE = container_secrets.FARGATE + (
    "retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 "
    "time(s): {said}"
)
NO_PULL = "CannotPullContainerError: {said}"
REFUSED_BY_ECR = re.compile(r"denied: User: \S+ is not authorized to perform: ecr:")
NO_PULL_ON_FARGATE = (
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve "
    "ref {image}: pulling from host {host} failed with status code [manifests {tag}]: 403 Forbidden"
)
NO_LOG = "failed to create Cloudwatch log {kind}: {said}"
NO_LOG_ON_EC2 = DAEMON + "failed to initialize logging driver: {said}"
NO_LOG_ON_FARGATE = (
    "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 "
    "times: {said}"
)


class StartRefusedError(Exception):
    """A container cannot start; ECS tells ``reason`` of it, or ``task_reason`` of its task."""

    def __init__(self, reason: str | None = None, task_reason: str | None = None):
        super().__init__(reason or task_reason)
        self.reason = reason
        self.task_reason = task_reason


class Nowhere:
    """A log that keeps nothing. Implements LogSink's ``put``."""

    def put(self, group: str, stream: str, messages: Sequence[str]) -> None:
        """Drops the messages."""


@dataclass(frozen=True)
class GuardedSecrets:
    """Secrets that a task's role may read. Implements SecretSource."""

    source: SecretSource
    roles: TaskRoles
    task: StartOrder

    @property
    def region(self) -> str:
        """See SecretSource."""
        return self.source.region

    def read_secret(self, reference: SecretReference) -> str:
        """See SecretSource."""
        self._check("secretsmanager:GetSecretValue", self.source.find_secret_arn(reference))
        return self.source.read_secret(reference)

    def read_parameter(self, name_or_arn: str) -> str:
        """See SecretSource."""
        self._check("ssm:GetParameters", self.source.find_parameter_arn(name_or_arn))
        return self.source.read_parameter(name_or_arn)

    def find_secret_arn(self, reference: SecretReference) -> str:
        """See SecretSource."""
        return self.source.find_secret_arn(reference)

    def find_parameter_arn(self, name_or_arn: str) -> str:
        """See SecretSource."""
        return self.source.find_parameter_arn(name_or_arn)

    def _check(self, action: str, resource: str) -> None:
        sentence = self.roles.find_denial(self.task, action, resource)
        if sentence is not None:
            raise SecretDeniedError(DENIED.format(sentence=sentence))


@dataclass(frozen=True)
class EcsAgent:
    """See the module.

    Args:
        logs: where output goes.
        secrets: where secrets are.
        registries: the logins of ECR.
        roles: what tasks' roles may do.
    """

    logs: LogSink
    secrets: SecretSource
    registries: Registries
    roles: TaskRoles

    def fetch_secrets(
        self, task: StartOrder, container: ContainerOrder
    ) -> tuple[PullCredentials | None, dict[str, str]]:
        """The login that the container names for its image, and its secret variables.

        Raises:
            StartRefusedError: one is missing or may not be read.
        """
        source = GuardedSecrets(self.secrets, self.roles, task)
        is_fargate = task.is_fargate
        try:
            login = container_secrets.fetch_login(container, source, is_fargate=is_fargate)
            return login, container_secrets.fetch_secrets(container, source, is_fargate=is_fargate)
        except container_secrets.SecretRefusedError as error:
            raise StartRefusedError(task_reason=str(error)) from error

    def log_in(self, task: StartOrder, image: str) -> PullCredentials | None:
        """What an image of ECR is pulled with; None for one of another registry.

        Raises:
            StartRefusedError: the task's role may not log in.
        """
        if not self.registries.has_image(image):
            return None
        sentence = self.roles.find_denial(task, LOGIN, "*")
        if sentence is not None:
            said = DENIED.format(sentence=sentence)
            if task.is_fargate:
                raise StartRefusedError(task_reason=NO_LOGIN_ON_FARGATE.format(said=said))
            raise StartRefusedError(NO_LOGIN_ON_EC2.format(said=said))
        return self.registries.log_in(self.roles.find_principal(task))

    def describe_pull(self, task: StartOrder, image: str, said: str) -> str:
        """What ECS tells of an image that could not be pulled; ``said`` are dockerd's words.

        Fargate has another engine, which does not pass on what ECR says.
        """
        if not task.is_fargate or REFUSED_BY_ECR.search(said) is None:
            return NO_PULL.format(said=said)
        host, _, rest = image.partition("/")
        tag = rest.replace("@", ":", 1).partition(":")[2]
        return NO_PULL_ON_FARGATE.format(image=image, host=host, tag=tag or "latest")

    def open_log(self, task: StartOrder, container: ContainerOrder) -> LogSink | Nowhere:
        """Makes the container's log stream; returns where its output goes.

        What the role may not write is lost, as it is with Docker's driver.

        Raises:
            StartRefusedError: the stream cannot be made.
        """
        group, stream = container.log_group, container.log_stream
        self._check_log(task, "logs:CreateLogStream", group, stream, "stream")
        if container.is_creating_log_group and not self.logs.has_group(group):
            self._check_log(task, "logs:CreateLogGroup", group, "", "group")
        if not provide_group(self.logs, group, is_creating=container.is_creating_log_group):
            raise StartRefusedError(NO_LOG_GROUP)
        self.logs.create_stream(group, stream)
        put = self._find_log_denial(task, "logs:PutLogEvents", group, stream)
        return self.logs if put is None else Nowhere()

    def _check_log(self, task: StartOrder, action: str, group: str, stream: str, kind: str) -> None:
        sentence = self._find_log_denial(task, action, group, stream)
        if sentence is None:
            return
        said = NO_LOG.format(kind=kind, said=DENIED.format(sentence=sentence))
        if task.is_fargate:
            raise StartRefusedError(task_reason=NO_LOG_ON_FARGATE.format(said=said))
        raise StartRefusedError(NO_LOG_ON_EC2.format(said=said))

    def _find_log_denial(
        self, task: StartOrder, action: str, group: str, stream: str
    ) -> str | None:
        resource = self.logs.make_stream_arn(group, stream)
        return self.roles.find_denial(task, action, resource)
