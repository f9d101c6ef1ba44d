"""What a sync decides: which names, which files, and that nothing is left to do after it."""

import dataclasses
import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.sync.filters import Filters, Pattern
from snakemake_executor_plugin_batchx.storage.sync.items import (
    Item,
    UnorderedError,
    check_order,
    pair_items,
)
from snakemake_executor_plugin_batchx.storage.sync.names import (
    KeyChecker,
    find_key_problem,
    find_name_problem,
)
from snakemake_executor_plugin_batchx.storage.sync.places import (
    Place,
    PlaceError,
    S3Place,
    check_places,
    parse_place,
)
from snakemake_executor_plugin_batchx.storage.sync.plan import (
    Action,
    Direction,
    Kind,
    Rules,
    judge_item,
    plan_actions,
)
from snakemake_executor_plugin_batchx.storage.words import format_size

SEND, FETCH, COPY = Direction.SEND, Direction.FETCH, Direction.COPY
NO_FILTERS = Filters()


def make_filters(*words: str) -> Filters:
    """`-a` excludes a, `+a` includes it."""
    return Filters(Pattern(word[1:], is_taken=word[0] == "+") for word in words)


# Names


@pytest.mark.parametrize(
    ("words", "name", "is_taken"),
    [
        ((), "any/thing", True),
        (("-*.txt",), "a.txt", False),
        (("-*.txt",), "deep/er/a.txt", False),
        (("-*.txt",), "a.txt.gz", True),
        (("+*.txt",), "a.csv", True),  # all is taken without an --exclude
        (("-*", "+*.txt"), "d/a.txt", True),
        (("-*", "+*.txt"), "d/a.csv", False),
        (("+*.txt", "-*"), "a.txt", False),
        (("-*", "+d/*", "-d/e/*"), "d/e/f", False),
        (("-*", "+d/*", "-d/e/*"), "d/f", True),
        (("-?.[bc]",), "a.b", False),
        (("-?.[bc]",), "a.d", True),
        (("-a\nb*",), "a\nb/c", False),
        (("-A",), "a", True),
    ],
)
def test_the_last_pattern_that_fits_decides(
    words: tuple[str, ...], name: str, is_taken: bool
) -> None:
    assert make_filters(*words).takes(name) == is_taken


@pytest.mark.parametrize(
    ("words", "is_left_out"),
    [
        ((), False),
        (("-d",), False),
        (("-d/*",), True),
        (("-*",), True),
        (("-d/*", "-*.txt"), True),
        (("-d/*", "+*.txt"), False),
        (("+*.txt", "-d/*"), True),
        (("-d/*.txt",), False),
    ],
)
def test_a_folder_is_not_read_where_nothing_in_it_can_be_taken(
    words: tuple[str, ...], is_left_out: bool
) -> None:
    filters = make_filters(*words)
    assert filters.leaves_out_all("d/") == is_left_out
    if is_left_out:
        assert not any(filters.takes(f"d/{name}") for name in ("", "a", "a.txt", "e/f.txt"))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a", ""),
        ("a b/ü/\U0001f600", ""),
        ("folder/", ""),
        ("...", ""),
        ("ü" * 127, ""),
        ("../a", "the part .."),
        ("a/../b", "the part .."),
        ("a/.", "the part ."),
        ("/etc/passwd", "an empty part"),
        ("a//b", "an empty part"),
        ("a//", "an empty part"),
        ("", "an empty part"),
        ("a\0b", "a NUL"),
        ("d/" + "ü" * 128, "more than 255 bytes"),
    ],
)
def test_names_that_no_file_can_have(name: str, problem: str) -> None:
    found = find_name_problem(name)
    assert problem in found
    assert bool(problem) == bool(found)


@pytest.mark.parametrize(
    ("key", "problem"),
    [("a", ""), ("k" * 1024, ""), ("ü" * 513, "1,024 bytes"), ("a\udcff", "not UTF-8")],
)
def test_keys_that_no_object_can_have(key: str, problem: str) -> None:
    assert problem in find_key_problem(key)
    assert bool(problem) == bool(find_key_problem(key))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a", "a!", "a-b", "a.txt", "a0", "b/c"], None),
        (["d/", "d/e", "f/", "g"], None),
        (["a", "a/b"], "s3://b/a cannot be a file: there is s3://b/a/b, too"),
        (["a", "a/"], "s3://b/a cannot be a file"),
        (["a", "a!", "a-", "a-/c"], "s3://b/a- cannot be a file"),
        (["a", "a b", "a b c", "a/b/c"], "s3://b/a cannot be a file"),
        (["x/a\nb", "x/a\nb/c"], r"'s3://b/x/a\nb' cannot be a file"),
    ],
)
def test_an_object_that_would_be_a_file_and_a_folder(names: list[str], told: str | None) -> None:
    assert names == sorted(names)
    checker = KeyChecker(lambda name: f"s3://b/{name}")
    if told is None:
        for name in names:
            checker.check(Item(name, 0, 0.0))
        return
    *before, last = names
    for name in before:
        checker.check(Item(name, 0, 0.0))
    with pytest.raises(BatchxError) as caught:
        checker.check(Item(last, 0, 0.0))
    assert str(caught.value).startswith(told)
    assert str(caught.value).endswith("; leave it out by --exclude.")


