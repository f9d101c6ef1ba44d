"""What AWS says to a caller that lacks a permission: who lacks which, on what, why, and the fix.

AWS's forms of it: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html.
Not all services keep to them, so what is not told comes from what was asked, and by whom.
"""

import re
from dataclasses import dataclass

DENIED_CODES = frozenset(
    {
        *("AccessDenied", "AccessDeniedException", "AllAccessDisabled"),
        *("UnauthorizedOperation", "AuthorizationError", "403", "Forbidden"),
    }
)
"""Error codes of a permission that is lacking; an answer to HEAD has no body, only a status."""

MAX_SAID_CHARACTERS = 300


@dataclass(frozen=True)
class Party:
    """Whose credentials a call was made with, where AWS does not name a principal.

    `role` is what sentences call a role that AWS names, `source` where to find what is needed,
    `otherwise` what helps as well as to add it.
    """

    text: str
    role: str
    source: str
    is_plural: bool = False
    otherwise: str = ""


HERE = "the credentials of this machine"
HEAD = Party(HERE, "role", "batchx policy head prints those needed", is_plural=True)
JOB = Party("the job's role", "the job's role", "batchx policy job prints those needed")
EXECUTION = Party(
    "its execution role", "its execution role", "batchx policy execution prints those needed"
)
INSTANCE = Party("its host's role", "its host's role", "batchx policy instance prints those needed")
STACK_MAKER = Party(
    HERE,
    "role",
    "docs/account.md lists those that batchx infra takes",
    is_plural=True,
    otherwise="run this as whoever made the stack, or as an administrator",
)


@dataclass(frozen=True)
class Reason:
    """A kind of policy that stands in the way: a clause on it, and the fix.

    Both may hold {thing}, what the resource is, and {it}, what adds the permission; `clause` may
    hold {policy}, the ARN of the policy in brackets where AWS tells it.
    """

    clause: str
    fix: str


@dataclass(frozen=True)
class Principal:
    """Who makes calls: what IAM calls its `kind`, its name without a path, and its account.

    Of a role's session it is the role's name, of an account's root user none.
    """

    kind: str
    name: str
    account: str


@dataclass(frozen=True)
class Denial:
    """What AWS tells of a call that it denies; "" stands for what it does not tell.

    `principal` is an ARN or a name, `action` IAM's name of the call, `resource` an ARN, `kind` that
    of the policy, such as "service control policy"; `policy` is its ARN.
    """

    principal: str = ""
    action: str = ""
    resource: str = ""
    kind: str = ""
    is_explicit: bool = False
    policy: str = ""


NO_HELP = "adding the permission elsewhere does not help"

LACKING = {
    "identity-based policy": Reason("", "add it to {it}"),
    "resource-based policy": Reason(
        ", for the policy of {thing} does not allow it",
        "allow it there; where {thing} is of another account, in {it} as well",
    ),
    "service control policy": Reason(
        ", for no service control policy of the organization allows it",
        f"the organization's administrator has to allow it; {NO_HELP}",
    ),
    "resource control policy": Reason(
        ", for no resource control policy of the organization allows it",
        f"the organization's administrator has to allow it; {NO_HELP}",
    ),
    "permissions boundary": Reason(
        ", for its permissions boundary does not allow it",
        f"whoever set the boundary has to add it there; {NO_HELP}",
    ),
    "session policy": Reason(
        ", for the session policy of these credentials does not allow it",
        f"get credentials without a session policy, or with one that does; {NO_HELP}",
    ),
    "VPC endpoint policy": Reason(
        ", for the policy of the VPC endpoint on the way does not allow it",
        f"allow it in the endpoint's policy; {NO_HELP}",
    ),
    "role trust policy": Reason(
        ", for the trust policy of {thing} does not allow it",
        "allow it there; where {thing} is of another account, in {it} as well",
    ),
    "": Reason("", "add it to {it}, and see that no other policy denies it"),
}
"""Where no policy of a kind allows what is asked for (an implicit denial)."""

