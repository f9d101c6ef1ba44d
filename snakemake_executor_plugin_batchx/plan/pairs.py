"""Readers of values that hold several items: tags, secrets and consumable resources.

Each takes a text or a list of texts, whose items are separated by commas, and raises
WrongValueError with a reason for each item that is wrong. An empty text holds no item.
"""

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from snakemake_executor_plugin_batchx.plan.readers import ACCOUNT, PARTITION, REGION
from snakemake_executor_plugin_batchx.plan.values import WrongValueError

T = TypeVar("T")

RESERVED_TAGS = ("aws:", "batchx:")

MAX_TAGS = 40
"""AWS allows 50 tags on a job (https://docs.aws.amazon.com/batch/latest/userguide/using-tags.html);
ten are kept for our own."""

MAX_TAG_VALUE = 256
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_TagResource.html"""

MOST_CONSUMABLES = 5
"""https://docs.aws.amazon.com/batch/latest/userguide/resource-aware-scheduling.html"""

SECRET_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)

OWN_VARIABLES = frozenset({"LD_PRELOAD", "BATCHX_IMAGE_LD_PRELOAD"})
"""plan/image.py, shield_preload"""

RESERVED_SECRETS = "AWS_BATCH"
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html"""

SECRETS_MANAGER_ARN = re.compile(
    rf"arn:{PARTITION}:secretsmanager:{REGION}:{ACCOUNT}:secret:[\w/+=.@-]{{1,512}}"
    r"(?::(?P<key>[^:\x00-\x1f]*):(?P<stage>[\w/+=.@-]*):(?P<version>[\w-]*))?",
    re.ASCII,
)
"""With json-key:version-stage:version-id, or without (https://docs.aws.amazon.com/batch/latest/
userguide/specifying-sensitive-data-secrets.html)."""

PARAMETER_ARN = re.compile(
    rf"arn:{PARTITION}:ssm:{REGION}:{ACCOUNT}:parameter/[\w./-]{{1,1011}}", re.ASCII
)
"""https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"""

PARAMETER_NAME = re.compile(r"/[\w./-]{1,1011}", re.ASCII)
"""AWS takes the name alone in the job's own region. We take it with a slash before it only: without
one, it cannot be told from a secret that was given in place of its name."""

PLACE_WANTED = (
    "must be NAME=ARN, with the ARN of a secret in Secrets Manager or of a parameter of Systems "
    "Manager (or the parameter's name with / before it), never with the secret itself"
)

REGISTRY_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?", re.ASCII)

ECR_HOST = re.compile(r"\d{12}\.dkr[.-]ecr[a-z-]*\..*", re.ASCII)
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html"""

HIDDEN = "…"

_RESOURCE_NAME = r"[A-Za-z0-9][\w-]{0,127}"

CONSUMABLE = re.compile(
    rf"{_RESOURCE_NAME}|arn:{PARTITION}:batch:{REGION}:{ACCOUNT}:consumable-resource/{_RESOURCE_NAME}",
    re.ASCII,
)
"""Name or ARN (https://docs.aws.amazon.com/batch/latest/APIReference/
API_ConsumableResourceRequirement.html); that names are made as those of queues could not be
verified."""


def list_texts(given: object, example: str) -> list[str]:
    """Return the texts that a value consists of, none for None.

    Raises WrongValueError, with an example of what is right, for anything but texts.
    """
    parts = given if isinstance(given, list | tuple) else () if given is None else (given,)
    texts = [part for part in parts if isinstance(part, str)]
    if len(texts) < len(parts):
        raise WrongValueError(f"must be a text such as {example!r}")
    return texts


def split_items(given: object, example: str) -> list[str]:
    """Return the items in a text or in several: at commas, for values may hold blanks.

    Raises WrongValueError, with an example of what is right, for anything but texts.
    """
    texts = list_texts(given, example)
    return [item.strip() for text in texts for item in text.split(",") if item.strip()]


