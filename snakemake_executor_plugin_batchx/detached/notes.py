"""What a folder remembers of the detached runs that were started in it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from snakemake_executor_plugin_batchx.journal import STATE_DIR
from snakemake_executor_plugin_batchx.spec import decode

NOTES_DIR = STATE_DIR / "detached"


@dataclass(frozen=True)
class RunNote:
    """A detached run of this folder: its S3 root (URL), region, profile, and the folder sent.

    `folders` are those that note it: where it was started and, last, where it works. With
    `is_home` its results were brought home, or are not wanted any more.
    """

    detached_id: str
    s3_root: str
    region: str
    profile: str | None
    top: str
    is_home: bool = False
    folders: tuple[str, ...] = ()

    def works_in(self, folder: Path) -> bool:
        """Tell whether a run that a folder notes works there, and was not only started there."""
        own = Path(self.folders[-1]) if self.folders else folder
        return own == folder or not own.is_dir()  # a folder that was moved still has its run


def write_note(note: RunNote, folder: Path) -> None:
    """Note a run in a folder, and anew in the others that are there and note it."""
    for each in dict.fromkeys([folder, *map(Path, note.folders)]):
        if each == folder or each.is_dir():
            path = each / NOTES_DIR / f"{note.detached_id}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(asdict(note)), encoding="utf-8")


def read_notes(folder: Path) -> list[RunNote]:
    """Return the runs of a folder, in order."""
    paths = sorted((folder / NOTES_DIR).glob("*.json"))
    return [decode(RunNote, json.loads(path.read_text(encoding="utf-8"))) for path in paths]