OWN_KINDS = frozenset({"identity-based policy", ""})
"""Kinds of policies that other credentials may not have."""

DENYING = {
    "identity-based policy": Reason(
        ", for a policy of its own denies it{policy}", f"take it out of that policy; {NO_HELP}"
    ),
    "resource-based policy": Reason(
        ", for the policy of {thing} denies it{policy}",
        f"see what that policy demands (encryption, a network, an account); {NO_HELP}",
    ),
    "service control policy": Reason(
        ", for a service control policy of the organization denies it{policy}",
        f"the organization's administrator has to change that; {NO_HELP}",
    ),
    "resource control policy": Reason(
        ", for a resource control policy of the organization denies it{policy}",
        f"the organization's administrator has to change that; {NO_HELP}",
    ),
    "permissions boundary": Reason(
        ", for its permissions boundary denies it{policy}",
        f"whoever set the boundary has to change it; {NO_HELP}",
    ),
    "session policy": Reason(
        ", for the session policy of these credentials denies it{policy}",
        f"get credentials without that session policy; {NO_HELP}",
    ),
    "VPC endpoint policy": Reason(
        ", for the policy of the VPC endpoint on the way denies it{policy}",
        f"take it out of the endpoint's policy; {NO_HELP}",
    ),
    "role trust policy": Reason(
        ", for the trust policy of {thing} denies it{policy}",
        f"take it out of that policy; {NO_HELP}",
    ),
    "": Reason(
        ", for a policy denies it explicitly",
        f"an administrator has to change that, and may demand a login with MFA; {NO_HELP}",
    ),
}
"""Where a policy of a kind has a Deny for it (an explicit denial)."""

THINGS = {
    "s3": "the bucket",
    "ecr": "the repository",
    "kms": "the key",
    "secretsmanager": "the secret",
    "sts": "the role",
    "iam": "the role",
}
"""What has a policy of its own, by the service of the action."""

OTHER_WORDS = (
    (
        re.compile(r"Access to KMS is not allowed|refers to a customer master key"),
        "kms:Decrypt",
    ),
)
"""Messages without an action: Secrets Manager's and KMS's on the key of a secret or an object
(https://github.com/GiamPy5/terraform-aws-directus/issues/10,
https://github.com/aceew/aws-lambda-env-vars/issues/7)."""

EMPTY_WORDS = re.compile(
    r"(Access ?Denied(Exception)?|Forbidden|403|UnauthorizedOperation|AllAccessDisabled"
    r"|You are not authorized to perform this operation)?\.?",
    re.IGNORECASE,
)
"""Messages that tell nothing."""

MADE_UP = re.compile(r"\*+|arn:[^:]*:batch:[^:]*:[^:]*:/v\d+/.*|arn:.*:log-group::log-stream:.*")
"""Resources that services put in for calls that are on no resource, and that nobody knows."""

_SENTENCE = re.compile(
    r"(?:User: ?)?(?P<principal>\S+) is not authorized to perform:? "
    r"(?P<action>[A-Za-z0-9-]+:\w+)"
    r"(?: on (?:the )?resource:? \"?(?P<resource>[^\s\"]+)\"?)?",
)

_WHY = re.compile(
    r"because no (?P<lacking>[\w -]+?) allows|"
    r"with an explicit deny(?: in (?:a|an|the) (?P<denying>[A-Za-z -]*(?:policy|boundary)))?"
    r"(?:[^:]{0,80}: (?P<policy>arn:[^\s,;)]*[^\s,;).]))?"
)

PRINCIPAL = re.compile(
    r"arn:[\w-]+:(?:sts|iam)::(?P<account>[^:]*):"
    r"(?P<kind>assumed-role|role|user|federated-user|root)(?:/(?P<path>.+))?"
)

SSO_ROLE = re.compile(r"AWSReservedSSO_(?P<set>.+)_[0-9a-f]{16}")
"""https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html"""


