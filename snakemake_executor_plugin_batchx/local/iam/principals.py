"""Who asks: from an access key to a principal, and the policies that hold for it.

Users, roles, their keys and policies are moto's, in this process. Sources:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html (the table of
principals' keys) and reference_policies_evaluation-logic_policy-eval-basics.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto.core.utils import utcnow
from moto.iam.exceptions import NoSuchEntity, NotFoundException
from moto.iam.models import IAMBackend, Role, User, iam_backends

from snakemake_executor_plugin_batchx.local.iam.sessions import Sessions
from snakemake_executor_plugin_batchx.local.identity import Credentials, Identity

ACCOUNT = "Account"
USER = "User"
ASSUMED_ROLE = "AssumedRole"

IDENTITY_BASED = "an identity-based policy"
BOUNDARY = "a permissions boundary"
SESSION = "a session policy"


class UnknownKeyError(Exception):
    """No principal has this access key, or it is not active, or its session token is another."""


class ExpiredTokenError(Exception):
    """The session is over."""


@dataclass(frozen=True)
class Principal:
    """``kind`` is what ``aws:PrincipalType`` says; ``name`` is the user's or the role's."""

    kind: str
    arn: str
    user_id: str
    name: str
    session_policy: str | None = None

    @property
    def is_root(self) -> bool:
        """True for the account itself, which no policy binds."""
        return self.kind == ACCOUNT

    @property
    def label(self) -> str:
        """``role/name`` or ``user/name``."""
        return f"{'user' if self.kind == USER else 'role'}/{self.name}"


@dataclass(frozen=True)
class Layer:
    """Policies of one kind. Each layer must allow an action, and none may deny it."""

    kind: str
    documents: tuple[str, ...]


class Principals:
    """Those of one account.

    Args:
        identity: the account.
        root: its own key.
        sessions: the sessions of its roles.
    """

    def __init__(self, identity: Identity, root: Credentials, sessions: Sessions):
        self._root_key = root.access_key_id
        root_arn = f"arn:{identity.partition}:iam::{identity.account_id}:root"
        self.root = Principal(ACCOUNT, root_arn, identity.account_id, "root")
        self._identity = identity
        self._sessions = sessions

    @property
    def _backend(self) -> IAMBackend:
        return iam_backends[self._identity.account_id][self._identity.partition]

    def find(self, access_key_id: str, token: str | None) -> Principal:
        """The principal whose key it is.

        Raises:
            UnknownKeyError: there is none.
            ExpiredTokenError: its session is over.
        """
        if access_key_id == self._root_key:
            return self.root
        session = self._sessions.find(access_key_id)
        if session is not None:
            if token != session.session_token:
                raise UnknownKeyError
            if session.expiration <= utcnow():
                raise ExpiredTokenError
            role = session.role_arn.rpartition("/")[2]
            policy = session.policy or None
            return Principal(ASSUMED_ROLE, session.arn, session.user_id, role, policy)
        for user in list(self._backend.users.values()):
            for key in user.access_keys:
                if key.access_key_id == access_key_id and key.status == "Active" and token is None:
                    return Principal(USER, user.arn, user.id, user.name)
        raise UnknownKeyError

    def make_role_principal(self, role: str, session_name: str) -> Principal:
        """A session of a role that AWS itself assumes."""
        identity = self._identity
        arn = (
            f"arn:{identity.partition}:sts::{identity.account_id}:assumed-role/{role}/"
            f"{session_name}"
        )
        return Principal(ASSUMED_ROLE, arn, f"{role}:{session_name}", role)

    def list_layers(self, principal: Principal) -> list[Layer]:
        """What binds it at this moment; a role or user that is gone may do nothing."""
        holder = self._find_holder(principal)
        if holder is None:
            return [Layer(IDENTITY_BASED, ())]
        layers = [Layer(IDENTITY_BASED, tuple(self._iter_documents(holder)))]
        boundary = holder.permissions_boundary_arn if isinstance(holder, Role) else None
        if boundary:
            layers.append(Layer(BOUNDARY, (_read_managed(self._backend.get_policy(boundary)),)))
        if principal.session_policy is not None:
            layers.append(Layer(SESSION, (principal.session_policy,)))
        return layers

    def _find_holder(self, principal: Principal) -> Role | User | None:
        try:
            if principal.kind == USER:
                return self._backend.get_user(principal.name)
            return self._backend.get_role(principal.name)
        except (NotFoundException, NoSuchEntity):
            return None

    def _iter_documents(self, holder: Role | User) -> Iterator[str]:
        groups = []
        if isinstance(holder, User):
            groups = self._backend.get_groups_for_user(holder.name)
        for each in (holder, *groups):
            yield from map(_write, list(each.policies.values()))
            yield from map(_read_managed, list(each.managed_policies.values()))


def _read_managed(policy: Any) -> str:
    """The document of a managed policy's default version."""
    version = next(each for each in policy.versions if each.version_id == policy.default_version_id)
    return _write(version.document)


def _write(document: Any) -> str:
    """CloudFormation leaves documents as values."""
    return document if isinstance(document, str) else json.dumps(document)
