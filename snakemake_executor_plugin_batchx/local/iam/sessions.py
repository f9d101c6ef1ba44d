"""Sessions of roles, as STS gives them out: to AssumeRole's callers and to the jobs of ECS.

They are moto's, so that GetCallerIdentity knows them.
"""

from __future__ import annotations

import datetime
import threading

from moto.core.utils import utcnow
from moto.iam.exceptions import NotFoundException
from moto.iam.models import Role, iam_backends
from moto.sts.models import AssumedRole, STSBackend, sts_backends

from snakemake_executor_plugin_batchx.local.identity import Identity

SESSION_SECONDS = 6 * 3600
"""How long the sessions of tasks last.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
"""
RENEWAL_SECONDS = 3600
"""What must be left of one that is handed out."""


class Sessions:
    """All sessions of an account.

    Args:
        identity: account and region.
    """

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._lock = threading.Lock()
        self._by_key: dict[str, AssumedRole] = {}
        self._seen = 0
        self._of_tasks: dict[tuple[str, str], AssumedRole] = {}

    @property
    def _backend(self) -> STSBackend:
        return sts_backends[self._identity.account_id][self._identity.partition]

    def find(self, access_key_id: str) -> AssumedRole | None:
        """The session with this key, whether it is over or not."""
        with self._lock:
            made = self._backend.assumed_roles
            for session in made[self._seen :]:
                self._by_key[session.access_key_id] = session
                self._seen += 1
            return self._by_key.get(access_key_id)

    def provide(self, role: str, name: str) -> AssumedRole | None:
        """A role's session of a name, with time left; None if there is no such role."""
        with self._lock:
            session = self._of_tasks.get((role, name))
            soon = utcnow() + datetime.timedelta(seconds=RENEWAL_SECONDS)
            if session is None or session.expiration <= soon:
                found = self.find_role(role)
                if found is None:
                    return None
                session = self._backend.assume_role(
                    region_name=self._identity.region,
                    role_session_name=name,
                    role_arn=found.arn,
                    policy="",
                    duration=SESSION_SECONDS,
                    external_id="",
                )
                self._of_tasks[role, name] = session
            return session

    def find_role(self, name: str) -> Role | None:
        """The role of a name; None if there is none."""
        backend = iam_backends[self._identity.account_id][self._identity.partition]
        try:
            return backend.get_role(name)
        except NotFoundException:
            return None