def test_a_marker_with_content_is_no_folder() -> None:
    with pytest.raises(BatchxError, match="ends with /, and has content"):
        KeyChecker(lambda name: f"s3://b/{name}").check(Item("d/", 3, 0.0))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("data", "data"),
        ("s3:/odd", "s3:/odd"),
        ("s3://bucket", S3Place("bucket", "")),
        ("s3://bucket/", S3Place("bucket", "")),
        ("s3://bucket/a b/c/", S3Place("bucket", "a b/c/")),
        ("s3://bucket//a", S3Place("bucket", "/a")),
    ],
)
def test_places(text: str, place: Place) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["", "s3://", "s3:///a", "s3://a b/c", "s3://arn:aws:s3/x"])
def test_places_that_are_none(text: str) -> None:
    with pytest.raises(PlaceError):
        parse_place(text)


def test_one_place_is_in_s3() -> None:
    with pytest.raises(PlaceError, match="Neither SRC nor DST"):
        check_places("a", "b")
    check_places("a", S3Place("b", ""))


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (120 << 30, "120.0 GiB"),
        (3 << 41, "6.0 TiB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert format_size(count) == text


# One file


def make_object(mtime: float, size: int = 5, etag: str = '"x"') -> Item:
    return Item("n", size, mtime, etag)


@pytest.mark.parametrize(
    ("direction", "item", "there", "kind", "reason"),
    [
        (SEND, Item("n", 5, 10.0), None, Kind.MOVE, "new"),
        (SEND, Item("n", 0, 10.0), None, Kind.MOVE, "new"),
        (SEND, Item("n/", 0, 10.0), None, Kind.MAKE_FOLDER, "new"),
        (SEND, Item("n/", 0, 10.0), Item("n/", 0, 1.0), Kind.SKIP, "unchanged"),
        (SEND, Item("n/", 0, 10.0), Item("n/", 7, 1.0), Kind.SKIP, "unchanged"),
        (SEND, Item("n", 5, 10.0), make_object(99.0, 6), Kind.MOVE, "6 B there"),
        (SEND, Item("n", 5, 10.0), make_object(10.0), Kind.SKIP, "unchanged"),
        (SEND, Item("n", 5, 10.5), make_object(10.0), Kind.COMPARE, "newer than in S3"),
        (FETCH, make_object(10.0), None, Kind.MOVE, "new"),
        (FETCH, make_object(10.0), Item("n", 4, 10.0), Kind.MOVE, "4 B there"),
        (FETCH, make_object(10.0), Item("n", 5, 10.0), Kind.SKIP, "unchanged"),
        # Listings of some servers tell milliseconds, their answers to reads whole seconds.
        (FETCH, make_object(10.789), Item("n", 5, 10.789), Kind.SKIP, "unchanged"),
        (FETCH, make_object(10.789), Item("n", 5, 10.0), Kind.SKIP, "unchanged"),
        (FETCH, make_object(10.0), Item("n", 5, 10.5), Kind.COMPARE, "of another time"),
        (FETCH, make_object(10.0), Item("n", 5, 9.0), Kind.COMPARE, "of another time"),
        (FETCH, make_object(10.0), Item("n", 5, 99.0), Kind.COMPARE, "of another time"),
        (COPY, make_object(10.0), None, Kind.MOVE, "new"),
        (COPY, make_object(10.0), make_object(10.0, etag=""), Kind.SKIP, "unchanged"),
        (COPY, make_object(10.0), make_object(9.0), Kind.SKIP, "same content"),
        (COPY, make_object(10.0), make_object(9.0, etag='"y"'), Kind.MOVE, "newer"),
        (COPY, make_object(9.0, etag='"x-2"'), make_object(8.0, etag='"x-2"'), Kind.MOVE, "newer"),
        (COPY, make_object(9.0, etag=""), make_object(8.0, etag=""), Kind.MOVE, "newer"),
        (COPY, Item("n/", 0, 1.0), Item("n/", 3, 9.0), Kind.MOVE, "3 B there"),
    ],
)
def test_what_is_done_with_a_file(
    direction: Direction, item: Item, there: Item | None, kind: Kind, reason: str
) -> None:
    assert judge_item(item, there, Rules(direction, NO_FILTERS)) == (kind, reason)


@pytest.mark.parametrize(
    ("direction", "there", "kind"),
    [
        (SEND, make_object(99.0), Kind.COMPARE),
        (SEND, make_object(99.0, 4), Kind.MOVE),
        (FETCH, make_object(10.0), Kind.COMPARE),
        (COPY, make_object(99.0), Kind.SKIP),
        (COPY, make_object(99.0, etag='"y"'), Kind.MOVE),
    ],
)
def test_with_checksums_times_do_not_count(direction: Direction, there: Item, kind: Kind) -> None:
    rules = Rules(direction, NO_FILTERS, is_by_checksum=True)
    assert judge_item(make_object(10.0), there, rules)[0] is kind


# Whole listings


def test_a_listing_without_order_is_told() -> None:
    items = [Item(name, 0, 0.0) for name in ("a", "c", "b")]
    checked = check_order(items)
    assert [next(checked).name, next(checked).name] == ["a", "c"]
    with pytest.raises(UnorderedError):
        next(checked)


def test_listings_are_read_no_further_than_they_need_be() -> None:
    def list_forever(start: int) -> object:
        for number in range(start, 10**9):
            yield Item(f"{number:09}", 0, 0.0)

    read = plan_actions(list_forever(5), list_forever(0), Rules(FETCH, NO_FILTERS))
    assert next(read).kind is Kind.SKIP
    few = [Item("000000003", 0, 0.0)]
    assert [there for _, there in pair_items(few, list_forever(0))] == few


@dataclasses.dataclass(frozen=True)
class File:
    content: bytes
    mtime: float


parts = st.sampled_from(["a", "b", "a-", "a.b", "a b", "ü", "\uffff", "\U0001f600", "A"])
names = st.lists(parts, min_size=1, max_size=3).map("/".join)
files = st.builds(
    File, st.sampled_from([b"", b"x", b"y", b"xx", b"xy"]), st.integers(0, 3).map(float)
)
trees = st.dictionaries(names, files, max_size=12)


def list_tree(tree: dict[str, File]) -> list[Item]:
    items = [
        Item(name, len(file.content), file.mtime, f'"{zlib.crc32(file.content)}"')
        for name, file in tree.items()
    ]
    return sorted(items, key=lambda item: item.name.encode())


def apply(
    actions: list[Action], source: dict[str, File], target: dict[str, File], direction: Direction
) -> int:
    """Do what is planned; return how many files moved."""
    moved = 0
    for action in actions:
        name = action.item.name
        is_same = action.kind is Kind.COMPARE and source[name].content == target[name].content
        if action.kind is not Kind.SKIP and not is_same:
            time = source[name].mtime if direction is FETCH else 100.0
            target[name] = File(source[name].content, time)
            moved += 1
    return moved


def has_honest_time(direction: Direction, file: File, there: File) -> bool:
    """Tell whether times tell what they are trusted to: who changed a file last."""
    same_time = file.mtime == there.mtime if direction is FETCH else file.mtime <= there.mtime
    is_trusted = same_time and len(file.content) == len(there.content)
    return not is_trusted or file.content == there.content


@given(trees, trees, st.sampled_from(Direction), st.booleans(), st.randoms())
def test_after_a_sync_all_is_there_and_nothing_is_left_to_do(
    source: dict[str, File],
    target: dict[str, File],
    direction: Direction,
    is_by_checksum: bool,
    chance: random.Random,
) -> None:
    for name, file in source.items():
        there = target.get(name, file)
        if not is_by_checksum and not has_honest_time(direction, file, there):
            target[name] = file
    others = {name: file for name, file in target.items() if name not in source}
    rules = Rules(direction, NO_FILTERS, is_by_checksum)
    actions = list(plan_actions(list_tree(source), list_tree(target), rules))
    assert [action.item.name for action in actions] == sorted(source)
    chance.shuffle(actions)
    apply(actions, source, target, direction)
    assert {name: file.content for name, file in target.items() if name in source} == {
        name: file.content for name, file in source.items()
    }
    assert {name: file for name, file in target.items() if name not in source} == others
    again = list(plan_actions(list_tree(source), list_tree(target), rules))
    assert apply(again, source, target, direction) == 0
    if not is_by_checksum and direction is not SEND:
        # What was compared and found equal keeps its time, and is compared again.
        assert {each.kind for each in again} <= {Kind.SKIP, Kind.COMPARE}


@given(trees, st.lists(st.sampled_from(["-*", "+a*", "-*b", "+*ü*", "-a/*", "+a/b"]), max_size=4))
def test_only_what_the_filters_take_is_planned(tree: dict[str, File], words: list[str]) -> None:
    filters = make_filters(*words)
    actions = plan_actions(list_tree(tree), [], Rules(SEND, filters))
    assert [each.item.name for each in actions] == sorted(filter(filters.takes, tree))
