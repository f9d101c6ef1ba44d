"""Why a job ended as it did: its own result, Batch's words, and the table of failures."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.batch.state import Attempt, JobState
from snakemake_executor_plugin_batchx.denials import (
    EXECUTION,
    INSTANCE,
    explain_denial,
    read_denial,
)
from snakemake_executor_plugin_batchx.plan.failure_row import OF_BATCH, FailureRow, Place
from snakemake_executor_plugin_batchx.plan.failures import find_failure, is_host_loss
from snakemake_executor_plugin_batchx.spec import EXIT_TERMINATED, Result

USUAL_WORDS = re.compile(r"(Essential container in task exited|Task failed to start)\W*")
"""What Batch says of every container that ends by itself, or that another reason is told of."""

LAST_LINES = 20
"""As many lines of a job's output may tell why it failed."""

EARLIER_CHARACTERS = 120
"""So much is shown of why an earlier attempt ended."""

COMMAND = "its command"

NO_ATTEMPT = Attempt(())


@dataclass(frozen=True)
class Verdict:
    """Why a job failed.

    `subject` names the job, `sentence` is a clause on what happened, `advice` says what to do
    (empty where the sentence or the job's output does), `words` are Batch's own that say more than
    the sentence, `attempts` tells of earlier starts (empty without any).
    """

    kind: str
    subject: str
    sentence: str
    advice: str = ""
    words: tuple[str, ...] = ()
    attempts: str = ""

    @property
    def message(self) -> str:
        """What the user is shown, without the end of the job's output."""
        lines = [f"{self.subject} failed: {self.sentence}."]
        if self.attempts:
            lines.append(self.attempts)
        if self.advice:
            lines.append(self.advice)
        if self.words:
            lines.append("Batch says: " + "; ".join(self.words))
        return "\n".join(lines)


def judge_failure(
    state: JobState, result: Result | None, *, image: str, memory_mib: int
) -> Verdict:
    """Say why a job failed: by its own result, else by Batch's words and its exit code.

    `result` is that of the last attempt. Where the job was ended from outside, its host went away,
    or its container died before it could tell, Batch's words decide.
    """
    attempt = state.last_attempt or NO_ATTEMPT
    words = _list_words(state, attempt)
    row = find_failure(_gather_evidence(state, attempt, words, result))
    facts = _list_facts(state, result, image=image, memory_mib=memory_mib)
    has_said_all = row.is_plain or (result is not None and row.place not in OF_BATCH)
    return Verdict(
        kind=row.kind,
        subject=_name_subject(state, attempt),
        sentence=row.sentence.format_map(facts),
        advice=_tell_denial(row, words) or row.advice.format_map(facts),
        words=tuple(word for word in words if not (has_said_all or USUAL_WORDS.fullmatch(word))),
        attempts=_tell_attempts(state.attempts),
    )


def _tell_denial(row: FailureRow, words: Sequence[str]) -> str:
    """Return which role lacks what, where a role is what a container could not be started for.

    "" where Batch's words, which end after 255 characters, do not tell. The sessions of a host's
    role are named for the host.
    """
    if row.place is not Place.WORDS or row.kind not in {"permission", "image"}:
        return ""
    for word in words:
        denial = read_denial(word)
        if denial and denial.principal:
            is_of_host = re.search(r"/i-[0-9a-f]+$", denial.principal)
            return explain_denial(word, denial.action, INSTANCE if is_of_host else EXECUTION)
    return ""


def _list_words(state: JobState, attempt: Attempt) -> list[str]:
    """Return what AWS says of a job's end, each once, what is part of another left out."""
    words = dict.fromkeys(
        word.strip() for word in (attempt.reason, attempt.status_reason, state.status_reason)
    )
    return [w for w in words if w and not any(w in other and w != other for other in words)]


