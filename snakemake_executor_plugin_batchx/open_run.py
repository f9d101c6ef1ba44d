"""A run that is open: what closes it, and what it took."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass

from snakemake_executor_plugin_batchx.aws.budget import CallBudget
from snakemake_executor_plugin_batchx.conductor import Conductor
from snakemake_executor_plugin_batchx.job.places import Places
from snakemake_executor_plugin_batchx.plan.module_map import ModuleMap
from snakemake_executor_plugin_batchx.ports import Ports
from snakemake_executor_plugin_batchx.recovery import EarlierRuns


@dataclass(frozen=True)
class Summary:
    """What a run took: the journal's last line, and the last thing said."""

    jobs: int
    definitions: int
    api_calls: int
    seconds: float

    def __str__(self) -> str:
        return (
            f"jobs submitted: {self.jobs}, job definitions registered: {self.definitions}, "
            f"Batch API calls: {self.api_calls}, time: {self.seconds:.0f} s"
        )


@dataclass
class OpenRun:
    """A conductor and all that has to be closed after it.

    `places` are those of this machine that params may name (job/places.py), `modules` what the site
    says of tools, `images_stopped` ends copies of images, `earlier` is what runs left whose heads
    are gone. `write_report` writes the run's report, if one is wanted.
    """

    conductor: Conductor
    ports: Ports
    stack: ExitStack
    budget: CallBudget
    started: float
    places: Places
    modules: ModuleMap
    images_stopped: threading.Event
    earlier: EarlierRuns
    write_report: Callable[[], None]
    is_closed: bool = False

    def close(self) -> None:
        """End what is left of the run and say what it took. Once is enough."""
        if self.is_closed:
            return
        self.is_closed = True
        self.images_stopped.set()
        ports = self.ports
        with self.stack:
            self.conductor.close()
            self._close_earlier_runs()
            summary = Summary(
                jobs=self.conductor.submitted_count,
                definitions=ports.definitions.registered_count,
                api_calls=sum(self.budget.get_counts().values()),
                seconds=round(time.monotonic() - self.started, 1),
            )
            # Without an end the next run takes up what finished and could not be reported.
            event = "stopped" if self.conductor.has_unreported else "end"
            ports.journal.write(event, **asdict(summary))
            self.write_report()
        ports.log.info(f"batchx: {summary}")
        if self.conductor.keeps_output:
            ports.log.info(f"batchx: what jobs wrote: {ports.log_keeper.folder}")

    def _close_earlier_runs(self) -> None:
        """Close the journals of earlier runs of which nothing is left; tell of what is.

        Where this run is stopped, what it took up may be there still, and bears their tags.
        """
        if not self.earlier.left:
            if not self.conductor.has_unreported:
                self.earlier.close(self.ports.journal.path.stem, time.time)
            return
        runs = " ".join(path.stem for path in self.earlier.journals)
        self.ports.log.info(
            f"batchx: {len(self.earlier.left)} jobs of earlier runs were not needed by this one. "
            f"To end those that have not ended: batchx jobs sweep {runs}"
        )
