"""Since when jobs are RUNNABLE, on a simulated clock."""

from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.batch.runnable_clocks import RunnableClocks
from snakemake_executor_plugin_batchx.batch.state import Attempt, JobState
from snakemake_executor_plugin_batchx.batch.watcher import ArrayCounts

RUNNABLE = ArrayCounts("array", {"RUNNABLE": 200})


def see(job_id: str = "own", status: str = "RUNNABLE", attempts: int = 0) -> JobState:
    return JobState(job_id, status, "", (Attempt(()),) * attempts)


class World:
    def __init__(self) -> None:
        self.time = SimulatedTime()
        self.clocks = RunnableClocks(self.time.clock)
        self.start = self.time.clock()

    def note(self, state: JobState, *arrays: ArrayCounts) -> float | None:
        """Look at a job; return since how many seconds after the start it is RUNNABLE."""
        self.clocks.note_arrays(arrays)
        since = self.clocks.note(state)
        return None if since is None else since - self.start


def test_a_job_counts_from_the_look_that_saw_it_runnable_first() -> None:
    world = World()
    assert world.note(see(status="PENDING")) is None
    world.time.sleep(10)
    assert world.note(see()) == 10
    world.time.sleep(10)
    assert world.note(see()) == 10


def test_what_was_started_in_between_or_is_seen_anew_counts_anew() -> None:
    world = World()
    assert world.note(see()) == 0
    world.time.sleep(10)
    assert world.note(see(attempts=1)) == 10
    world.time.sleep(10)
    assert world.note(see(status="RUNNING", attempts=1)) is None
    assert world.note(see(attempts=1)) == 20
    world.clocks.forget("own")
    world.time.sleep(10)
    assert world.note(see(attempts=1)) == 30


def test_a_large_array_counts_once_none_of_its_children_is_early() -> None:
    world = World()
    early = ArrayCounts("array", {"RUNNABLE": 199, "PENDING": 1})
    assert world.note(see("array:0"), early) == 0
    world.time.sleep(10)
    assert world.note(see("array:0"), early) == 10
    world.time.sleep(10)
    assert world.note(see("array:0"), RUNNABLE) == 20
    world.time.sleep(10)
    assert world.note(see("array:7", "RUNNING"), RUNNABLE) == 20
    assert world.note(see("array:7", "RUNNING"), ArrayCounts("array", {"RUNNING": 200})) is None
    assert world.note(see("array:7"), RUNNABLE) == 30


def test_children_that_were_started_count_for_themselves() -> None:
    world = World()
    world.note(see("array:0"), RUNNABLE)
    world.time.sleep(10)
    assert world.clocks.note_child(see("array:3")) == world.start
    assert world.clocks.note_child(see("array:4", attempts=1)) == world.start + 10
    assert world.clocks.note_child(see("array:5", "RUNNING")) is None


def test_children_keep_their_time_when_they_are_described_and_when_they_are_so_no_longer() -> None:
    world = World()
    world.note(see("array:0"), RUNNABLE)
    world.time.sleep(10)
    assert world.note(see("array:7")) == 0
    assert world.clocks.note(see("array:8", attempts=1)) == world.start + 10
    # Who is seen RUNNABLE after that look takes over nothing.
    assert world.note(see("array:9")) == 10
    world.time.sleep(10)
    world.clocks.forget("array:9")
    assert world.note(see("array:7"), RUNNABLE) == 0
