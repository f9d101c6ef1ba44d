"""What a detached run is asked to do, and where its things are in S3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.plan.names import hash_content
from snakemake_executor_plugin_batchx.spec import Blob, decode

ORDER_VERSION = 1

HEAD_JOB_PREFIX = "bxrun-"
"""Before the id in the name of the head's job: `batchx jobs`, for the jobs of rules, leaves it."""

DETACHED_TAG = "batchx:detached"

CHECKPOINT_SECONDS = 60.0

HASH_CHARACTERS = 12


@dataclass(frozen=True)
class Order:
    """What the head does.

    `arguments` are Snakemake's, as they were given where `top` was the folder that has been sent;
    Snakemake starts in `start_dir` and works in `work_dir`, both relative to it; `head_folder`
    names the folder where the head has all this. `profiles` are files that Snakemake finds below
    the user's configuration folder. `secret_names` are variables whose values the secrets hold,
    `code` is where this plugin is, with the packages that the workflow imports; `queue` is the
    head's.
    """

    version: int
    detached_id: str
    created: float
    who: str
    batchx: str
    region: str
    arguments: tuple[str, ...]
    top: str
    start_dir: str
    work_dir: str
    code: Blob
    head_folder: str
    queue: str = ""
    profiles: dict[str, str] = field(default_factory=dict)
    secret_names: tuple[str, ...] = ()
    checkpoint_seconds: float = CHECKPOINT_SECONDS


@dataclass(frozen=True)
class HeadJob:
    """The Batch job of a head."""

    job_id: str
    queue: str


@dataclass(frozen=True)
class End:
    """How a detached run ended: Snakemake's exit code, times (since 1970), the runs' ids.

    `is_cancelled` where `batchx run cancel` ended it.
    """

    exit_code: int
    began: float
    ended: float
    run_ids: tuple[str, ...]
    is_cancelled: bool = False


@dataclass(frozen=True)
class Place:
    """The keys of a detached run; `prefix` is its own."""

    prefix: str

    @property
    def order_key(self) -> str:
        """The order: JSON, without secrets."""
        return f"{self.prefix}/order.json"

    @property
    def folder_key(self) -> str:
        """What was sent of the folder: gzipped JSON."""
        return f"{self.prefix}/folder.json.gz"

    @property
    def secrets_key(self) -> str:
        """The values of variables: JSON, deleted at the end."""
        return f"{self.prefix}/secrets.json"

    @property
    def job_key(self) -> str:
        """The head's Batch job: JSON."""
        return f"{self.prefix}/job.json"

    @property
    def cancel_key(self) -> str:
        """There once the user has asked for an end."""
        return f"{self.prefix}/cancel"

    @property
    def end_key(self) -> str:
        """How it ended: JSON."""
        return f"{self.prefix}/end.json"

    @property
    def record_prefix(self) -> str:
        """Below it are the elements of the record, named by their numbers."""
        return f"{self.prefix}/record/"


def name_head_folder(top: str, start_dir: str, work_dir: str) -> str:
    """Return an order's `head_folder`: the same for all detached runs of a folder.

    Jobs count as the same only if their folder is: so the next run takes up what one has left.
    """
    return hash_content([top, start_dir, work_dir])[:HASH_CHARACTERS]


def rebase_arguments(arguments: Sequence[str], moved: Mapping[str, str]) -> list[str]:
    """Return Snakemake's arguments with absolute paths as they are where folders have moved.

    `moved` maps folders to where they are now; a path may stand after an option's `=`.
    """
    return [_rebase(argument, moved) for argument in arguments]


def _rebase(argument: str, moved: Mapping[str, str]) -> str:
    option, equals, value = argument.rpartition("=")
    for old, new in moved.items():
        if value == old or value.startswith(old.rstrip("/") + "/"):
            return f"{option}{equals}{new}{value[len(old.rstrip('/')) :]}"
    return argument


def add_options(arguments: Sequence[str], added: Sequence[str]) -> list[str]:
    """Return arguments with options that count over those before; targets may follow a `--`."""
    words = list(arguments)
    at = words.index("--") if "--" in words else len(words)
    return [*words[:at], *added, *words[at:]]


def make_retry_strategy() -> dict[str, object]:
    """Return the `retryStrategy` of a head: whatever is not its own end starts it again.

    Without a match Batch retries, so the rows say what ends it: exit codes of Snakemake's, a lost
    lease, and what would fail again. A lost host, a pull that failed, a kill are none of these
    (https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html; five rows at most).
    """
    ends = [
        {"onExitCode": "1"},
        {"onExitCode": "2"},
        {"onExitCode": "113"},
        {"onReason": "OutOfMemory*"},
        {"onReason": "CannotStart*"},
    ]
    return {"attempts": 10, "evaluateOnExit": [{**each, "action": "EXIT"} for each in ends]}


class OrderVersionError(BatchxError):
    """Another batchx wrote an order, in another form."""


def read_order(values: Mapping[str, Any]) -> Order:
    """Return an order from its JSON. Raises OrderVersionError if it has another form."""
    if values.get("version") != ORDER_VERSION:
        raise OrderVersionError(
            f"Detached run {values.get('detached_id')} was started by batchx "
            f"{values.get('batchx')}, which writes otherwise: use that."
        )
    return decode(Order, dict(values))


def choose_run(ids: Sequence[str], wanted: str) -> str:
    """Return the detached run that is meant by its id or the beginning of it.

    Raises BatchxError where none or several fit.
    """
    fitting = [each for each in ids if each.startswith(wanted)]
    if not fitting:
        raise BatchxError(
            f"No detached run begins with {wanted}: batchx run list shows what there is."
        )
    if len(fitting) > 1 and wanted not in fitting:
        raise BatchxError(f"Several detached runs begin with {wanted}: {', '.join(fitting)}.")
    return wanted if wanted in fitting else fitting[0]
