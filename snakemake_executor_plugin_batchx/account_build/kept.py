"""A runtime under the S3 root: layers named by their content, and last the note that lists them."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.runtime.cache import note_use, open_entry, remove_old
from snakemake_executor_plugin_batchx.runtime.layer import LayerFile
from snakemake_executor_plugin_batchx.storage.checksums import compute_sha256
from snakemake_executor_plugin_batchx.storage.refusals import NOT_THERE, StorageError
from snakemake_executor_plugin_batchx.storage.transfer import ObjectStore, Transfer

NOTE = "runtime.json"
RECIPE = "recipe.tar.gz"
CACHE_KIND = "account"

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class KeptRuntime:
    """A runtime below `prefix` of a bucket; `entry` is the folder of this machine's cache for it.

    Methods raise StorageError where S3 refuses.
    """

    store: ObjectStore
    prefix: str
    entry: Path

    @property
    def recipe_key(self) -> str:
        """Where the builder finds the recipe."""
        return f"{self.prefix}/{RECIPE}"

    def find_cached(self) -> tuple[LayerFile, ...] | None:
        """Return the layers if this machine has them, whole."""
        try:
            layers = parse_note((self.entry / NOTE).read_bytes(), self.entry)
            is_whole = all(layer.path.stat().st_size == layer.size for layer in layers)
        except (OSError, ValueError):
            return None
        if not is_whole:
            return None
        note_use(self.entry)
        return layers

    def fetch(self, say: Callable[[str], None]) -> tuple[LayerFile, ...] | None:
        """Return the layers, brought to this machine's cache; None if they are not in S3.

        Raises BatchxError if they are not what their note says.
        """
        try:
            self._download(say)
        except StorageError as error:
            if error.code in NOT_THERE:
                return None
            raise
        except OSError as error:
            folder = self.entry.parent
            raise BatchxError(f"The job runtime cannot be kept in {folder}: {error}") from error
        return self.find_cached()

    def _download(self, say: Callable[[str], None]) -> None:
        note = self.store.read_bytes(f"{self.prefix}/{NOTE}")
        self.entry.parent.mkdir(parents=True, exist_ok=True)
        with open_entry(self.entry) as part:
            try:
                layers = parse_note(note, part)
            except ValueError as error:
                raise BatchxError(
                    f"{self.prefix}/{NOTE} in the S3 root's bucket is no note of a job runtime: "
                    "remove it, and it is made anew."
                ) from error
            say(f"fetching the job runtime: {sum(layer.size for layer in layers) / 1e6:.0f} MB")
            for layer in layers:
                key = f"{self.prefix}/{layer.path.name}"
                with Transfer(self.store) as transfer:
                    transfer.fetch_object(key, layer.path)
                if f"sha256:{compute_sha256(layer.path)}" != layer.digest:
                    raise BatchxError(
                        f"{key} in the S3 root's bucket is damaged: remove it and {NOTE} beside "
                        "it, and they are made anew."
                    )
            (part / NOTE).write_bytes(note)
        remove_old(self.entry.parent, CACHE_KIND)


def keep_layers(store: ObjectStore, prefix: str, layers: Sequence[LayerFile]) -> None:
    """Write layers below `prefix`, and then the note. Raises StorageError."""
    with Transfer(store) as transfer:
        for layer in layers:
            transfer.send_as(layer.path, f"{prefix}/{name_file(layer.digest)}")
    store.write_bytes(f"{prefix}/{NOTE}", make_note(layers))


def name_file(digest: str) -> str:
    """Return a layer's name: two builders at once never write one over the other's."""
    return f"{digest.partition(':')[2]}.tar.gz"


def make_note(layers: Sequence[LayerFile]) -> bytes:
    """Return the note for layers in their order."""
    listed = [
        {"digest": each.digest, "diff_id": each.diff_id, "size": each.size} for each in layers
    ]
    return json.dumps({"layers": listed}).encode()


def parse_note(note: bytes, folder: Path) -> tuple[LayerFile, ...]:
    """Return the layers that a note lists, as files of `folder`. Raises ValueError."""
    try:
        listed = json.loads(note)["layers"]
        layers = tuple(
            LayerFile(folder / name_file(each["digest"]), each["digest"], each["diff_id"], size)
            for each in listed
            if isinstance(size := each["size"], int)
        )
        digests = [digest for layer in layers for digest in (layer.digest, layer.diff_id)]
        is_sound = len(layers) == len(listed) > 0 and all(map(DIGEST.fullmatch, digests))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no note of a runtime: {error!r}") from error
    if not is_sound:
        raise ValueError("no note of a runtime")
    return layers
