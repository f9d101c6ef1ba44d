"""Jobs that are sent once more: to another queue, or with a definition that is there again."""

import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from head_world import CONTEXT, DESCRIPTION, make_planner, make_ports
from memory_store import MemoryStore

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.batch.definitions import Definitions
from snakemake_executor_plugin_batchx.batch.state import JobState
from snakemake_executor_plugin_batchx.batch.watcher import Poll
from snakemake_executor_plugin_batchx.conductor import Conductor
from snakemake_executor_plugin_batchx.inflight import Outcome
from snakemake_executor_plugin_batchx.packets import open_packet
from snakemake_executor_plugin_batchx.plan.definition import DefinitionSettings
from snakemake_executor_plugin_batchx.plan.docker_options import parse_container_options
from snakemake_executor_plugin_batchx.plan.platform import Platform
from snakemake_executor_plugin_batchx.recovery import LeftJob, LeftJobs, read_left_jobs
from snakemake_executor_plugin_batchx.spec import JobSpec, decode
from snakemake_executor_plugin_batchx.storage.refusals import StorageError

WAIT_SECONDS = 60
SPOT = "Host EC2 (instance i-0123456789abcdef0) terminated."
FALLBACK: dict[str, Any] = {"fallback_queue": "on-demand"}
ROLE = "arn:aws:iam::123456789012:role/ecs"


class Batch:
    """Takes jobs whose definitions it has, and is told which it has no more."""

    def __init__(self) -> None:
        self.submitted: list[dict[str, Any]] = []
        self.registered: list[str] = []
        self.gone: set[str] = set()
        self.ended: list[str] = []
        self.refusal = "JobDefinition name {arn} does not exist or is not in ACTIVE status"

    def submit_job(self, request: dict[str, Any]) -> str:
        arn = request["jobDefinition"]
        if arn in self.gone:
            told = f"AWS Batch refuses batch:SubmitJob: {self.refusal.format(arn=arn)}."
            raise AwsError(told, "ClientException", is_transient=False)
        # As it is now: the head may change it for another try.
        self.submitted.append(json.loads(json.dumps(request)))
        return f"job-{len(self.submitted)}"

    def terminate_jobs(self, job_ids: Sequence[str], _reason: str) -> list[str]:
        self.ended += job_ids
        return []

    def find_definition(self, _name: str) -> str | None:
        there = [arn for arn in self.registered if arn not in self.gone]
        return there[-1] if there else None

    def register_definition(self, _request: dict[str, Any]) -> str:
        self.registered.append(f"arn:{len(self.registered) + 1}")
        return self.registered[-1]


class Watcher:
    """Tells what it was told to."""

    def __init__(self) -> None:
        self.watched: list[str] = []
        self.states: list[JobState] = []

    def watch(self, job_ids: Sequence[str]) -> None:
        self.watched += job_ids

    def describe_untold(self) -> list[JobState]:
        return []

    def poll_if_due(self) -> Poll:
        states, self.states = self.states, []
        return Poll(tuple(states))


class Store(MemoryStore):
    refused = ""

    def create_bytes(self, key: str, data: bytes) -> bool:
        if self.refused and key.endswith(self.refused):
            raise StorageError("S3 refuses PutObject.", "AccessDenied")
        return super().create_bytes(key, data)

    def delete_objects(self, keys: Sequence[str]) -> None:
        for key in keys:
            self.objects.pop(key, None)


def find_nothing(key: str) -> Any:
    raise StorageError(f"{key} does not exist.", "NoSuchKey")


