"""What each way of syncing brings, and who is told while files move."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from snakemake_executor_plugin_batchx.storage.sync.items import Item
from snakemake_executor_plugin_batchx.storage.sync.plan import Action, Direction, Rules


class Watcher(Protocol):
    """Told what happens, from any thread."""

    def begin_plan(self) -> None:
        """The listings are compared from their beginning on."""

    def plan_move(self, item: Item) -> None:
        """An item is to be moved."""

    def skip_item(self, item: Item) -> None:
        """An item stays."""

    def end_plan(self) -> None:
        """All items have been planned."""

    def add_bytes(self, count: int) -> None:
        """Bytes have moved."""

    def add_file(self) -> None:
        """A file is there."""


class Route(Protocol):
    """From one place to another. Listings are in order (items.py), and begin anew each time."""

    @property
    def direction(self) -> Direction:
        """Which way it goes."""

    @property
    def list_source(self) -> Callable[[], Iterable[Item]]:
        """What there is to be moved."""

    @property
    def list_target(self) -> Callable[[], Iterable[Item]]:
        """What is there already."""

    def check(self, rules: Rules) -> None:
        """Raise BatchxError where something of the source cannot be at the destination."""

    def has_content(self, item: Item) -> bool:
        """Tell whether an item has the same content in both places."""

    def move_all(self, actions: Iterator[Action], watcher: Watcher) -> None:
        """Move items and make folders; the first failure ends the rest and is raised."""
