"""A watcher of `batchx sync` that shows nothing, and counts."""

from snakemake_executor_plugin_batchx.storage.sync.items import Item


class CountingWatcher:
    """What a watcher is told in the end."""

    def __init__(self) -> None:
        self.files = 0
        self.unchanged = 0

    def begin_plan(self) -> None:
        self.unchanged = 0

    def plan_move(self, item: Item) -> None:
        pass

    def skip_item(self, item: Item) -> None:
        self.unchanged += 1

    def end_plan(self) -> None:
        pass

    def add_bytes(self, count: int) -> None:
        pass

    def add_file(self) -> None:
        self.files += 1
