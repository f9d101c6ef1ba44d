"""Whether a principal may do something in the embedded account, and AWS's sentence if it may not.

Source of the sentences:
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html, as seen in
https://github.com/aws/copilot-cli/issues/4504 and (S3, which quotes the resource)
https://github.com/schubergphilis/terraform-aws-mcaf-securityhub-findings-manager/pull/64
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from snakemake_executor_plugin_batchx.local.iam.errors import PolicyError
from snakemake_executor_plugin_batchx.local.iam.evaluation import Decision, evaluate
from snakemake_executor_plugin_batchx.local.iam.needs import Need
from snakemake_executor_plugin_batchx.local.iam.policies import read_policy
from snakemake_executor_plugin_batchx.local.iam.principals import Layer, Principal, Principals
from snakemake_executor_plugin_batchx.local.iam.record import AccessRecord
from snakemake_executor_plugin_batchx.local.iam.sessions import Sessions
from snakemake_executor_plugin_batchx.local.identity import Credentials, Identity

NOT_AUTHORIZED = "User: {arn} is not authorized to perform: {action} "
ON_RESOURCE = "on resource: {resource} "
IMPLICIT = "because no {kind} allows the {action} action"
EXPLICIT = "with an explicit deny in {kind}"
RESOURCE_BASED = "because no resource-based policy allows the {action} action"
NOT_EVALUATED = "because a policy cannot be evaluated: {problem}"
ASSUME_ROLE = "sts:AssumeRole"

Keys = Mapping[str, tuple[str, ...]]


class AccessDeniedError(Exception):
    """A principal may not do something; the text is AWS's sentence."""

    def __init__(self, sentence: str, action: str, resource: str):
        super().__init__(sentence)
        self.action = action
        self.resource = resource


class Authority:
    """Decides by the policies as they stand at that moment.

    Args:
        identity: account, region and partition.
        root: the account's own key, which may do everything.
    """

    def __init__(self, identity: Identity, root: Credentials):
        self._identity = identity
        self.sessions = Sessions(identity)
        self.principals = Principals(identity, root, self.sessions)
        self.record = AccessRecord()

    def check(self, principal: Principal, needs: Sequence[Need], keys: Keys) -> None:
        """Sees whether a principal may do all of it.

        Args:
            principal: who asks.
            needs: what for.
            keys: condition keys of the request, beside those of each need.

        Raises:
            AccessDeniedError: it may not do one of them.
        """
        if principal.is_root or not needs:
            return
        layers = self.principals.list_layers(principal)
        shared = {**self._make_principal_keys(principal), **keys}
        for need in needs:
            why = self._find_refusal(principal, layers, need, {**shared, **need.keys})
            self.record.add(principal, need.action, is_allowed=why is None)
            if why is not None:
                raise AccessDeniedError(
                    _make_sentence(principal, need) + why, need.action, need.resource
                )

    def is_assumable(self, role_arn: str, service: str) -> bool:
        """Whether a role is there, and trusts a service that acts for this account.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
        """
        role = self.sessions.find_role(role_arn.rpartition("/")[2])
        if role is None or role.arn != role_arn:
            return False
        keys = {"aws:sourceaccount": (self._identity.account_id,)}
        return self._is_trusted(role.assume_role_policy_document, {"Service": (service,)}, keys)

    def _find_refusal(
        self, principal: Principal, layers: Sequence[Layer], need: Need, keys: Keys
    ) -> str | None:
        """Why not; None if it is allowed."""
        try:
            for layer in layers:
                decision = evaluate(layer.documents, need.action, need.resource, keys)
                if decision is Decision.EXPLICIT_DENY:
                    return EXPLICIT.format(kind=layer.kind)
                if decision is Decision.IMPLICIT_DENY:
                    kind = layer.kind.partition(" ")[2]
                    return IMPLICIT.format(kind=kind, action=need.action)
            if need.action == ASSUME_ROLE and not self._trusts(need.resource, principal, keys):
                return RESOURCE_BASED.format(action=need.action)
        except PolicyError as error:
            return NOT_EVALUATED.format(problem=error)
        return None

    def _trusts(self, role_arn: str, principal: Principal, keys: Keys) -> bool:
        """Whether a role's trust policy names the principal, or its account."""
        role = self.sessions.find_role(role_arn.rpartition("/")[2])
        if role is None:
            return False
        identity = self._identity
        account = f"arn:{identity.partition}:iam::{identity.account_id}"
        names = [identity.account_id, f"{account}:root", principal.arn]
        if principal.session_policy is None and ":assumed-role/" in principal.arn:
            names.append(f"{account}:role/{principal.name}")
        return self._is_trusted(role.assume_role_policy_document, {"AWS": tuple(names)}, keys)

    def _is_trusted(
        self, document: str | dict[str, object], names: Mapping[str, tuple[str, ...]], keys: Keys
    ) -> bool:
        text = document if isinstance(document, str) else json.dumps(document)
        applying = [each for each in read_policy(text) if each.trusts(names, ASSUME_ROLE, keys)]
        return bool(applying) and all(each.is_allowing for each in applying)

    def _make_principal_keys(self, principal: Principal) -> dict[str, tuple[str, ...]]:
        identity = self._identity
        arn = principal.arn
        keys = {"aws:userid": (principal.user_id,)}
        if principal.kind == "User":
            keys["aws:username"] = (principal.name,)
        else:
            # The role's own ARN, not the session's.
            arn = f"arn:{identity.partition}:iam::{identity.account_id}:role/{principal.name}"
        return {
            **keys,
            "aws:principalarn": (arn,),
            "aws:principaltype": (principal.kind,),
            "aws:principalaccount": (identity.account_id,),
            "aws:resourceaccount": (identity.account_id,),
            "aws:requestedregion": (identity.region,),
        }


def _make_sentence(principal: Principal, need: Need) -> str:
    sentence = NOT_AUTHORIZED.format(arn=principal.arn, action=need.action)
    service = need.action.partition(":")[0]
    if service == "ec2" and need.resource == "*":
        return sentence
    # S3 alone puts the resource between quotation marks.
    quoted = f'"{need.resource}"' if service == "s3" else need.resource
    return sentence + ON_RESOURCE.format(resource=quoted)