def read_denial(message: str) -> Denial | None:
    """Return what AWS's words tell of a denial, None where they tell nothing of one."""
    text = " ".join(message.split())
    found = _SENTENCE.search(text)
    if found is None:
        actions = (action for words, action in OTHER_WORDS if words.search(text))
        action = next(actions, "")
        return Denial(action=action) if action else None
    told = found.groupdict()
    why = _WHY.search(text, found.end())
    service, _, name = told["action"].partition(":")
    denial = Denial(told["principal"], f"{service.lower()}:{name}", told["resource"] or "")
    if why is None:
        return denial
    kind = why["lacking"] or why["denying"] or ""
    return Denial(
        principal=denial.principal,
        action=denial.action,
        resource=denial.resource,
        kind=kind if kind in LACKING else "",
        is_explicit=why["lacking"] is None,
        policy=why["policy"] or "",
    )


def explain_denial(message: str, asked: str, party: Party, on: str = "") -> str:
    """Return the sentence on a denied call: who lacks what, and the fix, after the one colon.

    Its arguments are those of `describe_denial`.
    """
    what, fix = describe_denial(message, asked, party, on)
    return f"{what}: {fix}."


def describe_denial(message: str, asked: str, party: Party, on: str = "") -> tuple[str, str]:
    """Return two clauses on a denied call: who lacks what, and the fix.

    `asked` is IAM's name of the call, `party` whose credentials it was made with, `on` what users
    call the thing that it was about. What AWS's words tell of these counts more.
    """
    denial = read_denial(message) or Denial()
    action = denial.action or asked
    told = "" if MADE_UP.fullmatch(denial.resource) else denial.resource
    resource = on if on and action == asked else told
    reason = (DENYING if denial.is_explicit else LACKING)[denial.kind]
    who, is_plural = name_principal(denial.principal, party)
    verb = "are denied" if is_plural else "is denied"
    if not denial.is_explicit:
        verb = "lack" if is_plural else "lacks"
    words = {
        "thing": THINGS.get(action.partition(":")[0], "the resource"),
        "it": f"{'their' if is_plural else 'its'} policies ({party.source})",
        "policy": f" ({denial.policy})" if denial.policy else "",
    }
    on_what = f" on {resource}" if resource else ""
    said = "" if denial != Denial() else quote_words(message)
    clause, fix = reason.clause.format(**words), reason.fix.format(**words)
    if party.otherwise and not denial.is_explicit and denial.kind in OWN_KINDS:
        fix = f"{party.otherwise}; or {fix}"
    return f"{who} {verb} {action}{on_what}{clause}{said}", fix


def name_principal(principal: str, party: Party) -> tuple[str, bool]:
    """Return what a sentence begins with on who lacks something, and whether it is a plural."""
    if not principal:
        return capitalize(party.text), party.is_plural
    who = read_principal(principal)
    if who is None:
        return f"{'Service' if '.amazonaws.com' in principal else 'User'} {principal}", False
    of = f"of account {who.account}"
    if who.kind == "root":
        return f"The root user {of}", False
    if who.kind in {"user", "federated-user"}:
        return f"User {who.name} {of}", False
    sso = SSO_ROLE.fullmatch(who.name)
    if sso:
        return f"Permission set {sso['set']} of IAM Identity Center (role {who.name}) {of}", False
    return f"{capitalize(party.role)} {who.name} {of}", False


def read_principal(arn: str) -> Principal | None:
    """Return whom an ARN stands for, None where it is no user's, role's or session's.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    """
    found = PRINCIPAL.fullmatch(arn)
    if found is None:
        return None
    kind, path = found["kind"], found["path"] or ""
    # Only the sessions of a role are named without its path.
    name = path.partition("/")[0] if kind == "assumed-role" else path.rpartition("/")[2]
    return Principal(kind, name, found["account"])


def quote_words(message: str) -> str:
    """Return a message in brackets, "" for one that tells nothing."""
    said = " ".join(message.split())
    if EMPTY_WORDS.fullmatch(said):
        return ""
    return f" ({said[:MAX_SAID_CHARACTERS].rstrip('. ')})"


def capitalize(text: str) -> str:
    """Return a text with a capital at its beginning."""
    return text[:1].upper() + text[1:]
