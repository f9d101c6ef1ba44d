"""Which names are taken: patterns in the order given, of which the last that fits decides.

As in `aws s3 sync`: https://docs.aws.amazon.com/cli/latest/reference/s3/index.html, "Use of
Exclude and Include Filters".
"""

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pattern:
    """A pattern of shells, for the whole name below the top; `*` fits `/`, too."""

    text: str
    is_taken: bool


class Filters:
    """Patterns; what none of them fits is taken."""

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        self._patterns = [
            (each, re.compile(fnmatch.translate(each.text)).match) for each in patterns
        ][::-1]

    def takes(self, name: str) -> bool:
        """Tell whether a name is taken."""
        return next((each.is_taken for each, fits in self._patterns if fits(name)), True)

    def leaves_out_all(self, folder: str) -> bool:
        """Tell whether nothing below a folder (`name/`) can be taken, so that none need look."""
        for each, fits in self._patterns:
            if each.is_taken:
                return False
            # What fits "…*" does so whatever follows.
            if each.text.endswith("*") and fits(folder):
                return True
        return False
