"""Questions to the user, and what ends them."""

import sys

INTERRUPTED = 128 + 2
"""The exit code after Ctrl-C, as shells have it: 128 and the signal's number."""

YES = ("y", "yes")


def ask_terminal(question: str) -> str:
    """Return the line that the user answers with; nothing at the end of the input."""
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()


def is_yes(answer: str) -> bool:
    """Tell whether an answer agrees: nothing does not."""
    return answer.strip().lower() in YES
