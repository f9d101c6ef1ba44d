"""A detached run's beginning: all that is wrong told, the folder sent, the head submitted."""

import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from snakemake_executor_plugin_batchx.aws.errors import UnansweredError
from snakemake_executor_plugin_batchx.detached.folder import (
    choose_top,
    encode_entries,
    list_folder,
    make_filter,
)
from snakemake_executor_plugin_batchx.detached.head_job import HeadPlanner, PreparedHead
from snakemake_executor_plugin_batchx.detached.notes import RunNote, write_note
from snakemake_executor_plugin_batchx.detached.order import (
    CHECKPOINT_SECONDS,
    DETACHED_TAG,
    ORDER_VERSION,
    Order,
    name_head_folder,
)
from snakemake_executor_plugin_batchx.detached.parcel import send_parcel
from snakemake_executor_plugin_batchx.detached.reading import Asked
from snakemake_executor_plugin_batchx.detached.record import begin_record
from snakemake_executor_plugin_batchx.detached.site import Say, Site
from snakemake_executor_plugin_batchx.detached.state import State, pack_state, read_records
from snakemake_executor_plugin_batchx.detached.survey import survey_workflow
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.journal import STATE_DIR
from snakemake_executor_plugin_batchx.plan.names import WORKFLOW_TAG, make_run_id, name_workflow
from snakemake_executor_plugin_batchx.spec import Entry, encode
from snakemake_executor_plugin_batchx.storage.mirror import Mirror
from snakemake_executor_plugin_batchx.storage.stage import Stager
from snakemake_executor_plugin_batchx.storage.transfer import Transfer
from snakemake_executor_plugin_batchx.storage.words import format_size
from snakemake_executor_plugin_batchx.version import __version__

NOT_TRAVELLING = ("SNAKEMAKE_BATCHX_PROFILE", "SNAKEMAKE_OUTPUT_CACHE")
"""Variables of Snakemake's that are about this machine."""


@dataclass(frozen=True)
class StartWish:
    """What the options of `batchx run` ask for; `variables` are names of this environment."""

    variables: tuple[str, ...] = ()
    is_excluded: Callable[[str], bool] = lambda _path: False
    checkpoint_seconds: float = CHECKPOINT_SECONDS


def select_variables(environment: Mapping[str, str], names: tuple[str, ...]) -> dict[str, str]:
    """Return the variables that travel: those named, and Snakemake's own.

    Raises BatchxError where one that is named is not set.
    """
    missing = [name for name in names if name not in environment]
    if missing:
        raise BatchxError(f"--env {', '.join(missing)}: not set on this machine; set it first.")
    kept = {
        name: value
        for name, value in environment.items()
        if name.startswith("SNAKEMAKE_") and name not in NOT_TRAVELLING
    }
    return {**kept, **{name: environment[name] for name in names}}


