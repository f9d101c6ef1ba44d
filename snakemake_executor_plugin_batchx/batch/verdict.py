"""Why a job ended as it did: one table from Batch's words to a sentence and advice."""

import re
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.batch.state import Attempt, JobState
from snakemake_executor_plugin_batchx.plan.failures import FAILURES
from snakemake_executor_plugin_batchx.spec import EXIT_LEASE_LOST, Result

TAIL_LINES = 20

USUAL_WORDS = frozenset({"Essential container in task exited"})
"""What Batch says of every container that ends by itself: it explains nothing."""


@dataclass(frozen=True)
class Verdict:
    """Why a job failed.

    `message` is a sentence, Batch's own words and the end of the job's output.
    """

    kind: str
    message: str


def judge_failure(
    state: JobState, result: Result | None, *, image: str, memory_mib: int
) -> Verdict:
    """Say why a job failed, from Batch's words and, where there is one, the job's own result."""
    attempt = state.last_attempt or Attempt(None, "", "", None)
    words = [w for w in (attempt.reason, attempt.status_reason, state.status_reason) if w]
    exit_code = result.exit_code if result else attempt.exit_code
    kind, sentence = _find_cause(words, result, exit_code)
    sentence = sentence.format(image=image, memory_mib=memory_mib, exit_code=exit_code)
    lines = [f"Batch job {state.job_id} failed: {sentence}."]
    told = [word for word in dict.fromkeys(words) if word not in USUAL_WORDS]
    if told:
        lines.append("Batch says: " + "; ".join(told))
    if result and result.tail.strip():
        lines.append("Its last output:\n" + cut_tail(result.tail))
    if result is None and attempt.log_stream:
        lines.append(f"Its output is in CloudWatch, log stream {attempt.log_stream}")
    return Verdict(kind, "\n".join(lines))


def _find_cause(words: list[str], result: Result | None, exit_code: int | None) -> tuple[str, str]:
    for row in FAILURES:
        if any(re.search(row.pattern, word, re.IGNORECASE | re.DOTALL) for word in words):
            return row.kind, row.sentence
    if result and result.usage.oom_kills:
        return "memory", (
            "the kernel ended a process of it for want of memory (limit {memory_mib} MiB): raise "
            "mem_mb of the rule"
        )
    if result and result.problem:
        return "batchx", result.problem.rstrip(".").replace("{", "{{").replace("}", "}}")
    if exit_code == EXIT_LEASE_LOST:
        return "duplicate", "another submission of the same job has its work; start again to see it"
    if exit_code is not None:
        return "tool", "its command ended with exit code {exit_code}"
    return "unknown", "it did not start, or ended without an exit code: see the reason"


def cut_tail(text: str) -> str:
    """Return the last lines of a job's output, indented, without blank ones at the end."""
    lines = text.rstrip().splitlines()[-TAIL_LINES:]
    return "\n".join("    " + line for line in lines)
