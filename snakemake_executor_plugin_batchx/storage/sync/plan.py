"""What is to be done with each item of the source: pure, and lazy."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from snakemake_executor_plugin_batchx.storage.sync.filters import Filters
from snakemake_executor_plugin_batchx.storage.sync.items import Item, pair_items
from snakemake_executor_plugin_batchx.storage.words import format_size

TIME_STEP_SECONDS = 0.001
"""Listings of some servers tell milliseconds; S3's own, and HeadObject's, tell whole seconds."""


class Direction(Enum):
    """Where items go; the value is the word for it, and for what has been done."""

    SEND = ("send", "sent")
    FETCH = ("fetch", "fetched")
    COPY = ("copy", "copied")


class Kind(Enum):
    """What is to be done with an item."""

    MOVE = "move"
    MAKE_FOLDER = "make folder"
    COMPARE = "compare"
    """Its content with what is there; it moves if they differ."""
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Action:
    """What is to be done with an item of the source and why; `replaced` is what is there now."""

    kind: Kind
    item: Item
    reason: str
    replaced: Item | None = None


@dataclass(frozen=True)
class Rules:
    """What counts: which way, which names, and whether contents are compared whatever the times."""

    direction: Direction
    filters: Filters
    is_by_checksum: bool = False


Judgement = tuple[Kind, str]

UNCHANGED: Judgement = (Kind.SKIP, "unchanged")
SAME_CONTENT: Judgement = (Kind.SKIP, "same content")
OTHER_CONTENT: Judgement = (Kind.MOVE, "content differs")


def plan_actions(
    source: Iterable[Item], destination: Iterable[Item], rules: Rules
) -> Iterator[Action]:
    """Yield an action for each item of the source that the filters take.

    Both listings must be in order (items.py). Nothing is ever removed at the destination.
    """
    taken = (item for item in source if rules.filters.takes(item.name))
    for item, there in pair_items(taken, destination):
        kind, reason = judge_item(item, there, rules)
        yield Action(kind, item, reason, there)


def judge_item(item: Item, there: Item | None, rules: Rules) -> Judgement:
    """Return what is to be done with an item, and why."""
    if there is None:
        return (Kind.MAKE_FOLDER if item.is_folder else Kind.MOVE), "new"
    if item.is_folder and (rules.direction is not Direction.COPY or there.is_folder):
        return UNCHANGED
    if item.size != there.size:
        return Kind.MOVE, f"{format_size(there.size)} there"
    return JUDGES[rules.direction](item, there, rules.is_by_checksum)


def settle_comparison(action: Action, *, is_same: bool) -> Action:
    """Return what is to be done once contents have been compared."""
    kind, reason = SAME_CONTENT if is_same else OTHER_CONTENT
    return Action(kind, action.item, reason, action.replaced)


def _judge_sent(item: Item, there: Item, is_by_checksum: bool) -> Judgement:
    """Judge a file: S3's time is that of its arrival, so a file that changed later is newer."""
    if is_by_checksum:
        return Kind.COMPARE, "asked for"
    return UNCHANGED if item.mtime <= there.mtime else (Kind.COMPARE, "newer than in S3")


def _judge_fetched(item: Item, there: Item, is_by_checksum: bool) -> Judgement:
    """Judge an object: a file that was fetched has its time."""
    if is_by_checksum:
        return Kind.COMPARE, "asked for"
    return UNCHANGED if has_time_of(there, item) else (Kind.COMPARE, "of another time")


def _judge_copied(item: Item, there: Item, is_by_checksum: bool) -> Judgement:
    """Judge an object of another place in S3: what ETags cannot tell is copied again.

    They are of the content unless it came in parts ("-"):
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
    """
    if not is_by_checksum and there.mtime >= item.mtime:
        return UNCHANGED
    if item.etag and item.etag == there.etag and "-" not in item.etag:
        return SAME_CONTENT
    return (Kind.MOVE, "content may differ") if is_by_checksum else (Kind.MOVE, "newer")


JUDGES: dict[Direction, Callable[[Item, Item, bool], Judgement]] = {
    Direction.SEND: _judge_sent,
    Direction.FETCH: _judge_fetched,
    Direction.COPY: _judge_copied,
}


def has_time_of(file: Item, object_: Item) -> bool:
    """Tell whether a file has an object's time, as exactly as S3 told it when it was fetched."""
    times = (object_.mtime, float(int(object_.mtime)))
    return any(abs(file.mtime - time) < TIME_STEP_SECONDS for time in times)
