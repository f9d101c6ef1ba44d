"""Which registry is asked with whose login: ECR with its token, others as docker would."""

import threading
from collections.abc import Callable, Mapping, Sequence

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.credentials import (
    CredentialSource,
    DockerConfig,
    LoginReader,
    keep_until_renewal,
)
from snakemake_executor_plugin_batchx.images.ecr import EcrGateway
from snakemake_executor_plugin_batchx.images.reference import (
    DOCKER_HUB_API,
    DOCKER_HUB_NAMES,
    is_local_host,
    parse_ecr_host,
)
from snakemake_executor_plugin_batchx.images.registry import Registry
from snakemake_executor_plugin_batchx.images.source import PullThroughRule
from snakemake_executor_plugin_batchx.images.transport import Retry, Transport, open_pool


class RegistryAccess:
    """Opens registries, each once. Safe to use from many threads.

    `open_ecr` makes a gateway for a region: an image may be in another region's ECR. `ecr` is that
    of the queue's region, whose registry takes what is derived.
    """

    def __init__(
        self,
        ecr: EcrGateway,
        open_ecr: Callable[[str], EcrGateway],
        docker_config: DockerConfig,
        environment: Mapping[str, str],
        retry: Retry,
    ) -> None:
        self.ecr = ecr
        self.retry = retry
        self._open_ecr = open_ecr
        self._docker_config = docker_config
        self._environment = environment
        self._gateways = {ecr.region: ecr}
        self._registries: dict[str, Registry] = {}
        self._secrets: dict[str, tuple[str, LoginReader]] = {}
        self._rules: list[PullThroughRule] | None = None
        self._lock = threading.Lock()

    @property
    def own_host(self) -> str:
        """The host of the account's ECR, as its login token names it."""
        return self.ecr.registry_host

    def open(self, host: str) -> Registry:
        """Return the registry at a host (or of Docker Hub's name), with the login for it."""
        host = DOCKER_HUB_API if host in DOCKER_HUB_NAMES else host
        with self._lock:
            if host not in self._registries:
                pool = open_pool(host, self._environment)
                source, is_aws = self._choose_source(host), self._is_of_aws(host)
                transport = Transport(host, source, pool, self.retry, is_aws=is_aws)
                self._registries[host] = Registry(transport)
            return self._registries[host]

    def use_login(self, host: str, arn: str, read_login: LoginReader) -> None:
        """Read a registry with the login in a secret from now on.

        Raises BatchxError where another secret was named for it before.
        """
        host = DOCKER_HUB_API if host in DOCKER_HUB_NAMES else host
        with self._lock:
            named, _ = self._secrets.get(host, ("", None))
            if named and named != arn:
                raise BatchxError(
                    f"Two secrets are named with a login for registry {host}, {named} and {arn}: "
                    "keep one."
                )
            if not named:
                self._secrets[host] = arn, read_login
                self._registries.pop(host, None)  # opened before with another login

    def list_rules(self) -> Sequence[PullThroughRule]:
        """Return the account's pull-through cache rules, asked for once."""
        with self._lock:
            if self._rules is None:
                self._rules = self.ecr.list_rules()
            return self._rules

    def count_requests(self) -> int:
        """Return how many requests all registries together got."""
        with self._lock:
            return sum(registry.counts.total() for registry in self._registries.values())

    def _choose_source(self, host: str) -> CredentialSource:
        place = parse_ecr_host(host)
        if host in self._secrets:
            arn, read_login = self._secrets[host]
            return keep_until_renewal(lambda: read_login(arn))
        if place is None:
            is_aws = self._is_of_aws(host)
            return self.ecr.get_credential if is_aws else self._docker_config.make_source(host)
        if place.region not in self._gateways:
            self._gateways[place.region] = self._open_ecr(place.region)
        return self._gateways[place.region].get_credential

    def _is_of_aws(self, host: str) -> bool:
        """Whether a registry is ECR, or the embedded AWS's.

        Asking for the name of the latter takes a permission that others do not.
        """
        if host in self._secrets:
            return False
        return parse_ecr_host(host) is not None or (is_local_host(host) and host == self.own_host)
