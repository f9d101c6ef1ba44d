"""The images of a run, each made ready once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.deliver import Deliverer
from snakemake_executor_plugin_batchx.images.derive import PreparedImage
from snakemake_executor_plugin_batchx.images.errors import RegistryError
from snakemake_executor_plugin_batchx.images.reference import read_container

GOOD_SECONDS = 3600.0


class ImagePreparer:
    """Prepares what rules name as `container:`. Safe to use from many threads.

    Equal references are prepared once: who asks meanwhile waits. A failure that another try may
    mend is forgotten, any other is told again at once. What is prepared is looked at again after
    GOOD_SECONDS: runs may take weeks, and lifecycle rules know nothing of them.
    """

    def __init__(self, deliverer: Deliverer, clock: Callable[[], float] = time.monotonic) -> None:
        self._deliverer = deliverer
        self._clock = clock
        self._futures: dict[str, Future[PreparedImage]] = {}
        self._begun: dict[str, float] = {}
        self._lock = threading.Lock()

    def prepare(self, container: str, label: str) -> PreparedImage:
        """Return the image to run for a container.

        `label` names the rule ("Rule align"): the text of the BatchxError that this raises starts
        with it, for a reference that is none, an image that is not there or may not be read, of
        another architecture, or that cannot be prepared.
        """
        reference = read_container(container, label)
        with self._lock:
            now = self._clock()
            future = self._futures.get(str(reference))
            is_old = now - self._begun.get(str(reference), now) > GOOD_SECONDS
            is_mine = future is None or (future.done() and is_old)
            if future is None or is_mine:
                future = self._futures[str(reference)] = Future()
                self._begun[str(reference)] = now
        if is_mine:
            self._fulfil(future, str(reference), container, label)
        try:
            return future.result()
        except BatchxError as error:
            raise BatchxError(f"{label}: {error}") from error

    def _fulfil(self, future: Future[PreparedImage], key: str, container: str, label: str) -> None:
        try:
            prepared = self._deliverer.deliver(read_container(container, label))
        except BaseException as error:
            if not isinstance(error, BatchxError) or (
                isinstance(error, RegistryError) and error.is_transient
            ):
                with self._lock:
                    del self._futures[key]
            future.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            future.set_result(prepared)
