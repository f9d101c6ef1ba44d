"""Names of runs, jobs and job definitions.

AWS Batch takes letters, digits, hyphens and underscores, first a letter or digit, at most 128
(https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html, jobName).
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Any

from snakemake_executor_plugin_batchx.plan.pairs import make_tag_value
from snakemake_executor_plugin_batchx.spec import ExpectedStep, JobSpec, encode

ATTEMPT = "--attempt"

JOB_NAME_PREFIX = "bx-"
RUN_TAG = "batchx:run"
"""By these the jobs of batchx, and of a run, are found again."""

RULE_TAG = "batchx:rule"
WORKFLOW_TAG = "batchx:workflow"
REGISTERED_TAG = "batchx:registered"
"""What definitions say of themselves; the first two stand on jobs, too, for cost reports."""

TIME_FORMAT = "%Y%m%dT%H%M%S"

FINGERPRINT_CHARACTERS = 12
RULE_CHARACTERS = 60
"""How much of a rule's name goes into names: enough to know it, and the rest always fits."""


def make_run_id(now: datetime, random_hex: str) -> str:
    """Return `YYYYMMDDThhmmss-6hex`: sortable by time, unique by its end."""
    return f"{now:{TIME_FORMAT}}-{random_hex[:6]}"


def format_time(seconds: float) -> str:
    """Return a time (seconds since 1970) in UTC as `YYYYMMDDThhmmss`."""
    return f"{datetime.fromtimestamp(seconds, UTC):{TIME_FORMAT}}"


def make_slug(text: str) -> str:
    """Return `text` with only what AWS takes in names, at most RULE_CHARACTERS long."""
    slug = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")
    return slug[:RULE_CHARACTERS].rstrip("_-") or "job"


def name_workflow(snakefile: str) -> str:
    """Return what a workflow is called: its folder, the one above a standard layout's `workflow`.

    As the value of a tag.
    """
    folder = PurePath(snakefile).parent
    return make_tag_value((folder.parent if folder.name == "workflow" else folder).name)


def hash_content(value: Any) -> str:
    """Return a SHA-256 (hex) of plain values that does not depend on the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def make_fingerprint(
    *,
    spec: JobSpec,
    sources: Sequence[str],
    resources: Mapping[str, Any],
    surroundings: Sequence[Any],
    work_dir: str,
) -> str:
    """Return a SHA-256 (hex) of all that decides a job's result, whatever the order of inputs.

    `sources` are the hashes of what the workflow itself is, `surroundings` what else its container
    gets. Of inputs the content counts, not the
    time; where the job reads objects itself, their names do.
    """
    content = sorted(
        (e.path, e.kind, (e.blob.sha256 if e.blob else e.target) or "") for e in spec.inputs
    )
    steps = [{**encode(step), "input": sorted(step.input)} for step in spec.steps]
    return hash_content(
        {
            "argv": _drop_attempt(spec.argv),
            "sources": list(sources),
            "inputs": content,
            "products": encode(spec.products),
            "steps": steps,
            "checkpoints": sorted(spec.checkpoints),
            "environments": encode(spec.environments),
            "storage_files": sorted(file.query for file in spec.storage_files),
            "image": spec.image,
            "resources": dict(resources),
            "surroundings": list(surroundings),
            "work_dir": work_dir,
        }
    )


def _drop_attempt(argv: Sequence[str]) -> list[str]:
    """Leave out which try this is: what depends on it shows in resources and values."""
    kept = list(argv)
    if ATTEMPT in kept:
        at = kept.index(ATTEMPT)
        del kept[at : at + 2]
    return kept


def make_work_key(steps: Sequence[ExpectedStep], work_dir: str) -> str:
    """Return a SHA-256 (hex) of what a job is to make, whatever it makes it from."""
    made = [[step.rule, step.wildcards, sorted(step.output)] for step in steps]
    return hash_content({"made": made, "work_dir": work_dir})


def make_job_name(rule: str, fingerprint: str, attempt: int) -> str:
    """Return `bx-<rule>-<fingerprint12>-<try>`: the same job has the same name in the next run."""
    return f"{JOB_NAME_PREFIX}{make_slug(rule)}-{fingerprint[:FINGERPRINT_CHARACTERS]}-{attempt}"


def make_array_name(rule: str, fingerprints: Sequence[str]) -> str:
    """Return `bx-<rule>-<hash12>-x<size>`: arrays of the same jobs have the same name."""
    content = hash_content(list(fingerprints))[:FINGERPRINT_CHARACTERS]
    return f"{JOB_NAME_PREFIX}{make_slug(rule)}-{content}-x{len(fingerprints)}"


def make_definition_name(rule: str, content_hash: str) -> str:
    """Return `bx-<rule>-<hash16>`: the name alone tells whether a definition fits."""
    return f"bx-{make_slug(rule)}-{content_hash[:16]}"