class World:
    """A conductor with a Batch and a watcher that do as they are told."""

    def __init__(
        self,
        folder: Path,
        find_platform: Callable[[str], Platform] = Platform,
        left: Iterable[LeftJob] = (),
        **options: Any,
    ) -> None:
        self.journal = folder / "run.jsonl"
        self.batch, self.watcher, self.store = Batch(), Watcher(), Store()
        self.said: list[str] = []
        self.outcomes: dict[str, Outcome] = {}
        ports = make_ports(
            folder,
            self.batch,
            watcher=self.watcher,
            store=self.store,
            left=LeftJobs(left),
            definitions=Definitions(self.batch, DefinitionSettings()),
            fetcher=SimpleNamespace(fetch_results=lambda _: {}, fetch_result=find_nothing),
            log=SimpleNamespace(info=self.said.append, warning=self.said.append, debug=print),
        )
        planner = dataclasses.replace(make_planner(**options), find_platform=find_platform)
        context = dataclasses.replace(CONTEXT, planner=planner)
        self.conductor = Conductor(context, ports)

    def hand_over(self, count: int = 1) -> None:
        with self.conductor.open_portion():
            for _ in range(count):
                self.conductor.hand_over(DESCRIPTION)

    def tell(self, job_id: str, reason: str, status: str = "FAILED") -> None:
        self.watcher.states.append(JobState(job_id, status, reason, ()))

    def run_until(self, is_there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not is_there():
            assert time.monotonic() < deadline, (self.watcher.watched, self.outcomes)
            self.conductor.tick()
            self.outcomes |= self.conductor.take_outcomes()

    def await_watched(self, *job_ids: str) -> None:
        self.run_until(lambda: len(self.watcher.watched) >= len(job_ids))
        assert self.watcher.watched == list(job_ids)

    def await_outcome(self) -> str:
        self.run_until(lambda: bool(self.outcomes))
        ((_, outcome),) = self.outcomes.items()
        return str(outcome.message)

    def list_events(self, kind: str) -> list[dict[str, Any]]:
        events = map(json.loads, self.journal.read_text().splitlines())
        return [event for event in events if event["event"] == kind]

    def read_spec(self, key: str) -> tuple[str, str]:
        """Return where the lease and the result of a spec's job are."""
        data = self.store.objects[key]
        packet = open_packet(lambda offset, size: data[offset : offset + size])
        spec = decode(JobSpec, json.loads(packet.read_part(0)))
        return spec.lease_key, spec.result_key

    def list_prefixes(self) -> list[list[str]]:
        intents = self.list_events("intent")
        return [[job["prefix"].rpartition("/")[2] for job in each["jobs"]] for each in intents]


def submit_with_fallback(folder: Path) -> World:
    """Return a world with one job, job-1, that has another queue to fall back on."""
    world = World(folder, array=False, **FALLBACK)
    world.hand_over()
    world.await_watched("job-1")
    return world


def test_a_job_whose_hosts_were_taken_away_goes_to_the_other_queue(tmp_path: Path) -> None:
    world = submit_with_fallback(tmp_path)
    world.tell("job-1", SPOT)
    world.await_watched("job-1", "job-2")
    first, second = world.batch.submitted
    assert (first["jobQueue"], second["jobQueue"]) == ("queue", "on-demand")
    assert world.list_prefixes() == [["000001"], ["000001-2"]]
    assert first["containerOverrides"]["command"] != second["containerOverrides"]["command"]
    (event,) = world.list_events("fallback")
    assert (event["submission"], event["queue"]) == ("000001", "on-demand")
    assert world.outcomes == {}
    told = [line for line in world.said if "taken away" in line]
    assert told == [
        "batchx: Rule one: the hosts of Batch job job-1 were taken away or failed, so it goes to "
        "its fallback queue."
    ]
    world.tell("job-2", "", "SUCCEEDED")
    world.run_until(lambda: bool(world.outcomes))
    assert world.outcomes == {"000001": Outcome(None, "job-2")}
    world.conductor.close()
    assert world.batch.ended == []


def test_its_spec_names_a_lease_and_a_result_of_its_own(tmp_path: Path) -> None:
    world = submit_with_fallback(tmp_path)
    world.tell("job-1", SPOT)
    world.await_watched("job-1", "job-2")
    specs = [world.read_spec(key) for key in world.store.objects if key.endswith("/spec")]
    # What the first has left or holds is in nobody's way: the second looks elsewhere.
    folder = "root/runs/run-1"
    assert specs == [
        (f"{folder}/{place}/lease", f"{folder}/{place}/result") for place in ("000001", "000001-2")
    ]
    world.conductor.close()


LEASE = "root/runs/run-1/000001/lease"


def hold_lease(world: World, job_id: str) -> None:
    """Have a Batch job work under the first lease."""
    world.store.objects[LEASE] = json.dumps({"job_id": job_id}).encode()


def read_lease(world: World) -> str:
    return str(json.loads(world.store.objects[LEASE])["job_id"])


def test_no_twin_can_do_its_work_from_then_on(tmp_path: Path) -> None:
    world = submit_with_fallback(tmp_path)
    assert LEASE not in world.store.objects
    world.tell("job-1", SPOT)
    world.await_watched("job-1", "job-2")
    assert read_lease(world) == "head of run run-1"
    world.conductor.close()


def test_the_lease_of_the_job_that_lost_its_host_is_in_nobodys_way(tmp_path: Path) -> None:
    world = submit_with_fallback(tmp_path)
    hold_lease(world, "job-1")
    world.tell("job-1", SPOT)
    world.await_watched("job-1", "job-2")
    assert world.batch.submitted[1]["jobQueue"] == "on-demand"
    assert read_lease(world) == "job-1"
    world.conductor.close()


def test_a_twin_that_works_already_is_followed(tmp_path: Path) -> None:
    world = submit_with_fallback(tmp_path)
    hold_lease(world, "job-0")
    world.tell("job-1", SPOT)
    world.await_watched("job-1", "job-0")
    (event,) = world.list_events("follows")
    assert (event["submission"], event["batch_job_id"]) == ("000001", "job-0")
    assert world.list_events("fallback") == []
    world.tell("job-0", "", "SUCCEEDED")
    world.run_until(lambda: bool(world.outcomes))
    assert world.outcomes == {"000001": Outcome(None, "job-0")}
    world.conductor.close()
    assert len(world.batch.submitted) == 1
    assert world.batch.ended == []


def test_where_the_twin_loses_its_host_as_well_the_job_goes_to_the_other_queue(
    tmp_path: Path,
) -> None:
    world = submit_with_fallback(tmp_path)
    hold_lease(world, "job-0")
    world.tell("job-1", SPOT)
    world.await_watched("job-1", "job-0")
    world.tell("job-0", SPOT)
    world.await_watched("job-1", "job-0", "job-2")
    assert [each["jobQueue"] for each in world.batch.submitted] == ["queue", "on-demand"]
    assert len(world.list_events("fallback")) == 1
    world.conductor.close()


def test_where_s3_cannot_be_asked_it_does_not_go_there(tmp_path: Path) -> None:
    world = submit_with_fallback(tmp_path)
    world.store.refused = "/lease"
    world.tell("job-1", SPOT)
    assert world.await_outcome() == "S3 refuses PutObject."
    assert len(world.batch.submitted) == 1
    world.conductor.close()


def test_whatever_the_other_queue_has_the_job_is_known_by_what_its_rule_demands(
    tmp_path: Path,
) -> None:
    # On Fargate a size is another, and yet a later run is to take up what went there.
    def find_platform(queue: str) -> Platform:
        is_fargate = queue == "on-demand"
        return Platform(queue, is_fargate, architecture=None if is_fargate else "amd64")

    world = World(tmp_path, find_platform, array=False, **FALLBACK, execution_role=ROLE)
    world.hand_over()
    world.await_watched("job-1")
    world.tell("job-1", SPOT)
    world.await_watched("job-1", "job-2")
    sizes = [each["containerOverrides"]["resourceRequirements"] for each in world.batch.submitted]
    assert sizes[0] != sizes[1]
    first, second = (each["jobs"][0] for each in world.list_events("intent"))
    assert first["fingerprint"] == second["fingerprint"]
    assert first["work"] == second["work"]
    world.conductor.close()


def test_it_goes_there_once(tmp_path: Path) -> None:
    world = submit_with_fallback(tmp_path)
    world.tell("job-1", SPOT)
    world.await_watched("job-1", "job-2")
    world.tell("job-2", SPOT)
    assert "Batch job job-2 failed: its host was taken away (spot) or lost" in world.await_outcome()
    world.conductor.close()
    assert len(world.batch.submitted) == 2


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, SPOT),
        ({"fallback_queue": "queue"}, SPOT),
        (FALLBACK, "Essential container in task exited"),
        (FALLBACK, "Job attempt duration exceeded timeout"),
    ],
)
def test_without_another_queue_or_such_a_reason_it_has_failed(
    tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    world = World(tmp_path, array=False, **options)
    world.hand_over()
    world.await_watched("job-1")
    world.tell("job-1", reason)
    assert world.await_outcome().startswith("Batch job job-1 failed: ")
    world.conductor.close()
    assert len(world.batch.submitted) == 1
    assert world.list_events("fallback") == []


def take_up(folder: Path, journal: Path, job_id: str) -> World:
    """Begin a run that finds the job that a journal tells of, and sees it run."""
    later = folder / "later"
    later.mkdir()
    world = World(later, left=read_left_jobs([journal]), array=False, **FALLBACK)
    world.hand_over()
    world.await_watched(job_id)
    world.tell(job_id, "", "RUNNING")
    world.run_until(lambda: bool(world.list_events("state")))
    return world


def test_a_job_that_is_taken_up_on_its_other_queue_has_no_further_one(tmp_path: Path) -> None:
    before = submit_with_fallback(tmp_path)
    before.tell("job-1", SPOT)
    before.await_watched("job-1", "job-2")
    world = take_up(tmp_path, before.journal, "job-2")
    (event,) = world.list_events("adopted")
    assert event["queue"] == "on-demand"
    world.tell("job-2", SPOT)
    assert "Batch job job-2 failed: its host was taken away" in world.await_outcome()
    assert world.list_events("fallback") == world.batch.submitted == []
    before.conductor.close()
    world.conductor.close()


def test_one_that_is_taken_up_on_its_first_queue_goes_to_the_other(tmp_path: Path) -> None:
    before = submit_with_fallback(tmp_path)
    world = take_up(tmp_path, before.journal, "job-1")
    world.tell("job-1", SPOT)
    world.run_until(lambda: bool(world.batch.submitted))
    assert [each["jobQueue"] for each in world.batch.submitted] == ["on-demand"]
    assert world.outcomes == {}
    before.conductor.close()
    world.conductor.close()


def test_a_run_that_is_stopped_sends_nothing_there(tmp_path: Path) -> None:
    world = submit_with_fallback(tmp_path)
    world.conductor.cancel()
    assert world.batch.ended == ["job-1"]
    world.tell("job-1", SPOT)
    assert "its host was taken away" in world.await_outcome()
    world.conductor.close()
    assert len(world.batch.submitted) == 1
    assert world.list_events("fallback") == []


def test_of_an_array_the_child_goes_there_that_lost_its_host(tmp_path: Path) -> None:
    world = World(tmp_path, **FALLBACK)
    world.hand_over(3)
    children = ("job-1:0", "job-1:1", "job-1:2")
    world.await_watched(*children)
    world.tell("job-1:1", SPOT)
    world.await_watched(*children, "job-2")
    first, second = world.batch.submitted
    assert first["arrayProperties"] == {"size": 3}
    assert "arrayProperties" not in second
    assert (first["jobQueue"], second["jobQueue"]) == ("queue", "on-demand")
    assert world.list_prefixes() == [["000001", "000002", "000003"], ["000002-2"]]
    for job_id in ("job-1:0", "job-1:2", "job-2"):
        world.tell(job_id, "", "SUCCEEDED")
    world.run_until(lambda: len(world.outcomes) == 3)
    assert world.outcomes == {
        "000001": Outcome(None, "job-1:0"),
        "000002": Outcome(None, "job-2"),
        "000003": Outcome(None, "job-1:2"),
    }
    world.conductor.close()


def test_a_definition_that_was_pruned_meanwhile_is_registered_again(tmp_path: Path) -> None:
    world = World(tmp_path, array=False)
    world.hand_over()
    world.await_watched("job-1")
    world.batch.gone |= {"arn:1"}
    world.hand_over()
    world.await_watched("job-1", "job-2")
    assert world.batch.registered == ["arn:1", "arn:2"]
    assert [each["jobDefinition"] for each in world.batch.submitted] == ["arn:1", "arn:2"]
    world.hand_over()
    world.await_watched("job-1", "job-2", "job-3")
    assert world.batch.registered == ["arn:1", "arn:2"]
    assert world.outcomes == {}
    world.conductor.close()


@pytest.mark.parametrize(
    ("refusal", "registered"),
    [
        ("JobQueue queue is not in VALID state", ["arn:1"]),
        ("JobDefinition name {arn} does not exist or is not in ACTIVE status", ["arn:1", "arn:2"]),
    ],
)
def test_what_another_definition_does_not_mend_is_the_jobs_failure(
    tmp_path: Path, refusal: str, registered: list[str]
) -> None:
    world = World(tmp_path, array=False)
    world.batch.refusal = refusal
    world.batch.gone = {"arn:1", "arn:2"}
    world.hand_over()
    assert world.await_outcome() == (
        f"AWS Batch refuses batch:SubmitJob: {refusal.format(arn=registered[-1])}."
    )
    assert world.batch.registered == registered
    assert world.batch.submitted == []
    world.conductor.close()


def test_a_spec_with_a_value_of_the_heads_goes_with_its_job(tmp_path: Path) -> None:
    world = World(tmp_path, array=False, options=parse_container_options("-e TOKEN"))
    world.hand_over()
    world.await_watched("job-1")
    (key,) = (key for key in world.store.objects if key.endswith("/spec"))
    world.tell("job-1", "", "SUCCEEDED")
    world.run_until(lambda: bool(world.outcomes) and key not in world.store.objects)
    world.conductor.close()


def test_a_spec_without_any_stays(tmp_path: Path) -> None:
    world = World(tmp_path, array=False)
    world.hand_over()
    world.await_watched("job-1")
    world.tell("job-1", "", "SUCCEEDED")
    world.run_until(lambda: bool(world.outcomes))
    world.conductor.close()
    assert [key for key in world.store.objects if key.endswith("/spec")]


def test_users_are_told_once_what_became_of_sizes(tmp_path: Path) -> None:
    options = parse_container_options("--shm-size 1g --tmpfs /t:size=1000000")
    assert options.notes
    world = World(tmp_path, array=False, options=options)
    world.hand_over(2)
    world.run_until(lambda: len(world.watcher.watched) == 2)
    notes = [line for line in world.said if line.startswith("batchx: one: ")]
    assert notes == [f"batchx: one: {note}." for note in options.notes]
    world.conductor.close()
