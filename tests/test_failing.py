"""What is told of failed jobs: the end of their output, wherever that is, and where the rest is."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from head_world import DESCRIPTION
from scripted_logs import GROUP, ScriptedLogs, make_gateway, make_refusal

from snakemake_executor_plugin_batchx.batch.state import Attempt, ContainerEnd, JobState
from snakemake_executor_plugin_batchx.batch.verdict import judge_failure
from snakemake_executor_plugin_batchx.failing import MAX_STREAMS_READ, FailureTeller
from snakemake_executor_plugin_batchx.inflight import TrackedJob
from snakemake_executor_plugin_batchx.logs.gateway import LogsGateway
from snakemake_executor_plugin_batchx.logs.saving import LogKeeper
from snakemake_executor_plugin_batchx.plan.container_logs import LogAddress
from snakemake_executor_plugin_batchx.spec import Blob, Result, Usage
from snakemake_executor_plugin_batchx.storage.refusals import StorageError

USAGE = Usage(1.0, 1.0, 0.1, 0.1, 0, 0, 100.0, 0)
HOST_LOST = "Host EC2 (instance i-1) terminated."


class GoneBlobs:
    """An S3 that has nothing."""

    def fetch_blob(self, blob: Blob, _path: Path) -> None:
        raise StorageError(f"{blob.key} is not there.", "NoSuchKey")


def make_state(*streams: str | None, region: str | None = None) -> JobState:
    """Return the state of a job whose attempts, each with a log stream, lost their hosts."""
    logs = [LogAddress(GROUP, stream, region) if stream else None for stream in streams]
    attempts = tuple(Attempt((ContainerEnd("", log=log),), status_reason=HOST_LOST) for log in logs)
    return JobState("job-1", "FAILED", HOST_LOST, attempts)


class World:
    """A teller with logs as a script, in any region; `regions` are those that were opened."""

    def __init__(
        self,
        folder: Path,
        pages: dict[str, list[list[str]]] | None = None,
        refusals: Sequence[Exception] = (),
        console_region: str | None = None,
    ) -> None:
        self.client = ScriptedLogs(pages or {}, refusals=list(refusals))
        keeper = LogKeeper(folder / "logs", GoneBlobs())
        self.regions: list[str | None] = []
        self.teller = FailureTeller(self.open_logs, keeper, console_region)
        self.job = TrackedJob("000007", DESCRIPTION)

    def open_logs(self, region: str | None) -> LogsGateway:
        self.regions.append(region)
        return make_gateway(self.client)

    def tell(self, state: JobState, result: Result | None = None) -> tuple[list[str], str | None]:
        """Return what is told after the verdict, and the path of the log."""
        output = self.teller.save_output(self.job, state, result)
        verdict = judge_failure(state, result, image="tool:1", memory_mib=512)
        message = self.teller.make_message(verdict.message, state, output)
        assert message.startswith(verdict.message)
        more = message.removeprefix(verdict.message).removeprefix("\n")
        return more.splitlines(), output.saved.path if output.saved else None


def test_a_result_is_believed_and_cloudwatch_not_asked(tmp_path: Path) -> None:
    world = World(tmp_path, {"s": [["from the log"]]})
    result = Result(4, 1, 3, None, "one\ntwo\n", (), USAGE, 8)
    told, log = world.tell(make_state("s"), result)
    assert told == ["Its last output:", "    one", "    two"]
    assert Path(cast(str, log)).read_text() == "one\ntwo\n"
    assert Path(cast(str, log)).name == "one-000007.log"
    assert world.client.asked == []


def test_without_a_result_the_log_of_the_last_attempt_is_read_in_two_calls(tmp_path: Path) -> None:
    world = World(tmp_path, {"first": [["old"]], "second": [["begun", "mapping"]]})
    told, log = world.tell(make_state("first", "second"))
    assert told == ["Its last output:", "    begun", "    mapping"]
    assert Path(cast(str, log)).read_text() == "begun\nmapping\n"
    assert [each["logStreamName"] for each in world.client.asked] == ["second"] * 2


def test_a_long_log_says_that_more_is_to_be_had(tmp_path: Path) -> None:
    world = World(tmp_path, {"s": [["a"], ["b"], ["c"], ["d"]]})
    told, log = world.tell(make_state("s"))
    assert told[-1] == "Not all of its output is saved; the whole: batchx jobs logs job-1"
    assert Path(cast(str, log)).read_text() == "c\nd\n"
    assert len(world.client.asked) == 2


def test_where_cloudwatch_has_nothing_from_the_end_the_beginning_is_told_as_such(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, {"s": [["a", "b"], ["c"], []]})
    told, log = world.tell(make_state("s"))
    assert told == [
        "The first part of its output ends with:",
        "    a",
        "    b",
        "There may be more of it: batchx jobs logs job-1",
    ]
    assert Path(cast(str, log)).read_text() == "a\nb\n"
    assert len(world.client.asked) == 2


def test_a_beginning_that_cannot_be_saved_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    told, _ = World(tmp_path, {"s": [["a"], []]}).tell(make_state("s"))
    assert told[:2] == ["The first part of its output ends with:", "    a"]
    assert told[2].startswith("Its output could not be saved: ")


@pytest.mark.parametrize("pages", [{}, {"s": [[]]}], ids=["no stream", "empty"])
def test_where_nothing_is_there_yet(tmp_path: Path, pages: dict[str, list[list[str]]]) -> None:
    told = "CloudWatch shows none of its output, or not yet: batchx jobs logs job-1"
    assert World(tmp_path, pages).tell(make_state("s")) == ([told], None)


def test_logs_of_another_region_are_read_and_linked_there(tmp_path: Path) -> None:
    world = World(tmp_path, {"s": [["said"]]}, console_region="eu-west-1")
    told, _ = world.tell(make_state("s", region="us-east-2"))
    assert world.regions == ["us-east-2"]
    assert told[:2] == ["Its last output:", "    said"]
    job, log = told[2:]
    assert "region=eu-west-1#jobs" in job
    assert "/cloudwatch/home?region=us-east-2#" in log


def test_of_very_many_failures_the_first_ones_alone_are_read(tmp_path: Path) -> None:
    world = World(tmp_path, {"s": [["said"]]})
    for _ in range(MAX_STREAMS_READ):
        assert world.tell(make_state("s"))[0] == ["Its last output:", "    said"]
    told, log = world.tell(make_state("s"))
    assert told == ["Its output, if it wrote any, is in CloudWatch: batchx jobs logs job-1"]
    assert log is None
    assert len(world.client.asked) == 2 * MAX_STREAMS_READ
    # What a job left itself is told of any number of them.
    result = Result(4, 1, 3, None, "one\n", (), USAGE, 4)
    assert world.tell(make_state("s"), result)[0] == ["Its last output:", "    one"]


@pytest.mark.parametrize("state", [make_state(), make_state(None)])
def test_nobody_is_asked_for_what_never_was(tmp_path: Path, state: JobState) -> None:
    world = World(tmp_path, {"s": [["said"]]})
    assert world.tell(state) == ([], None)
    assert world.client.asked == []


def test_what_may_not_be_read_is_told_and_keeps_no_job_from_its_verdict(tmp_path: Path) -> None:
    refusal = make_refusal("AccessDeniedException", "User: me is not authorized")
    told, log = World(tmp_path, {"s": [["said"]]}, [refusal]).tell(make_state("s"))
    (line,) = told
    assert line.startswith(
        "Its output could not be read: The credentials of this machine lack logs:GetLogEvents"
    )
    assert log is None


def test_a_beginning_that_is_gone_is_told_and_the_end_is_there(tmp_path: Path) -> None:
    result = Result(4, 1, 3, None, "the end\n", (), USAGE, 10**6, Blob("key", 0, 10**6, ""))
    told, log = World(tmp_path).tell(make_state("s"), result)
    assert told == [
        "Its last output:",
        "    the end",
        "Its output could not be saved: key is not there.",
    ]
    assert log is None


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    told, _ = World(tmp_path).tell(make_state("s"), Result(4, 1, 3, None, "x\n", (), USAGE, 2))
    assert told[:2] == ["Its last output:", "    x"]
    assert told[2].startswith("Its output could not be saved: ")


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-west-1", "console.aws.amazon.com"),
        ("cn-north-1", "console.amazonaws.cn"),
        ("us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_on_aws_the_console_is_named(tmp_path: Path, region: str, host: str) -> None:
    told, _ = World(tmp_path, console_region=region).tell(make_state("default/one"))
    *_, job, log = told
    assert job == f"In AWS's console: https://{host}/batch/home?region={region}#jobs/detail/job-1"
    assert log.startswith(f"Its log there: https://{host}/cloudwatch/home?region={region}#")
    assert log.endswith("$252Faws$252Fbatch$252Fjob/log-events/default$252Fone")


def test_of_no_attempt_the_console_has_the_job_alone(tmp_path: Path) -> None:
    told: Any = World(tmp_path, console_region="eu-west-1").tell(make_state())[0]
    assert len(told) == 1
