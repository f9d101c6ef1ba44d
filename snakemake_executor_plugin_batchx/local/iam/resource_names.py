"""What only the account itself knows of a resource that a request names by a part of it."""

from __future__ import annotations

from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends

from snakemake_executor_plugin_batchx.local.iam.sessions import Sessions
from snakemake_executor_plugin_batchx.local.identity import Identity


class AccountNames:
    """Completes ARNs by moto's backends. Implements ResourceNames.

    Args:
        identity: account, region and partition.
        sessions: knows the roles.
    """

    def __init__(self, identity: Identity, sessions: Sessions):
        self._identity = identity
        self._sessions = sessions

    def complete(self, service: str, arn: str) -> str:
        """See ResourceNames: ARNs of secrets have an ending, those of roles and users a path."""
        if service == "secretsmanager":
            return self._complete_secret(arn)
        if service in ("iam", "sts"):
            return self._complete_holder(arn)
        return arn

    def find_profile_role(self, name_or_arn: str) -> str | None:
        """See ResourceNames."""
        backend = iam_backends[self._identity.account_id][self._identity.partition]
        name = name_or_arn.rpartition("/")[2]
        for profile in list(backend.instance_profiles.values()):
            if profile.name == name and profile.roles:
                return str(profile.roles[0].name)
        return None

    def has_bucket(self, name: str) -> bool:
        """True if the bucket is there."""
        backend = s3_backends[self._identity.account_id][self._identity.partition]
        return name in backend.buckets

    def _complete_secret(self, arn: str) -> str:
        backend = secretsmanager_backends[self._identity.account_id][self._identity.region]
        name = arn.partition(":secret:")[2]
        for secret in list(backend.secrets.values()):
            if arn == secret.arn or name == secret.name or arn == secret.arn[:-7]:
                return str(secret.arn)
        return arn

    def _complete_holder(self, arn: str) -> str:
        kind, _, name = arn.rpartition(":")[2].rpartition("/")
        backend = iam_backends[self._identity.account_id][self._identity.partition]
        if kind == "role":
            role = self._sessions.find_role(name)
            return arn if role is None else str(role.arn)
        if kind == "user" and name in backend.users:
            return str(backend.users[name].arn)
        return arn
