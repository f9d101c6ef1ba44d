"""What is wrong with what a user gave, collected so that all of it is told together."""

import re
from collections.abc import Callable, Iterable

from snakemake_executor_plugin_batchx.errors import BatchxError

JOB_LABEL = re.compile(r"(?P<rule>Rule \w+) \(.*?\): ")
"""How a sentence on one of many jobs of a rule begins (workflow/steps.py, `make_label`)."""

VALUES = re.compile(r"'[^']*'|\d+")


class WrongValueError(ValueError):
    """A value that is not allowed.

    Each of `reasons` goes on where the value was named ("batchx_priority=-1 must be …"), without a
    period: whoever knows who gave the value makes sentences of them.
    """

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


class Problems:
    """Takes in, in `with`, what is told of wrong values, so that others are looked at as well.

    `label` names the job or whoever else asks ("Rule align"): it goes before reasons, which
    `reword` may change, not before sentences that are whole.
    """

    def __init__(self, label: str = "", reword: Callable[[str], str] = str) -> None:
        self._label = label
        self._reword = reword
        self.sentences: list[str] = []

    def __enter__(self) -> "Problems":
        """Begin to look."""
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        """Take in what is told of wrong values, nothing else."""
        if isinstance(error, WrongValueError):
            self.add_reasons(error.reasons)
        elif isinstance(error, BatchxError):
            self.sentences += str(error).splitlines()
        return isinstance(error, WrongValueError | BatchxError)

    def add_reasons(self, reasons: Iterable[str]) -> None:
        """Make sentences of reasons."""
        prefix = f"{self._label}: " if self._label else ""
        self.sentences += [_end(f"{prefix}{self._reword(reason)}") for reason in reasons]

    def raise_all(self) -> None:
        """Raise BatchxError, a line for each sentence, if there is any."""
        if self.sentences:
            raise BatchxError("\n".join(fold_alike(dict.fromkeys(self.sentences))))


def fold_alike(sentences: Iterable[str]) -> list[str]:
    """Return sentences, of those on jobs of a rule that differ in values alone the first job's.

    A mistake in a function of wildcards would else be told a thousand times.
    """
    labels: dict[tuple[str, str], list[str]] = {}
    told: dict[str, tuple[str, str] | None] = {}
    for sentence in sentences:
        match = JOB_LABEL.match(sentence)
        if match is None:
            told[sentence] = None
            continue
        shape = match["rule"], VALUES.sub("", sentence[match.end() :])
        alike = labels.setdefault(shape, [])
        if not alike or match[0] == alike[0]:
            told[sentence] = shape
        if match[0] not in alike[-1:]:
            alike.append(match[0])
    return [
        f"{sentence} The same goes for {count} more of its jobs." if count > 0 else sentence
        for sentence, shape in told.items()
        for count in [len(set(labels[shape])) - 1 if shape else 0]
    ]


def _end(sentence: str) -> str:
    line = " ".join(sentence.splitlines())  # what a user gave may hold line breaks
    return line if line.endswith("?") else f"{line}."
