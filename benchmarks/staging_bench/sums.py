"""What a job's spec tells of files: `python -m staging_bench.sums FOLDER SIZE NAME…`.

Writes FOLDER.sums, for each file its SHA-256 (hex), and of large ones the CRC64NVME (base64). A
process of its own: the memory of who runs the transfers would count into theirs.
"""

import json
import sys
from pathlib import Path

from snakemake_executor_plugin_batchx.storage.parts import SEND_PART_BYTES
from snakemake_executor_plugin_batchx.storage.verifying import BothDigests
from staging_bench.file_sets import CHUNK_BYTES


def compute_sums(path: Path, size: int) -> tuple[str, str]:
    """Return both checksums of a file of so many bytes."""
    both = BothDigests()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            both.update(chunk)
    return both.sha256.hexdigest(), both.encode_crc64() if size > SEND_PART_BYTES else ""


if __name__ == "__main__":
    folder, size = Path(sys.argv[1]), int(sys.argv[2])
    sums = [compute_sums(folder / name, size) for name in sys.argv[3:]]
    folder.with_name(f"{folder.name}.sums").write_text(json.dumps(sums))
