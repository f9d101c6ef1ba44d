"""Whether this machine's clock shows AWS's time, without which no signature holds."""

from snakemake_executor_plugin_batchx.checks.finding import (
    Finding,
    make_failure,
    make_ok,
    make_warning,
)
from snakemake_executor_plugin_batchx.checks.table import CLOCK

REFUSED_SECONDS = 300
"""Most services refuse what was signed longer ago, or for later; STS and S3 bear 15 minutes (the
messages in tests/aws_messages/accounts.json tell)."""

DOUBTFUL_SECONDS = 60

UNITS = ((86400, "days"), (3600, "h"), (60, "min"))

SET_IT = "let it be set by the network (timedatectl set-ntp true, say)"


def judge_clock(skew_seconds: float) -> Finding:
    """Return what a clock's lead over AWS's (seconds, negative if it is behind) means."""
    size = abs(skew_seconds)
    if size <= DOUBTFUL_SECONDS:
        return make_ok(CLOCK, "this machine's clock agrees with AWS's")
    direction = "ahead of" if skew_seconds > 0 else "behind"
    text = f"This machine's clock is {_format(size)} {direction} AWS's"
    if size > REFUSED_SECONDS:
        return make_failure(CLOCK, f"{text}, and from 5 min on calls are refused", SET_IT)
    return make_warning(CLOCK, text, SET_IT)


def _format(seconds: float) -> str:
    for size, unit in UNITS:
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