def read_tags(given: object) -> tuple[tuple[str, str], ...]:
    """Return keys and values of tags.

    What AWS takes: https://docs.aws.amazon.com/batch/latest/userguide/using-tags.html.
    """
    items = split_items(given, "project=flu,owner=me")
    too_many = (
        f"has {len(items)} tags: at most {MAX_TAGS} are possible (AWS allows 50 and batchx adds "
        "its own)"
    )
    return _read_items(items, _read_tag, (too_many,) if len(items) > MAX_TAGS else ())


def make_tag_value(text: str) -> str:
    """Return a text as the value of a tag: `_` for what AWS does not take, cut where it is long."""
    return re.sub(r"[^\w .:/=+@-]", "_", text)[:MAX_TAG_VALUE]


def read_consumables(given: object) -> tuple[tuple[str, int], ...]:
    """Return names (or ARNs) and quantities of consumable resources; one of each by default."""
    items = split_items(given, "license-token=2,database")
    reasons = []
    if len(items) > MOST_CONSUMABLES:
        reasons.append(
            f"has {len(items)} consumable resources: a job takes {MOST_CONSUMABLES} at most"
        )
    pairs = _read_items(items, _read_consumable, reasons)
    # By name and by ARN it is the same.
    names = [name.rpartition("/")[2] for name, _ in pairs]
    if len(set(names)) < len(names):
        raise WrongValueError("names a consumable resource by name and by ARN: keep one each")
    return pairs


def read_secrets(given: object) -> tuple[tuple[str, str], ...]:
    """Return names of environment variables and where ECS reads their values.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_Secret.html. No reason repeats what
    may be the secret itself; see `hide_secrets` for the value as a whole.
    """
    example = "TOKEN=arn:aws:ssm:eu-west-1:123456789012:parameter/token"
    items = split_items(given, example)
    shown = dict(zip(items, _hide_items(items, SECRET_NAME), strict=True))
    return _read_items(items, lambda item: _read_secret(item, shown[item]))


def read_registry_logins(given: object) -> tuple[tuple[str, str], ...]:
    """Return hosts of registries and the ARNs of the secrets that hold their logins.

    https://docs.aws.amazon.com/batch/latest/APIReference/API_RepositoryCredentials.html. The host
    is always named, so that no login is sent to a registry that it is not for.
    """
    example = "quay.io=arn:aws:secretsmanager:eu-west-1:123456789012:secret:quay"
    items = split_items(given, example)
    shown = dict(zip(items, _hide_items(items, REGISTRY_HOST), strict=True))
    return _read_items(items, lambda item: _read_registry_login(item, shown[item]))


def hide_secrets(given: object) -> str:
    """Return secrets as they were given, with `…` in place of all that may be a secret itself."""
    return _hide(given, SECRET_NAME)


def hide_logins(given: object) -> str:
    """Return logins of registries as they were given, with `…` for what may be a password."""
    return _hide(given, REGISTRY_HOST)


def _hide(given: object, names: re.Pattern[str]) -> str:
    try:
        return ",".join(_hide_items(split_items(given, ""), names))
    except WrongValueError:
        return HIDDEN


def _hide_items(items: Iterable[str], names: re.Pattern[str]) -> list[str]:
    """Return items of NAME=ARN; `names` is what names look like."""
    shown: list[str] = []
    is_whole = True
    for item in items:
        name, _, value = item.partition("=")
        # Base64 ends with =, too.
        is_named = bool(names.fullmatch(name.strip())) and bool(value.strip(" ="))
        if is_secret_arn(item) or (is_named and is_secret_arn(value.strip())):
            shown.append(item)
            continue
        # After a secret was hidden, an item may be what follows a comma within that secret.
        shown.append(f"{name}={HIDDEN}" if is_named and is_whole else HIDDEN)
        is_whole = False
    return shown


def is_secret_arn(text: str) -> bool:
    """Tell whether a text is the ARN of a secret or of a parameter."""
    return any(each.fullmatch(text) for each in (SECRETS_MANAGER_ARN, PARAMETER_ARN))


