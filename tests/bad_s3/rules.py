"""Which requests meet which fault."""

import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto


class Fault(Enum):
    """What happens to a request, or to its answer.

    CORRUPT changes a byte of the content, of an upload on its way to the server, of an answer on
    its way back. TRUNCATE announces the whole answer and closes halfway. The stalls send nothing
    more until the test ends. Of the resets the first comes before the request is read, the second
    halfway through the longer body of the two, and after the third the server has done what it
    was asked, and nobody hears of it.
    """

    TRUNCATE = auto()
    CORRUPT = auto()
    STALL = auto()
    STALL_HALFWAY = auto()
    RESET = auto()
    RESET_HALFWAY = auto()
    RESET_AFTER = auto()
    SLOW_DOWN = auto()
    INTERNAL_ERROR = auto()
    ERROR_IN_OK = auto()
    ACCESS_DENIED = auto()


When = Callable[[int, random.Random], bool]
"""Tells whether the n-th request that a rule is about, from 1, meets its fault."""


def first(count: int) -> When:
    """So many requests, then no more."""
    return lambda number, _: number <= count


def nth(wanted: int) -> When:
    """One request."""
    return lambda number, _: number == wanted


def every(step: int) -> When:
    """Each `step`-th request."""
    return lambda number, _: number % step == 0


def chance(probability: float) -> When:
    """By the proxy's seed."""
    return lambda _, generator: generator.random() < probability


always = every(1)


@dataclass(frozen=True)
class Request:
    """What a request is: its S3 operation as boto3 names it, and the object's key."""

    method: str
    operation: str
    key: str


@dataclass(frozen=True)
class Rule:
    """A fault for requests of a method, an operation, and keys in which a pattern is found.

    What is not said matches all. `action` is done before the request is.
    """

    fault: Fault | None
    when: When = always
    method: str = ""
    operation: str = ""
    key: str = ""
    action: Callable[[], object] = lambda: None

    def is_about(self, request: Request) -> bool:
        """Tell whether a request counts for this rule."""
        return (
            self.method in {"", request.method}
            and self.operation in {"", request.operation}
            and re.search(self.key, request.key) is not None
        )


class Book:
    """Draws faults and counts requests. Any thread may call."""

    def __init__(self, seed: int) -> None:
        self.methods: Counter[str] = Counter()
        self.operations: Counter[str] = Counter()
        self.faults: Counter[Fault] = Counter()
        self._random = random.Random(seed)
        self._rules: Sequence[Rule] = ()
        self._seen: Counter[int] = Counter()
        self._lock = threading.Lock()

    def set_rules(self, *rules: Rule) -> None:
        """Give all requests from now on these faults: each that of the first rule that hits it."""
        with self._lock:
            self._rules = rules
            self._seen.clear()

    def draw(self, request: Request) -> Fault | None:
        """Count a request; return what it meets."""
        with self._lock:
            self.methods[request.method] += 1
            self.operations[request.operation] += 1
            hits = [
                rule for place, rule in enumerate(self._rules) if self._hits(place, rule, request)
            ]
            if hits and hits[0].fault:
                self.faults[hits[0].fault] += 1
        if not hits:
            return None
        hits[0].action()
        return hits[0].fault

    def _hits(self, place: int, rule: Rule, request: Request) -> bool:
        if not rule.is_about(request):
            return False
        self._seen[place] += 1
        return rule.when(self._seen[place], self._random)