class Starter:
    """Starts a detached run. Methods raise BatchxError for what the user can mend."""

    def __init__(self, site: Site, asked: Asked, planner: HeadPlanner, say: Say) -> None:
        self._site = site
        self._asked = asked
        self._planner = planner
        self._say = say

    def start(self, wish: StartWish, environment: Mapping[str, str], who: str) -> RunNote:
        """Send all that the head needs, and submit it; return what the folder notes of it."""
        asked, site = self._asked, self._site
        start, home = os.getcwd(), os.path.realpath(os.path.expanduser("~"))
        choose_top(start, asked.named, home)
        variables = select_variables(environment, wish.variables)
        self._planner.check()
        parsed = survey_workflow(asked.arguments, start)
        read = (("what the workflow reads,", path) for path in parsed.read)
        top = choose_top(start, (*asked.named, *read), home)
        head = self._planner.prepare()
        now = datetime.now(UTC)
        start_dir, work_dir = os.path.relpath(start, top), os.path.relpath(asked.directory, top)
        with tempfile.TemporaryDirectory(prefix="batchx-head-") as folder:
            code = send_parcel(site.store, site.root, Path(folder), parsed.imported)
        order = Order(
            version=ORDER_VERSION,
            detached_id=make_run_id(now, secrets.token_hex(3)),
            created=now.timestamp(),
            who=who,
            batchx=__version__,
            region=site.session.region,
            arguments=asked.arguments,
            top=top,
            start_dir=start_dir,
            work_dir=work_dir,
            code=code,
            head_folder=name_head_folder(top, start_dir, work_dir),
            queue=self._planner.queue,
            profiles=asked.profiles,
            secret_names=tuple(sorted(variables)),
            checkpoint_seconds=wish.checkpoint_seconds,
        )
        with ExitStack() as undo:
            self._send_things(order, variables, wish.is_excluded, undo)
            note = self._note_run(order, start)
            self._submit(head, order, undo)
        return note

    def _send_things(
        self,
        order: Order,
        variables: Mapping[str, str],
        is_excluded: Callable[[str], bool],
        undo: ExitStack,
    ) -> None:
        """Send what the head begins with; the order comes last, for it shows that there is all."""
        site, place = self._site, self._site.get_place(order.detached_id)
        work_dir = Path(self._asked.directory)
        entries = self._send_folder(order.top, work_dir, is_excluded, order.detached_id)
        state = State(entries, *read_records(work_dir / ".snakemake"))
        site.store.write_bytes(place.folder_key, encode_entries(entries))
        begin_record(site.store, place.record_prefix, pack_state(state))
        # Whatever comes before there is a head, Ctrl-C too: nobody else would delete the secrets.
        undo.callback(site.store.delete_objects, [place.secrets_key, place.order_key])
        if variables:
            site.write_json(place.secrets_key, variables)
        site.write_json(place.order_key, encode(order))

    def _send_folder(
        self, top: str, work_dir: Path, is_excluded: Callable[[str], bool], detached_id: str
    ) -> tuple[Entry, ...]:
        try:
            found = list_folder(top, make_filter(top, is_excluded))
        except OSError as error:
            raise BatchxError(f"{error.filename} cannot be read: {error.strerror}.") from error
        files = [entry.path for entry in found if entry.kind == "file"]
        size = sum(os.stat(os.path.join(top, path)).st_size for path in files)
        self._say(f"sending {top}: {len(files)} files, {format_size(size)}, less what is in S3")
        root = self._site.root
        with ExitStack() as stack:
            mirror = stack.enter_context(
                Mirror(
                    work_dir / STATE_DIR / "mirror.sqlite",
                    root.make_url(root.prefix),
                    detached_id,
                )
            )
            transfer = stack.enter_context(Transfer(self._site.store))
            return Stager(root, mirror, transfer, top, detached_id).stage_entries(found)

    def _note_run(self, order: Order, start: str) -> RunNote:
        """Note a run before its job is there: so none is of which nobody knows."""
        site, work_dir = self._site, self._asked.directory
        note = RunNote(
            detached_id=order.detached_id,
            s3_root=site.root.make_url(site.root.prefix),
            region=site.session.region,
            profile=self._asked.settings.profile,
            top=order.top,
            folders=(start, work_dir),
        )
        write_note(note, Path(work_dir))
        return note

    def _submit(self, head: PreparedHead, order: Order, undo: ExitStack) -> None:
        site, place = self._site, self._site.get_place(order.detached_id)
        tags = {
            DETACHED_TAG: order.detached_id,
            WORKFLOW_TAG: name_workflow(os.path.abspath(self._asked.snakefile)),
        }
        url = site.root.make_url(place.prefix)
        try:
            job = self._planner.submit(head, order.detached_id, url, tags)
        except UnansweredError:
            undo.pop_all()  # it may be there: the commands find it by its name
            raise
        undo.pop_all()
        site.write_json(place.job_key, encode(job))
        self._say(f"detached run {order.detached_id} is Batch job {job.job_id} on {job.queue}")
