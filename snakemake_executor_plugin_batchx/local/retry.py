"""retryStrategy: is a failed attempt tried again?

Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_RetryStrategy.html and
API_EvaluateOnExit.html
"""

from __future__ import annotations

from typing import Any


def is_retried(
    strategy: dict[str, Any],
    attempts_made: int,
    *,
    exit_code: int | None,
    reason: str | None,
    status_reason: str | None,
) -> bool:
    """Decides whether a failed attempt is followed by another.

    The first rule all of whose patterns match decides; where none matches, the job is retried, as
    long as attempts are left.

    Args:
        strategy: ``retryStrategy`` as the API has it (``attempts``, ``evaluateOnExit``).
        attempts_made: attempts so far, the failed one included.
        exit_code: of the container; None where it never started.
        reason: of the container.
        status_reason: of the attempt.
    """
    if attempts_made >= int(strategy.get("attempts", 1)):
        return False
    facts = {
        "onExitCode": None if exit_code is None else str(exit_code),
        "onReason": reason,
        "onStatusReason": status_reason,
    }
    for rule in strategy.get("evaluateOnExit", []):
        patterns = {name: rule[name] for name in facts if name in rule}
        if all(is_glob_match(pattern, facts[name]) for name, pattern in patterns.items()):
            return bool(rule["action"].upper() == "RETRY")
    return True


def is_glob_match(pattern: str, value: str | None) -> bool:
    """True if the value is the pattern, or starts with what stands before its ``*``."""
    text = value or ""
    return text.startswith(pattern[:-1]) if pattern.endswith("*") else text == pattern
