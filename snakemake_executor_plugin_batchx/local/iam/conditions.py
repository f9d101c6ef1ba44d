"""The condition operators of IAM, and whether a request meets a condition.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
and reference_policies_condition-single-vs-multi-valued-context-keys.html beside it
"""

from __future__ import annotations

import datetime
import ipaddress
import operator as compare
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from snakemake_executor_plugin_batchx.local.iam.errors import PolicyError
from snakemake_executor_plugin_batchx.local.iam.globs import Glob, Keys
from snakemake_executor_plugin_batchx.local.iam.keys import check_key, find_values

NAME = re.compile(
    r"(?:(?P<quantifier>ForAllValues|ForAnyValue):)?(?P<base>\w+?)(?P<if_exists>IfExists)?"
)
ARN_PARTS = 6

Matcher = Callable[[str, Keys], bool]
"""True if a value of the request is what one text of the policy asks for."""


@dataclass(frozen=True)
class Operator:
    """How values compare; a negated one is met where no value of the policy matches."""

    read: Callable[[str, bool], Matcher]
    is_negated: bool = False


@dataclass(frozen=True)
class Condition:
    """One operator on one key; ``matchers`` are the policy's values, of which one is enough."""

    key: str
    operator: Operator
    quantifier: str | None
    is_met_without_key: bool
    matchers: tuple[Matcher, ...]

    def is_met(self, keys: Keys) -> bool:
        """True if the request meets it."""
        values = find_values(keys, self.key)
        if not values:
            return self.is_met_without_key
        verdicts = [self._matches(value, keys) for value in values]
        if self.quantifier == "ForAllValues":
            return all(verdicts)
        if self.quantifier == "ForAnyValue" or not self.operator.is_negated:
            return any(verdicts)
        return all(verdicts)

    def _matches(self, value: str, keys: Keys) -> bool:
        is_equal = any(matches(value, keys) for matches in self.matchers)
        return is_equal is not self.operator.is_negated


@dataclass(frozen=True)
class NullCondition:
    """``Null``: whether the request has the key at all."""

    key: str
    is_absent: bool

    def is_met(self, keys: Keys) -> bool:
        """True if the request meets it."""
        return (not find_values(keys, self.key)) is self.is_absent


def iter_conditions(
    block: Mapping[str, Mapping[str, Any]], *, has_variables: bool
) -> Iterator[Condition | NullCondition]:
    """Reads a statement's ``Condition``; the request must meet all of them.

    Raises:
        PolicyError: an operator, key or value is not understood.
    """
    for name, by_key in block.items():
        for key, texts in by_key.items():
            values = [_write(each) for each in (texts if isinstance(texts, list) else [texts])]
            yield _make_condition(name, key, values, has_variables)


def _make_condition(
    name: str, key: str, values: list[str], has_variables: bool
) -> Condition | NullCondition:
    if name == "Null":
        return NullCondition(check_key(key), is_absent=_read_bool(values[0]))
    found = NAME.fullmatch(name)
    operator = OPERATORS.get(found["base"]) if found is not None else None
    if found is None or operator is None:
        raise PolicyError(f"The embedded AWS does not know the condition operator {name}.")
    quantifier = found["quantifier"]
    return Condition(
        key=check_key(key),
        operator=operator,
        quantifier=quantifier,
        is_met_without_key=found["if_exists"] is not None
        or quantifier == "ForAllValues"
        or (operator.is_negated and quantifier is None),
        matchers=tuple(operator.read(each, has_variables) for each in values),
    )


def _write(value: Any) -> str:
    """JSON's own booleans and numbers stand for their texts."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _read_bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise PolicyError(f"{text} is neither true nor false.")
    return text.lower() == "true"


def _read_text(text: str, has_variables: bool) -> Matcher:
    return Glob(text, has_variables=has_variables, has_wildcards=False).matches


def _read_caseless(text: str, has_variables: bool) -> Matcher:
    glob = Glob(text, has_variables=has_variables, has_wildcards=False, is_caseless=True)
    return glob.matches


def _read_glob(text: str, has_variables: bool) -> Matcher:
    return Glob(text, has_variables=has_variables).matches


def _read_truth(text: str, _: bool) -> Matcher:
    wanted = _read_bool(text)
    return lambda value, _: value.lower() == str(wanted).lower()


def _read_arn(text: str, has_variables: bool) -> Matcher:
    """Each of an ARN's six parts is matched on its own."""
    parts = [Glob(part, has_variables=has_variables) for part in text.split(":", ARN_PARTS - 1)]

    def matches(value: str, keys: Keys) -> bool:
        given = value.split(":", ARN_PARTS - 1)
        pairs = zip(parts, given, strict=False)
        return len(given) == len(parts) and all(p.matches(v, keys) for p, v in pairs)

    return matches


def _read_network(text: str, _: bool) -> Matcher:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise PolicyError(f"{text} is no range of IP addresses.") from None
    return lambda value, _: ipaddress.ip_address(value) in network


def _to_number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise PolicyError(f"{text} is no number.") from None


def _to_seconds(text: str) -> float:
    """A date as ISO 8601 has it, or seconds since 1970."""
    try:
        if text.isdecimal():
            return float(text)
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise PolicyError(f"{text} is no date.") from None
    return moment.replace(tzinfo=moment.tzinfo or datetime.UTC).timestamp()


def _compare(
    read: Callable[[str], float], is_so: Callable[[float, float], bool]
) -> Callable[[str, bool], Matcher]:
    def make(text: str, _: bool) -> Matcher:
        bound = read(text)
        return lambda value, _: is_so(read(value), bound)

    return make


def _list_comparisons(kind: str, read: Callable[[str], float]) -> dict[str, Operator]:
    return {
        f"{kind}Equals": Operator(_compare(read, compare.eq)),
        f"{kind}NotEquals": Operator(_compare(read, compare.eq), is_negated=True),
        f"{kind}LessThan": Operator(_compare(read, compare.lt)),
        f"{kind}LessThanEquals": Operator(_compare(read, compare.le)),
        f"{kind}GreaterThan": Operator(_compare(read, compare.gt)),
        f"{kind}GreaterThanEquals": Operator(_compare(read, compare.ge)),
    }


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        "StringEquals": Operator(_read_text),
        "StringNotEquals": Operator(_read_text, is_negated=True),
        "StringEqualsIgnoreCase": Operator(_read_caseless),
        "StringNotEqualsIgnoreCase": Operator(_read_caseless, is_negated=True),
        "StringLike": Operator(_read_glob),
        "StringNotLike": Operator(_read_glob, is_negated=True),
        # The two are the same: ArnEquals takes wildcards, too.
        "ArnEquals": Operator(_read_arn),
        "ArnLike": Operator(_read_arn),
        "ArnNotEquals": Operator(_read_arn, is_negated=True),
        "ArnNotLike": Operator(_read_arn, is_negated=True),
        "Bool": Operator(_read_truth),
        "IpAddress": Operator(_read_network),
        "NotIpAddress": Operator(_read_network, is_negated=True),
        **_list_comparisons("Numeric", _to_number),
        **_list_comparisons("Date", _to_seconds),
    }
)
