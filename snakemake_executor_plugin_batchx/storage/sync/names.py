"""Which names cannot be taken over: keys that no file can have, and files that no key can."""

from collections.abc import Callable

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.storage.sync.items import Item
from snakemake_executor_plugin_batchx.storage.words import show_name

MAX_KEY_BYTES = 1024
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

MAX_COMPONENT_BYTES = 255
"""NAME_MAX of all usual file systems (limits.h)."""

BAD_COMPONENTS = {
    "": "it has an empty part (//, or / at its start)",
    ".": "it has the part .",
    "..": "it has the part ..",
}


def find_name_problem(name: str) -> str:
    """Return why no file or folder below a folder can have this name; empty if one can."""
    if "\0" in name:
        return "it holds a NUL"
    for component in name.removesuffix("/").split("/"):
        if component in BAD_COMPONENTS:
            return BAD_COMPONENTS[component]
        if len(component.encode("utf-8", "surrogateescape")) > MAX_COMPONENT_BYTES:
            return f"a part of it has more than {MAX_COMPONENT_BYTES} bytes"
    return ""


def find_key_problem(key: str) -> str:
    """Return why no object can have this key; empty if one can."""
    try:
        size = len(key.encode("utf-8"))
    except UnicodeEncodeError:
        return "it is not UTF-8"
    return f"its key would have more than {MAX_KEY_BYTES:,} bytes" if size > MAX_KEY_BYTES else ""


class KeyChecker:
    """Looks at the objects that are to be fetched, in their order, before any of them is.

    `make_url` returns the URL of a name.
    """

    def __init__(self, make_url: Callable[[str], str]) -> None:
        self._make_url = make_url
        self._files: list[str] = []

    def check(self, item: Item) -> None:
        """Raise BatchxError where there cannot be such a file, or not beside those before it."""
        problem = find_name_problem(item.name)
        if not problem and item.name.endswith("/") and item.size:
            problem = "it ends with /, and has content"
        if problem:
            self._refuse(item.name, problem)
        # Names that begin with that of a file all follow it; "a-b" comes between "a" and "a/b".
        while self._files and not item.name.startswith(self._files[-1]):
            self._files.pop()
        for file in self._files:
            if item.name.startswith(f"{file}/"):
                self._refuse(file, f"there is {show_name(self._make_url(item.name))}, too")
        if not item.name.endswith("/"):
            self._files.append(item.name)

    def _refuse(self, name: str, why: str) -> None:
        url = show_name(self._make_url(name))
        raise BatchxError(f"{url} cannot be a file: {why}; leave it out by --exclude.")
