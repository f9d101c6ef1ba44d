from pathlib import Path


def write_table(path, title, counts):
    lines = [f"{letter}\t{count}\n" for letter, count in sorted(counts.items())]
    Path(path).write_text("".join([f"# {title}\n", *lines]))
