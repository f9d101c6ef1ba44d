"""Journals of made-up runs, event by event, and what they are read to."""

from typing import Any

from snakemake_executor_plugin_batchx.journal import SCHEMA_VERSION
from snakemake_executor_plugin_batchx.report.prices import PriceTable, read_shipped_prices
from snakemake_executor_plugin_batchx.report.reading import read_events
from snakemake_executor_plugin_batchx.report.rows import RunRecord
from snakemake_executor_plugin_batchx.report.summaries import Report, make_report

BEGUN = 1_800_000_000.0

HOST = "arn:aws:ecs:eu-west-1:123456789012:container-instance/ce_Batch_1/0a"

USAGE: dict[str, Any] = {
    "wall_seconds": 100.0,
    "cpu_seconds": 50.0,
    "stage_in_seconds": 10.0,
    "stage_out_seconds": 5.0,
    "bytes_in": 1000,
    "bytes_out": 2000,
    "peak_memory_mib": 512.0,
    "oom_kills": 0,
    "disk_mib": 3.0,
}


class MadeJournal:
    """Events of a run, at seconds after its begin."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.add(
            "run",
            0,
            run_id="r1",
            batchx="1.0",
            queue="q",
            root="s3://bucket/root",
            endpoint="https://batch.eu-west-1.amazonaws.com",
        )

    def add(self, event: str, at: float, /, **fields: Any) -> None:
        self.events.append({"v": SCHEMA_VERSION, "t": BEGUN + at, "event": event, **fields})

    def submit(
        self,
        submission: str = "000001",
        rules: tuple[str, ...] = ("one",),
        event: str = "intent",
        environments: tuple[str, ...] = ("EC2",),
        attempt: int = 1,
        label: str = "",
        **asked: Any,
    ) -> None:
        resources = {"vcpus": 1, "memory_mib": 2048, "gpus": 0, "image": "image", **asked}
        item = {
            "submission": submission,
            "label": label or f"Rule {rules[0]}",
            "rules": list(rules),
            "attempt": attempt,
            "fingerprint": "f",
            "work": submission,
            "prefix": f"root/{submission}",
        }
        more = {"resources": resources, "environments": list(environments)}
        jobs = {"spec_key": "spec", "name": "name", "queue": "q", "jobs": [item]}
        self.add(event, 0, **jobs, **more, architecture="amd64")

    def end_job(
        self,
        submission: str = "000001",
        kind: str = "success",
        usage: dict[str, Any] | None = USAGE,
        starts: tuple[tuple[float, float], ...] = ((20, 120),),
        host: str | None = HOST,
        is_judged: bool = True,
    ) -> None:
        """Have Batch tell of a job's end, and judge it."""
        made = [{"started": BEGUN + a, "stopped": BEGUN + b, "host": host} for a, b in starts]
        last = starts[-1] if starts else (20, 120)
        self.add(
            "state",
            last[1] + 1,
            submission=submission,
            status="SUCCEEDED" if kind == "success" else "FAILED",
            reason="",
            attempts=len(starts),
            created=BEGUN + 5,
            started=BEGUN + last[0],
            stopped=BEGUN + last[1],
            starts=made,
        )
        if is_judged:
            self.judge(submission, kind, usage, last[1] + 2)

    def judge(
        self,
        submission: str = "000001",
        kind: str = "success",
        usage: dict[str, Any] | None = None,
        seconds: float = 1,
        sentence: str = "",
    ) -> None:
        self.add(
            "verdict",
            seconds,
            submission=submission,
            batch_job_id=f"job-{submission}",
            kind=kind,
            sentence=sentence,
            exit_code=None,
            log=None,
            usage=usage,
        )

    def tell_host(self, instance_type: str = "m5.large", market: str | None = "on-demand") -> None:
        self.add(
            "host",
            30,
            host=HOST,
            instance_id="i-1",
            instance_type=instance_type,
            zone="eu-west-1a",
            market=market,
        )

    def report(self, prices: PriceTable | None = None) -> Report:
        return self.tell(read_events("r1", self.events), prices)

    @staticmethod
    def tell(run: RunRecord, prices: PriceTable | None = None) -> Report:
        return make_report(run, prices or read_shipped_prices())
