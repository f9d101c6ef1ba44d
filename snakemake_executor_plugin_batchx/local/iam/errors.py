"""What stands in the way of an evaluation."""

from __future__ import annotations


class PolicyError(Exception):
    """A policy holds what the embedded AWS cannot evaluate; the text names it.

    It is never passed over: what is not understood might be a denial.
    """


class UnknownOperationError(Exception):
    """The embedded AWS does not know which permission an operation needs; the text names it."""
