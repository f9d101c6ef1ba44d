"""Options as `docker run` takes them, in one text: what they ask for, or all that is wrong."""

import difflib
import re
import shlex
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.plan.container_options import (
    ContainerOptions,
    make_note_start,
)
from snakemake_executor_plugin_batchx.plan.docker_flags import (
    FLAGS,
    KNOWN_FLAGS,
    Flag,
    RefusedFlag,
)
from snakemake_executor_plugin_batchx.plan.docker_values import Reading
from snakemake_executor_plugin_batchx.plan.values import WrongValueError

WANTED = "must be a text with options of docker run, such as '--shm-size 1g'"


@dataclass(frozen=True)
class _Use:
    """A flag as it was used: `shown` is how, for messages, `value` what it was given."""

    flag: Flag
    shown: str
    value: str


def parse_container_options(text: object) -> ContainerOptions:
    """Turn options of `docker run` into what a container gets.

    Raises WrongValueError with a reason for each mistake.
    """
    scan = _Scan(_split_words(text))
    scan.read_words()
    readings, mistakes = _read_values(scan.uses)
    if scan.mistakes or mistakes:
        raise WrongValueError(*dict.fromkeys((*scan.mistakes, *mistakes)))
    return _make_options(readings)


def _split_words(text: object) -> list[str]:
    if not isinstance(text, str) or not text.strip():
        raise WrongValueError(WANTED)
    if "\0" in text:
        raise WrongValueError("holds a null character, which no option can have")
    try:
        return shlex.split(text)
    except ValueError:
        raise WrongValueError(
            "has a quote that is not closed or a backslash at its end, where it is split into "
            "words as a shell does"
        ) from None


class _Scan:
    """Words taken apart into uses of flags, as docker's own parser does, and what is wrong."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = deque(words)
        self.uses: list[_Use] = []
        self.mistakes: list[str] = []

    def read_words(self) -> None:
        while self.words:
            word = self.words.popleft()
            if not _is_option(word):
                self._refuse_strays(word)
            elif word.startswith("--"):
                name, sign, value = word.partition("=")
                self._take_flag(name, value if sign else None)
            elif len(name := f"-{word.partition('=')[0]}") > 2 and name in KNOWN_FLAGS:
                self._refuse_one_dash(word, name)
            else:
                self._take_letters(word[1:])

    def _take_letters(self, letters: str) -> None:
        while letters:
            name, letters = f"-{letters[0]}", letters[1:]
            flag = KNOWN_FLAGS.get(name)
            if flag is None or flag.takes_value or letters.startswith("="):
                self._take_flag(name, letters.removeprefix("=") if letters else None)
                return
            self._take_flag(name, None)

    def _take_flag(self, name: str, value: str | None) -> None:
        flag = KNOWN_FLAGS.get(name)
        is_missing = value is None
        if is_missing:
            value = self._find_value(takes_value=flag is None or flag.takes_value)
        if flag is None:
            self.mistakes.append(_explain_unknown(name))
        elif isinstance(flag, RefusedFlag):
            self.mistakes.append(f"holds {name}, {flag.reason}")
        elif not flag.takes_value and is_missing and value is not None:
            self.mistakes.append(f"holds {name} {value}, which docker writes as {name}={value}")
        elif flag.takes_value and value is None:
            self.mistakes.append(f"holds {name} without a value: give one, as in {flag.example}")
        else:
            sign = " " if flag.takes_value else "="
            shown = name if value is None else f"{name}{sign}{value!r}"
            self.uses.append(_Use(flag, shown, "true" if value is None else value))

    def _find_value(self, *, takes_value: bool) -> str | None:
        """Take the next word if it is the value; a boolean flag's is, by mistake, no option."""
        if not self.words:
            return None
        word = self.words[0]
        is_value = not _is_option(word) or re.match(r"-\d", word, re.ASCII)
        if not is_value or not (takes_value or word.lower() in ("true", "false")):
            return None
        return self.words.popleft()

    def _refuse_strays(self, word: str) -> None:
        strays = [word]
        while self.words and not _is_option(self.words[0]):
            strays.append(self.words.popleft())
        self.mistakes.append(
            f"holds {' '.join(strays)!r}, which is no option: {_explain_stray(word)}"
        )

    def _refuse_one_dash(self, word: str, name: str) -> None:
        self.mistakes.append(f"holds {word}, which docker writes with two dashes: {name}")
        if "=" not in word:
            self._find_value(takes_value=KNOWN_FLAGS[name].takes_value)


def _is_option(word: str) -> bool:
    return word.startswith("-") and word not in ("-", "--")


def _explain_unknown(name: str) -> str:
    close = difflib.get_close_matches(name, KNOWN_FLAGS, n=1) if len(name) > 2 else ()
    meant = "".join(f" (did you mean {each}?)" for each in close)
    known = ", ".join("/".join(flag.names) for flag in FLAGS)
    return f"holds {name}, which batchx does not know{meant}: it can hold {known}"


def _explain_stray(word: str) -> str:
    name = f"--{word.lstrip('-–—')}"
    if name in KNOWN_FLAGS:
        return f"did you mean {name}?"
    return "quote a value that has blanks; the image and the command are the rule's own"


def _read_values(uses: Iterable[_Use]) -> tuple[dict[tuple[Flag, str | None], Reading], list[str]]:
    """Return what each flag says, by the key of its use, and what is wrong."""
    readings: dict[tuple[Flag, str | None], Reading] = {}
    shown: dict[tuple[Flag, str | None], str] = {}
    mistakes = []
    for use in uses:
        try:
            reading = use.flag.read(use.value)
        except WrongValueError as error:
            mistakes += [f"holds {use.shown}, which {reason}" for reason in error.reasons]
            continue
        place = (use.flag, reading.key)
        is_other = place in readings and readings[place].value != reading.value
        if is_other and not use.flag.is_last_valid:
            mistakes.append(
                f"holds {shown[place]} and {use.shown}, which contradict each other: give one of "
                "them"
            )
        readings[place] = reading
        shown[place] = use.shown
    return readings, mistakes


def _make_options(readings: dict[tuple[Flag, str | None], Reading]) -> ContainerOptions:
    fields: dict[str, Any] = {}
    notes = []
    for (flag, key), reading in readings.items():
        if key is None:
            fields[flag.field] = reading.value
        else:
            fields[flag.field] = (*fields.get(flag.field, ()), reading.value)
        if reading.note is not None:
            notes.append(make_note_start(flag.names[0], key) + reading.note)
    variables = fields.pop("environment", ())
    return ContainerOptions(
        environment=tuple(pair for pair in variables if pair[1] is not None),
        passed_names=tuple(name for name, value in variables if value is None),
        notes=tuple(notes),
        **fields,
    )
