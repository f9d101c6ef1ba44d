"""The module map: what a site says, for all its workflows, of tools' images and queues."""

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import MappingProxyType

from snakemake_executor_plugin_batchx.plan.image import DEFINITION_SCHEME
from snakemake_executor_plugin_batchx.plan.readers import (
    ACCOUNT,
    PARTITION,
    REGION,
    Reader,
    make_text_reader,
    read_queue,
)
from snakemake_executor_plugin_batchx.plan.values import WrongValueError

DOCKER_SCHEME = "docker://"

LOCAL_QUEUE = "local"
"""The embedded Batch: a run has it for all of its jobs or for none."""

# As in https://github.com/distribution/reference/blob/main/regexp.go, a little wider.
_COMPONENT = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_TAG = r"\w[\w.-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
_IMAGE = (
    rf"(?:{DOCKER_SCHEME})?(?:{_COMPONENT}(?::\d+)?/)?{_COMPONENT}(?:/{_COMPONENT})*"
    rf"(?::{_TAG})?(?:@{_DIGEST})?"
)

TOP_KEY = "modules"

KEYS: Mapping[str, Reader[str]] = MappingProxyType(
    {
        "rule": make_text_reader(r"\S+", "a pattern without blanks, such as align_*"),
        "container": make_text_reader(r"\S+", "a pattern without blanks, such as */samtools"),
        "image": make_text_reader(
            _IMAGE,
            "an image such as registry/name:tag or registry/name@sha256:…, the name in lower case",
        ),
        # https://docs.aws.amazon.com/batch/latest/APIReference/API_RegisterJobDefinition.html
        "definition": make_text_reader(
            rf"(?:arn:{PARTITION}:batch:{REGION}:{ACCOUNT}:job-definition/)?"
            r"[A-Za-z0-9][\w-]{0,127}(?::[1-9]\d*)?",
            "the name, name:revision or ARN of a job definition",
        ),
        "version": make_text_reader(
            rf"{_DIGEST}|{_TAG}",
            "a tag (letters, digits and _ . -, at most 128) or sha256: with 64 hex digits",
        ),
        "queue": read_queue,
    }
)
"""What an entry may hold, and how each is read."""

CONDITIONS = ("rule", "container")
EFFECTS = ("image", "definition", "version", "queue")

KINDS: tuple[tuple[tuple[type, ...], str], ...] = (
    ((type(None),), "empty"),
    ((list, tuple), "a list"),
    ((Mapping,), "a table of keys"),
    ((str,), "a text"),
    ((bool,), "true or false"),
    ((int, float), "a number"),
)
"""How Python's types are called in files; the first that fits counts, as a bool is an int too."""

NEVER_A_TEXT = (type(None), list, tuple, Mapping)
"""What quotes would not make a text of; they do of the number 1.17 and of the date 2024-10-01."""


@dataclass(frozen=True)
class Module:
    """An entry: the patterns that a job must fit where they are given, and what it then gets."""

    rule: str | None = None
    container: str | None = None
    image: str | None = None
    definition: str | None = None
    version: str | None = None
    queue: str | None = None

    def is_for(self, rule: str, container: str) -> bool:
        """Tell whether the jobs of a rule that names `container`, "" for none, are meant."""
        if self.rule is not None and not fnmatchcase(rule, self.rule):
            return False
        if self.container is None:
            return True
        pattern = self.container.removeprefix(DOCKER_SCHEME)
        return any(fnmatchcase(form, pattern) for form in _list_forms(container))

    def replace_container(self, container: str) -> str | None:
        """Return what jobs run in instead of `container`, None where this is not decided here.

        A version by itself decides nothing where `container` is no image in a registry.
        """
        if self.definition is not None:
            return DEFINITION_SCHEME + self.definition
        if self.version is None:
            return self.image
        named = self.image or container
        if not re.fullmatch(_IMAGE, named, re.ASCII):
            return None
        separator = "@" if re.fullmatch(_DIGEST, self.version) else ":"
        return f"{_drop_version(named)}{separator}{self.version}"


@dataclass(frozen=True)
class ModuleMap:
    """Entries in the order of the file: the first that fits and decides something counts for it."""

    modules: tuple[Module, ...]

    def choose_container(self, rule: str, container: str) -> str:
        """Return what the jobs of a rule run in instead of `container`, "" for none.

        This is an image, job-definition://… or, where no entry decides it, `container` as it was.
        """
        for module in self.modules:
            if module.is_for(rule, container):
                replaced = module.replace_container(container)
                if replaced is not None:
                    return replaced
        return container

    def choose_queue(self, rule: str, container: str) -> str | None:
        """Return the name or ARN of the queue for jobs of a rule that names `container`.

        None where no entry decides it.
        """
        for module in self.modules:
            if module.queue is not None and module.is_for(rule, container):
                return module.queue
        return None


