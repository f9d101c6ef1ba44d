"""Which runs' jobs may be ended from here: those whose heads are gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.recovery import has_ended, is_locked, iter_events


@dataclass(frozen=True)
class RunHere:
    """A run whose journal lies in this folder."""

    run_id: str
    has_ended: bool
    is_head_alive: bool


@dataclass(frozen=True)
class SweepPlan:
    """Runs whose jobs are to be ended, and a sentence for each run that is refused."""

    runs: tuple[str, ...]
    refusals: tuple[str, ...]


def list_runs(state_dir: Path) -> list[RunHere]:
    """Return the runs of a folder, in order; a head that lives locks its journal."""
    return [
        RunHere(path.stem, has_ended(path), is_locked(path))
        for path in sorted(state_dir.glob("*.jsonl"))
    ]


def list_queues(state_dir: Path, runs: Sequence[str]) -> list[str]:
    """Return the job queues to which runs of a folder sent jobs, as their journals tell."""
    paths = [state_dir / f"{run}.jsonl" for run in runs]
    events = (event for path in paths if path.exists() for event in iter_events(path))
    named = (event.get("queue") for event in events)
    return list(dict.fromkeys(queue for queue in named if queue))


def plan_sweep(here: Sequence[RunHere], wanted: Sequence[str], *, is_forced: bool) -> SweepPlan:
    """Plan to end the jobs of the wanted runs, or without any of those whose heads were killed.

    A head that lives may have taken up what earlier runs of its folder left, so these are refused
    with it. Of runs of other folders nothing is known here.
    """
    alive = [run.run_id for run in here if run.is_head_alive]
    runs = wanted or [run.run_id for run in here if not (run.has_ended or run.is_head_alive)]
    known = {run.run_id for run in here}
    refused = {} if is_forced else {run: _refuse(run, alive) for run in runs if run in known}
    return SweepPlan(
        runs=tuple(run for run in runs if not refused.get(run)),
        refusals=tuple(sentence for sentence in refused.values() if sentence),
    )


def _refuse(run_id: str, alive: Sequence[str]) -> str:
    if run_id in alive:
        return (
            f"Run {run_id} is going on in this folder: end it by Ctrl-C, or its jobs alone by "
            "--force."
        )
    if alive:
        return (
            f"Run {', '.join(alive)} is going on in this folder and may have taken up the jobs of "
            f"run {run_id}: wait for its end, or end them by --force."
        )
    return ""
