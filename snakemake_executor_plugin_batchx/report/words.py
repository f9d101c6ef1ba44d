"""Numbers as people read them."""

UNKNOWN = "–"

MIB_PER_GIB = 1024

SECONDS_PER_HOUR = 3600.0


def format_seconds(seconds: float | None) -> str:
    """Return a duration: 4.2 s, 3 min 20 s, 2 h 05 min, 3 d 04 h."""
    if seconds is None:
        return UNKNOWN
    if seconds < 99.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} min"
    return f"{hours // 24} d {hours % 24:02} h"


def format_seconds_shortly(seconds: float | None) -> str:
    """Return a duration in one unit: 12 s, 2.7 min, 2.1 h, 3.2 d."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds is not None and seconds >= 1.995 * size:
            return f"{seconds / size:.1f} {unit}"
    return format_seconds(seconds) if seconds is None or seconds < 99 else f"{seconds:.0f} s"


def format_memory(mib: float | None) -> str:
    """Return memory in GiB, or in MiB below one."""
    if mib is None:
        return UNKNOWN
    return f"{mib:,.0f} MiB" if mib < MIB_PER_GIB else f"{mib / MIB_PER_GIB:,.1f} GiB"


def format_memory_of(used: float | None, asked: float | None) -> str:
    """Return memory used and asked for: 1.2 of 4.0 GiB, 112 MiB of 1.2 GiB."""
    if used is None or asked is None:
        return format_memory(used)
    (amount, unit), whole = format_memory(used).split(" "), format_memory(asked)
    return f"{amount} of {whole}" if whole.endswith(unit) else f"{amount} {unit} of {whole}"


def format_share(share: float | None) -> str:
    """Return a share as a percentage."""
    return UNKNOWN if share is None else f"{share * 100:.0f} %"


def format_money(usd: float | None) -> str:
    """Return an amount in US dollars with as many digits as say something."""
    if usd is None:
        return UNKNOWN
    if usd >= 0.995:
        return f"${usd:,.2f}"
    if usd >= 0.00995:
        return f"${usd:.3f}"
    return f"${usd:.5f}" if usd else "$0"


def format_hours(hours: float, unit: str) -> str:
    """Return vCPU-hours or GiB-hours, of less than a tenth vCPU-seconds or GiB-seconds."""
    if hours < 0.1:
        return f"{hours * SECONDS_PER_HOUR:,.0f} {unit}-s"
    digits = 0 if hours >= 100 else 1 if hours >= 10 else 2
    return f"{hours:,.{digits}f} {unit}-h"


def shorten(words: str, most: int) -> str:
    """Return a name of at most so many signs: its begin and its end, which tell more than this."""
    if len(words) <= most:
        return words
    end = (most - 1) // 2
    return f"{words[: most - 1 - end]}…{words[len(words) - end :]}"


def count(number: int, thing: str) -> str:
    """Return `1 job`, `2 jobs`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
