"""Texts of a policy that are matched: wildcards (``*``, ``?``) and policy variables.

Sources: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from snakemake_executor_plugin_batchx.local.iam.errors import PolicyError
from snakemake_executor_plugin_batchx.local.iam.keys import check_key, find_values

Keys = Mapping[str, tuple[str, ...]]
"""A request's condition keys, in lower case, with their values."""

TOKEN = re.compile(r"\$\{(?P<variable>[^}]*)\}|(?P<star>\*)|(?P<mark>\?)")
DEFAULT = re.compile(r"(?P<name>[^,]+?)\s*(?:,\s*'(?P<default>[^']*)'\s*)?")
ESCAPES = ("*", "?", "$")
"""``${*}`` stands for the character itself."""

Piece = Callable[[Keys], "str | None"]
"""Makes a part of the regular expression; None where its variable has no value."""


class Glob:
    """A text with wildcards and variables.

    Args:
        text: as it stands in the policy.
        has_variables: True in policies of version 2012-10-17; ``${…}`` is plain text in older ones.
        has_wildcards: False where ``*`` and ``?`` are plain text.
        is_caseless: True for actions.

    Raises:
        PolicyError: a variable is malformed or unknown here.
    """

    def __init__(
        self,
        text: str,
        *,
        has_variables: bool = True,
        has_wildcards: bool = True,
        is_caseless: bool = False,
    ):
        self.text = text
        self._flags = re.DOTALL | (re.IGNORECASE if is_caseless else 0)
        self._pieces = _read_pieces(text, has_variables, has_wildcards)
        self._pattern: re.Pattern[str] | None = None
        if all(isinstance(piece, str) for piece in self._pieces):
            self._pattern = _compile("".join(map(str, self._pieces)), self._flags)

    def matches(self, value: str, keys: Keys) -> bool:
        """True if the whole value matches; never, where a variable has no value."""
        pattern = self._pattern
        if pattern is None:
            filled = [piece if isinstance(piece, str) else piece(keys) for piece in self._pieces]
            if None in filled:
                return False
            pattern = _compile("".join(map(str, filled)), self._flags)
        return pattern.fullmatch(value) is not None


@lru_cache(maxsize=4096)
def _compile(expression: str, flags: int) -> re.Pattern[str]:
    return re.compile(expression, flags)


def _read_pieces(text: str, has_variables: bool, has_wildcards: bool) -> list[str | Piece]:
    pieces: list[str | Piece] = []
    end = 0
    for token in TOKEN.finditer(text):
        variable = token["variable"]
        if (variable is None and not has_wildcards) or (variable is not None and not has_variables):
            continue
        pieces.append(re.escape(text[end : token.start()]))
        end = token.end()
        if variable is None:
            pieces.append(".*" if token["star"] else ".")
        elif variable in ESCAPES:
            pieces.append(re.escape(variable))
        else:
            pieces.append(_read_variable(variable))
    if has_variables and "${" in TOKEN.sub("", text):
        raise PolicyError(f"The policy variable in {text} has no end.")
    return [*pieces, re.escape(text[end:])]


def _read_variable(text: str) -> Piece:
    found = DEFAULT.fullmatch(text)
    if found is None:
        raise PolicyError(f"The policy variable ${{{text}}} is malformed.")
    name, default = check_key(found["name"]), found["default"]

    def fill(keys: Keys) -> str | None:
        # Variables stand for keys of one value only.
        values = find_values(keys, name)
        value = values[0] if len(values) == 1 else default
        return None if value is None else re.escape(value)

    return fill
