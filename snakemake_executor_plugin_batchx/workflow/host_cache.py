"""Which files of a job its host keeps for later jobs: those that a rule or the settings name."""

from collections.abc import Iterator, Sequence
from typing import Any

from snakemake_executor_plugin_batchx.plan.cache_folder import is_marked, read_cache_patterns
from snakemake_executor_plugin_batchx.workflow.steps import iter_made


class CacheMarks:
    """The marked inputs of a job of these steps. `patterns` are those of the settings.

    What the job makes or changes itself (update()) is never among them. Raises BatchxError where a
    rule's resource names nothing.
    """

    def __init__(
        self, steps: Sequence[Any], label: str, patterns: Sequence[str], workflow: Any
    ) -> None:
        self._prefix = workflow.storage_settings.default_storage_prefix or ""
        self._names: set[str] = set()
        for step in steps:
            named = (*patterns, *read_cache_patterns(step.resources, label))
            if named:
                self._names |= {str(f) for f in step.input if is_marked(self._iter_names(f), named)}
        if self._names:
            self._names -= {str(file) for step in steps for file in iter_made(step)}

    def has(self, file: Any) -> bool:
        """Tell whether a file is marked."""
        return str(file) in self._names

    def select(self, paths: Sequence[str]) -> tuple[str, ...]:
        """Return those of some paths that are marked."""
        return tuple(path for path in paths if path in self._names)

    def _iter_names(self, file: Any) -> Iterator[str]:
        """Yield what a file is called in its rule, and the URL of one in storage."""
        if not file.is_storage:
            yield str(file)
            return
        query = file.storage_object.query
        yield query
        if self._prefix and query.startswith(self._prefix):
            yield query.removeprefix(self._prefix).lstrip("/")