def _read_items(
    items: Iterable[str],
    read_item: Callable[[str], tuple[str, T]],
    other_reasons: Iterable[str] = (),
) -> tuple[tuple[str, T], ...]:
    pairs: list[tuple[str, T]] = []
    reasons: list[str] = []
    for item in items:
        try:
            pairs.append(read_item(item))
        except WrongValueError as error:
            reasons += error.reasons
    names = [name for name, _ in pairs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        reasons.append(f"has {', '.join(repeated)} more than once: keep one each")
    reasons += other_reasons
    if reasons:
        raise WrongValueError(*reasons)
    return tuple(pairs)


def _read_tag(item: str) -> tuple[str, str]:
    key, separator, value = (part.strip() for part in item.partition("="))
    if not separator or not re.fullmatch(r"[\w .:/+@-]{1,128}", key):
        raise WrongValueError(
            f"holds {item!r}, which must be KEY=VALUE with a key of letters, digits, blanks and "
            "_ . : / + - @ (at most 128)"
        )
    if key.lower().startswith(RESERVED_TAGS):
        raise WrongValueError(
            f"holds {item!r}, but keys starting 'aws:' are AWS's, those starting 'batchx:' are ours"
        )
    if not re.fullmatch(rf"[\w .:/=+@-]{{0,{MAX_TAG_VALUE}}}", value):
        raise WrongValueError(
            f"holds {item!r}, whose value may hold letters, digits, blanks and _ . : / = + - @ "
            f"only (at most {MAX_TAG_VALUE})"
        )
    if re.search(r" [\w.:/+@-]+=", value):
        raise WrongValueError(
            f"holds {item!r}, which looks like several tags in one: separate them by commas"
        )
    return key, value


def _read_consumable(item: str) -> tuple[str, int]:
    name, separator, quantity = (part.strip() for part in item.partition("="))
    if not CONSUMABLE.fullmatch(name):
        raise WrongValueError(
            f"holds {item!r}, which must be NAME or NAME=QUANTITY with the name (letters, digits, "
            "- and _, at most 128) or the ARN of a consumable resource"
        )
    if not separator:
        return name, 1
    if not re.fullmatch(r"[1-9]\d{0,17}", quantity, re.ASCII):
        raise WrongValueError(f"holds {item!r}, whose quantity must be a whole number from 1 on")
    return name, int(quantity)


def _read_registry_login(item: str, shown: str) -> tuple[str, str]:
    host, _, arn = (part.strip() for part in item.partition("="))
    found = SECRETS_MANAGER_ARN.fullmatch(arn)
    if not REGISTRY_HOST.fullmatch(host) or not found or found["key"] is not None:
        raise WrongValueError(
            f"holds {shown!r}, which must be HOST=ARN: a registry such as "
            "quay.io, and the ARN of a secret in Secrets Manager with username and password"
        )
    if ECR_HOST.fullmatch(host):
        raise WrongValueError(
            f"holds {host!r}, but ECR is read with AWS credentials and takes no other: leave it out"
        )
    return host, arn


def _read_secret(item: str, shown: str) -> tuple[str, str]:
    name, _, value = (part.strip() for part in item.partition("="))
    is_place = is_secret_arn(value) or PARAMETER_NAME.fullmatch(value)
    if not is_place or not SECRET_NAME.fullmatch(name):
        raise WrongValueError(f"holds {shown!r}, which {PLACE_WANTED}")
    if name.startswith(RESERVED_SECRETS):
        raise WrongValueError(
            f"holds {shown!r}, but AWS Batch keeps names starting {RESERVED_SECRETS} for itself"
        )
    if name in OWN_VARIABLES:
        raise WrongValueError(
            f"holds {shown!r}, but batchx sets {name} itself: a variable cannot be a secret, too"
        )
    found = SECRETS_MANAGER_ARN.fullmatch(value)
    if found and found["stage"] and found["version"]:
        raise WrongValueError(
            f"holds {shown!r}, which names both a version's stage and its id: leave one out"
        )
    return name, value