def _gather_evidence(
    state: JobState, attempt: Attempt, words: Sequence[str], result: Result | None
) -> dict[Place, list[str]]:
    exit_code = result.exit_code if result else attempt.exit_code
    evidence = {Place.EXIT_CODE: [str(exit_code)] if exit_code else []}
    reasons = [attempt.status_reason, state.status_reason]
    if result is None:
        evidence[Place.ENTRY] = [str(attempt.exit_code)]
    else:
        evidence[Place.CONTROL_GROUP] = ["oom_kill"] if result.usage.oom_kills else []
        if result.exit_code == 0 and attempt.exit_code:
            evidence[Place.AFTERWARDS] = [str(attempt.exit_code)]
    if result is not None and _is_own_end(result):
        # What a tool ends with while its host goes away says nothing of the tool.
        evidence[Place.STATUS] = [reason for reason in reasons if is_host_loss(reason)]
        evidence[Place.PROBLEM] = [result.problem or ""]
        evidence[Place.OUTPUT] = result.tail.rstrip().splitlines()[-LAST_LINES:]
        # Docker knows of kills that the job could not count; all else it knows better itself.
        evidence[Place.WORDS] = [word for word in words if "OutOfMemory" in word]
        return evidence
    evidence[Place.STATUS] = reasons
    evidence[Place.WORDS] = list(words)
    flags = {"terminated": state.is_terminated, "cancelled": state.is_cancelled}
    evidence[Place.FLAG] = [flag for flag, is_set in flags.items() if is_set]
    return evidence


def _is_own_end(result: Result) -> bool:
    """Tell whether a job failed by itself, and was not told to end."""
    return result.exit_code not in (0, EXIT_TERMINATED)


def _list_facts(
    state: JobState, result: Result | None, *, image: str, memory_mib: int
) -> dict[str, object]:
    """Return what the sentences of the table may hold."""
    attempt = state.last_attempt or NO_ATTEMPT
    peak = result.usage.peak_memory_mib if result else None
    timeout = state.timeout_seconds
    problem = ((result.problem if result else None) or "").strip().rstrip(".")
    return {
        "image": image,
        "command": f"the command of its rule {result.rule}" if result and result.rule else COMMAND,
        "memory_mib": memory_mib,
        "peak": f" (measured peak: {peak:.0f} MiB)" if peak else "",
        "limits": f" ({peak:.0f} of {memory_mib} MiB)" if peak else f" ({memory_mib} MiB)",
        "time_limit": f" of {_format_seconds(timeout)}" if timeout else "",
        "exit_code": (result.exit_code if result else 0) or attempt.exit_code,
        "given_reason": state.status_reason.strip().rstrip(".") or "none",
        "problem": problem,
        "besides": f". {problem}" if problem and result and _is_own_end(result) else "",
    }


def _name_subject(state: JobState, attempt: Attempt) -> str:
    subject = f"Batch job {state.job_id}"
    name = attempt.decider.name
    return f"{subject} (container {name})" if len(attempt.containers) > 1 else subject


def _tell_attempts(attempts: Sequence[Attempt]) -> str:
    """Return how often a job was started and why it ended before, as a sentence."""
    earlier = attempts[:-1]
    if not earlier:
        return ""
    counts = Counter(map(sum_up_attempt, earlier))
    told = [f"{why} ({count} times)" if count > 1 else why for why, count in counts.items()]
    return f"Batch started it {len(attempts)} times; before: {'; '.join(told)}."


def sum_up_attempt(attempt: Attempt) -> str:
    """Return why an attempt ended, in few words that are the same on every host."""
    for word in (attempt.reason, attempt.status_reason):
        if word and not USUAL_WORDS.fullmatch(word):
            text = re.sub(r" \(instance [^)]*\)", "", word).strip().rstrip(".")
            return text if len(text) <= EARLIER_CHARACTERS else text[:EARLIER_CHARACTERS] + "…"
    return "no reason told" if attempt.exit_code is None else f"exit code {attempt.exit_code}"


def _format_seconds(seconds: int) -> str:
    """Return a time limit in minutes where it has whole ones, as `runtime` does."""
    return f"{seconds} s" if seconds % 60 else f"{seconds // 60} min"
