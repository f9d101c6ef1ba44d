"""Sizes and names as people read them."""

SIZE_UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def format_size(count: float) -> str:
    """Return a number of bytes in the largest unit of which it has at least one."""
    for size, unit in SIZE_UNITS:
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"


def show_name(name: str) -> str:
    """Return a name for a line of text: quoted, with escapes, where it would break the line."""
    return name if name.isprintable() else repr(name)


def count_files(count: int) -> str:
    """Return "1 file", or how many."""
    return f"{count:,} file{'' if count == 1 else 's'}"