EMPTY_MAP = ModuleMap(())


def make_module_map(data: object) -> ModuleMap:
    """Return the map that plain data describes, as YAML, TOML and JSON have it.

    Raises WrongValueError with a reason for each mistake, which names its entry, counted from 1.
    """
    if not isinstance(data, Mapping) or TOP_KEY not in data:
        raise WrongValueError(f"must hold the key '{TOP_KEY}' with a list of entries")
    reasons = [f"is not valid: {each}" for each in _iter_strange_keys(data, (TOP_KEY,))]
    entries = data[TOP_KEY]
    if not isinstance(entries, list | tuple):
        kind = _name_kind(entries)
        reasons.append(f"is not valid: '{TOP_KEY}' is {kind}, but must be a list of entries")
        raise WrongValueError(*reasons)
    modules = []
    for number, entry in enumerate(entries, 1):
        mistakes = _list_mistakes(entry)
        reasons += [f"is not valid in {_name_entry(number, entry)}: {each}" for each in mistakes]
        if isinstance(entry, Mapping) and not mistakes:
            modules.append(Module(**entry))
    if reasons:
        raise WrongValueError(*reasons)
    return ModuleMap(tuple(modules))


def _list_forms(container: str) -> list[str]:
    """Return what patterns are compared with; nothing for a job definition, which is no image."""
    if not container or container.startswith(DEFINITION_SCHEME):
        return []
    whole = container.removeprefix(DOCKER_SCHEME)
    return [whole, whole.partition("@")[0], _drop_version(whole)]


def _drop_version(image: str) -> str:
    """Return an image without tag and digest; a colon before a slash is that of a port."""
    folders, slash, name = image.partition("@")[0].rpartition("/")
    return folders + slash + name.partition(":")[0]


def _name_entry(number: int, entry: object) -> str:
    """Return "module 3 (container '*/gatk4')": an entry by its number and what it is for."""
    given = entry if isinstance(entry, Mapping) else {}
    shown = [f"{key} {given[key]!r}" for key in CONDITIONS if isinstance(given.get(key), str)]
    return f"module {number} ({', '.join(shown)})" if shown else f"module {number}"


def _list_mistakes(entry: object) -> list[str]:
    """Return a clause for each thing that is wrong with an entry."""
    if not isinstance(entry, Mapping):
        kind = _name_kind(entry)
        return [f"it is {kind}, but must be a table of keys ({', '.join(KEYS)})"]
    strange = [*_iter_strange_keys(entry, tuple(KEYS))]
    # A misspelt key may be the one that is missing.
    missing = [] if strange else [*_iter_missing(entry)]
    return [*strange, *_iter_wrong_values(entry), *missing, *_iter_contradictions(entry)]


def _iter_strange_keys(table: Mapping[object, object], known: tuple[str, ...]) -> Iterator[str]:
    for key in table:
        if not isinstance(key, str):
            yield f"a key is {_name_kind(key)}, but must be one of {', '.join(known)}"
        elif key not in known:
            near = difflib.get_close_matches(key, known, 1)
            fix = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
            yield f"there is no key {key!r} ({fix})"


def _iter_wrong_values(entry: Mapping[object, object]) -> Iterator[str]:
    for key, read in KEYS.items():
        value = entry.get(key)
        if key in entry and not isinstance(value, str):
            fix = "" if isinstance(value, NEVER_A_TEXT) else ": put it in quotes"
            yield f"{key} is {_name_kind(value)}, but must be a text{fix}"
        elif key in entry:
            try:
                read(value)
            except WrongValueError as error:
                yield from (f"{key} {value!r} {reason}" for reason in error.reasons)
    if entry.get("queue") == LOCAL_QUEUE:
        yield f"queue '{LOCAL_QUEUE}' is for --batchx-job-queue alone: name a queue of AWS"


def _iter_missing(entry: Mapping[object, object]) -> Iterator[str]:
    if not any(key in entry for key in CONDITIONS):
        yield "it does not say which jobs it is for: give it rule or container"
    if not any(key in entry for key in EFFECTS):
        yield "it decides nothing: give it image, definition, version or queue"


def _iter_contradictions(entry: Mapping[object, object]) -> Iterator[str]:
    image = entry.get("image")
    if "image" in entry and "definition" in entry:
        yield "image and definition exclude each other: keep one of them"
    if "version" in entry and "definition" in entry:
        yield "a definition has its image and version itself: leave version out"
    if "version" in entry and isinstance(image, str) and _drop_version(image) != image:
        yield f"image {image!r} has a tag or digest already: leave version out, or that"


def _name_kind(value: object) -> str:
    for types, name in KINDS:
        if isinstance(value, types):
            return name
    return f"of type {type(value).__name__}"
