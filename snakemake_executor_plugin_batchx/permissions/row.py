"""A row of the table of permissions."""

from dataclasses import dataclass
from typing import Literal

Holder = Literal["head", "job", "execution", "instance"]

HEAD: Holder = "head"
JOB: Holder = "job"
EXECUTION: Holder = "execution"
INSTANCE: Holder = "instance"

HOLDERS: tuple[Holder, ...] = (HEAD, JOB, EXECUTION, INSTANCE)

Need = Literal["always", "setting", "optional", "withheld", "denied"]

ALWAYS: Need = "always"
SETTING: Need = "setting"
OPTIONAL: Need = "optional"
WITHHELD: Need = "withheld"
DENIED: Need = "denied"

ECS = "ECS: "
"""What the names of calls begin with that ECS makes, not batchx."""

REGISTRY = "registry: "
"""What the names of calls begin with that are made to an image registry, by HTTP."""


@dataclass(frozen=True)
class Permission:
    """What one call needs: IAM's actions, on resources of some kinds, under a condition if any.

    `call` is service and operation as botocore names them. `resources` are names of
    resources.KINDS, `condition` is one of conditions.CONDITIONS. What is `always` needed, or with a
    `setting` (its name, or what else it is needed for), policies allow; what is `optional` they
    allow unless they are to be as small as can be, and `loss` says what a run does without it. What
    is `withheld` they do not allow, and `loss` says why not; what is `denied` they forbid, whatever
    other policies say.
    """

    holder: Holder
    call: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    why: str
    need: Need = ALWAYS
    condition: str = ""
    setting: str = ""
    loss: str = ""
