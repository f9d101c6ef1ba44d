"""Names of runs, jobs and job definitions.

AWS Batch takes letters, digits, hyphens and underscores, first a letter or digit, at most 128
(https://docs.aws.amazon.com/batch/latest/APIReference/API_SubmitJob.html, jobName).
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from snakemake_executor_plugin_batchx.spec import Entry

MAX_NAME_CHARACTERS = 128
FINGERPRINT_CHARACTERS = 12
RULE_CHARACTERS = 60
"""How much of a rule's name goes into names: enough to know it, and the rest always fits."""


def make_run_id(now: datetime, random_hex: str) -> str:
    """Return `YYYYMMDDThhmmss-6hex`: sortable by time, unique by its end."""
    return f"{now:%Y%m%dT%H%M%S}-{random_hex[:6]}"


def make_slug(text: str) -> str:
    """Return `text` with only what AWS takes in names, at most RULE_CHARACTERS long."""
    slug = re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_-")
    return slug[:RULE_CHARACTERS].rstrip("_-") or "job"


def hash_content(value: Any) -> str:
    """Return a SHA-256 (hex) of plain values that does not depend on the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def make_fingerprint(
    *,
    argv: Sequence[str],
    sources: Sequence[str],
    inputs: Sequence[Entry],
    image: str,
    resources: Mapping[str, Any],
    work_dir: str,
) -> str:
    """Return a SHA-256 (hex) of all that decides a job's result, whatever the order of inputs.

    `sources` are the hashes of what the workflow itself is.
    """
    content = sorted(
        (e.path, e.kind, (e.blob.sha256 if e.blob else e.target) or "") for e in inputs
    )
    return hash_content(
        {
            "argv": list(argv),
            "sources": list(sources),
            "inputs": content,
            "image": image,
            "resources": dict(resources),
            "work_dir": work_dir,
        }
    )


def make_job_name(rule: str, fingerprint: str, attempt: int) -> str:
    """Return `bx-<rule>-<fingerprint12>-<try>`: the same job has the same name in the next run."""
    return f"bx-{make_slug(rule)}-{fingerprint[:FINGERPRINT_CHARACTERS]}-{attempt}"


def make_definition_name(rule: str, content_hash: str) -> str:
    """Return `bx-<rule>-<hash16>`: the name alone tells whether a definition fits."""
    return f"bx-{make_slug(rule)}-{content_hash[:16]}"
