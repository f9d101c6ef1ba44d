"""Planning goes on while files move, and contents are compared several at a time."""

import threading
from collections import deque
from collections.abc import Callable, Iterator

from snakemake_executor_plugin_batchx.storage.sync.items import Item, UnorderedError
from snakemake_executor_plugin_batchx.storage.sync.plan import Action, Kind, settle_comparison
from snakemake_executor_plugin_batchx.storage.sync.route import Watcher

ACTIONS_AHEAD = 20_000
"""Some 10 MB. What stays as it is does not count: totals are known early of most syncs."""

COMPARISONS_AT_ONCE = 8


class LookAhead:
    """The actions that move something, from a plan that is made in a thread of its own.

    To be used in a `with`, and iterated once, by one thread at a time. Raises what planning or
    comparing raised. `is_cut`, in the end: a listing was not in order, and more is to be planned.
    """

    def __init__(
        self,
        actions: Iterator[Action],
        has_content: Callable[[Item], bool],
        watcher: Watcher,
        limit: int = ACTIONS_AHEAD,
    ) -> None:
        self._actions = actions
        self._has_content = has_content
        self._watcher = watcher
        self._limit = limit
        self._changed = threading.Condition()
        self._ready: deque[Action] = deque()
        self._comparisons = 0
        self._is_planned = False
        self._is_stopped = False
        self._failure: BaseException | None = None
        self.is_cut = False

    def __enter__(self) -> "LookAhead":
        # Not to be waited for when the program ends: it may be reading a large file.
        threading.Thread(target=self._plan, name="batchx-plan", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[Action]:
        while (action := self._take()) is not None:
            yield action

    def _take(self) -> Action | None:
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._is_over())
            if self._failure is not None:
                raise self._failure
            if self._is_stopped or not self._ready:
                return None
            self._changed.notify_all()
            return self._ready.popleft()

    def _is_over(self) -> bool:
        is_done = self._is_planned and not self._comparisons
        return is_done or self._is_stopped or self._failure is not None

    def _plan(self) -> None:
        self._watcher.begin_plan()
        try:
            for action in self._actions:
                if not self._begin(action):
                    return
            self._wait(lambda: not self._comparisons)
            self._watcher.end_plan()
        except UnorderedError:
            self.is_cut = True
        except BaseException as error:  # noqa: BLE001 - raised where the actions are taken
            self._fail(error)
        finally:
            with self._changed:
                self._is_planned = True
                self._changed.notify_all()

    def _begin(self, action: Action) -> bool:
        """Do what an action needs until it is ready; return whether to go on."""
        if action.kind is not Kind.COMPARE:
            return self._settle(action)
        is_going_on = self._wait(lambda: self._comparisons < COMPARISONS_AT_ONCE)
        if is_going_on:
            with self._changed:
                self._comparisons += 1
            compare = threading.Thread(target=self._compare, args=(action,), daemon=True)
            compare.start()
        return is_going_on

    def _compare(self, action: Action) -> None:
        try:
            self._settle(settle_comparison(action, is_same=self._has_content(action.item)))
        except BaseException as error:  # noqa: BLE001 - likewise
            self._fail(error)
        finally:
            with self._changed:
                self._comparisons -= 1
                self._changed.notify_all()

    def _settle(self, action: Action) -> bool:
        if action.kind is Kind.SKIP:
            self._watcher.skip_item(action.item)
            return not self._is_stopped
        self._watcher.plan_move(action.item)
        is_going_on = self._wait(lambda: len(self._ready) < self._limit)
        with self._changed:
            self._ready.append(action)
            self._changed.notify_all()
        return is_going_on

    def _wait(self, is_true: Callable[[], bool]) -> bool:
        """Wait until something holds, or nobody takes actions any more; return whether to go on."""
        with self._changed:
            self._changed.wait_for(lambda: is_true() or self._is_stopped or self._failure)
            return not self._is_stopped and self._failure is None

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._failure = self._failure or error
            self._changed.notify_all()
