"""Whether a pattern of a policy and the form of a resource type's ARNs have an ARN in common."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

HOLDING_ANYTHING = {
    "ObjectName",
    "RepositoryName",
    "RoleNameWithPath",
    "InstanceProfileNameWithPath",
    "LogGroupName",
    "LogStreamName",
    "ParameterNameWithoutLeadingSlash",
    "SecretId",
}
"""Variables of ARN forms that may stand for / and :, unlike all others."""


@dataclass(frozen=True)
class Piece:
    """One character, or as many as one likes, of those that `fits` takes."""

    samples: str
    is_repeated: bool = False


ANYTHING = "".join(map(chr, range(33, 127)))
WORD = "".join(each for each in ANYTHING if each not in ":/")


def read_pattern(pattern: str) -> list[Piece]:
    """Return a resource of a policy: * and ? stand for anything."""
    return [
        Piece(ANYTHING, is_repeated=each == "*") if each in "*?" else Piece(each)
        for each in pattern
    ]


def read_form(form: str) -> list[Piece]:
    """Return a resource type's ARN: variables stand for at least one character."""
    pieces: list[Piece] = []
    for literal, name in re.findall(r"([^$]+)|\$\{(\w+)\}", form):
        samples = ANYTHING if name in HOLDING_ANYTHING else WORD
        # Buckets have neither region nor account, and roles no region, but their forms say so.
        pieces += map(Piece, literal) if literal else [Piece(samples), Piece(samples, True)]
    return pieces


def overlap(pattern: str, form: str) -> bool:
    """Tell whether some ARN is of the form, and meant by the pattern."""
    first, second = read_pattern(pattern), read_form(form)
    reached, waiting = {(0, 0)}, [(0, 0)]
    while waiting:
        i, j = waiting.pop()
        if (i, j) == (len(first), len(second)):
            return True
        for state in _iter_next(first, second, i, j):
            if state not in reached:
                reached.add(state)
                waiting.append(state)
    return False


def _iter_next(
    first: list[Piece], second: list[Piece], i: int, j: int
) -> Iterator[tuple[int, int]]:
    """Yield where one more character, or leaving out what is repeated, leads to."""
    mine = first[i] if i < len(first) else None
    other = second[j] if j < len(second) else None
    if mine and mine.is_repeated:
        yield i + 1, j
    if other and other.is_repeated:
        yield i, j + 1
    if mine and other and not set(mine.samples).isdisjoint(other.samples):
        yield i + (not mine.is_repeated), j + (not other.is_repeated)
