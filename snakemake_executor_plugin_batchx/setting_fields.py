"""How a setting is declared: what Snakemake's plugin interface reads of a dataclass's field."""

from dataclasses import field
from typing import Any


def make_setting(help_text: str, metavar: str, **more: Any) -> Any:
    """Return the field of a setting that may be left out, and may come from the environment."""
    metadata = {"help": help_text, "metavar": metavar, "env_var": True, "required": False, **more}
    return field(default=None, metadata=metadata)


def keep_items(given: list[str] | str) -> list[str]:
    """Return the items of an option (a list) or of its environment variable (a text).

    Whoever reads them splits them: what separates items differs.
    """
    return [given] if isinstance(given, str) else list(given)


def make_list(help_text: str, metavar: str) -> Any:
    """Return the field of a setting with several items, NAME=VALUE above all."""
    return make_setting(help_text, metavar, nargs="+", parse_func=keep_items, unparse_func=",".join)


def make_switch(help_text: str) -> Any:
    """Return the field of a setting that is on or off, and off where nothing is said."""
    return field(default=False, metadata={"help": help_text, "env_var": True, "required": False})
