"""A sync from its beginning to its end."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.gateway import S3Gateway
from snakemake_executor_plugin_batchx.storage.sync.ahead import LookAhead
from snakemake_executor_plugin_batchx.storage.sync.copying import open_copier
from snakemake_executor_plugin_batchx.storage.sync.fetching import open_fetcher
from snakemake_executor_plugin_batchx.storage.sync.filters import Filters
from snakemake_executor_plugin_batchx.storage.sync.places import Place, S3Place
from snakemake_executor_plugin_batchx.storage.sync.plan import (
    Action,
    Direction,
    Rules,
    plan_actions,
)
from snakemake_executor_plugin_batchx.storage.sync.route import Route, Watcher
from snakemake_executor_plugin_batchx.storage.sync.s3_listing import spool_listing
from snakemake_executor_plugin_batchx.storage.sync.sending import open_sender
from snakemake_executor_plugin_batchx.storage.words import show_name


@dataclass(frozen=True)
class Order:
    """What the user asked for. Of the places one at least is in S3, and none within the other."""

    source: Place
    target: Place
    filters: Filters
    is_by_checksum: bool = False
    restore_days: int | None = None

    @property
    def direction(self) -> Direction:
        """Which way it goes."""
        if isinstance(self.source, str):
            return Direction.SEND
        return Direction.FETCH if isinstance(self.target, str) else Direction.COPY


def run_sync(
    order: Order,
    engine: Engine,
    open_bucket: Callable[[str], S3Gateway],
    watcher: Watcher,
    tell: Callable[[Action], None] | None = None,
) -> None:
    """Bring the destination up to date; with `tell` only tell what would move, and move nothing.

    Raises BatchxError, one sentence, where something cannot be as asked for: names, links, special
    files, things in the way and a full disk before anything moves.
    """
    rules = Rules(order.direction, order.filters, order.is_by_checksum)
    with ExitStack() as stack:
        try:
            route = open_route(order, engine, open_bucket, stack)
            route.check(rules)
            if tell is None:
                while _move_planned(route, rules, watcher):
                    pass
            else:
                _tell_planned(route, rules, watcher, tell)
        except OSError as error:
            raise explain_os_error(error) from error


def open_route(
    order: Order, engine: Engine, open_bucket: Callable[[str], S3Gateway], stack: ExitStack
) -> Route:
    """Return the way that an order goes; what it opens ends with `stack`."""
    source, target = order.source, order.target
    if isinstance(source, S3Place):
        bucket = open_bucket(source.bucket)
        if isinstance(target, S3Place):
            return open_copier(source, target, (bucket, open_bucket(target.bucket)), engine)
        return open_fetcher(source, target, bucket, engine, stack, order.restore_days)
    if isinstance(target, S3Place):
        return open_sender(source, target, open_bucket(target.bucket), engine, order.filters)
    raise BatchxError("Neither of the places is in S3.")


def _move_planned(route: Route, rules: Rules, watcher: Watcher) -> bool:
    """Move what a plan says; return whether it ended early and has to be made again."""
    planned = plan_actions(route.list_source(), route.list_target(), rules)
    with LookAhead(planned, route.has_content, watcher) as actions:
        route.move_all(iter(actions), watcher)
    return actions.is_cut


def _tell_planned(
    route: Route, rules: Rules, watcher: Watcher, tell: Callable[[Action], None]
) -> None:
    """Tell what would move. Nothing may be told twice: listings are read before they are used."""
    with spool_listing(route.list_source()) as source, spool_listing(route.list_target()) as target:
        planned = plan_actions(source, target, rules)
        with LookAhead(planned, route.has_content, watcher) as actions:
            for action in actions:
                tell(action)


def explain_os_error(error: OSError) -> BatchxError:
    """Return what the system said as one sentence."""
    told = error.strerror or str(error)
    name = "" if error.filename is None else f"{show_name(str(error.filename))}: "
    return BatchxError(f"{name}{told}.")
