import json
import sys
from pathlib import Path

from helpers.texts import shout

sys.stderr = sys.stdout = Path(snakemake.log.main).open("w")
print("said to the log")


def name(paths):
    """Return names without folders, which are others where files live in S3."""
    return [Path(path).name for path in paths]


told = {
    "input": name(snakemake.input),
    "second": name([snakemake.input.second]),
    "both": name(snakemake.input.both),
    "output": name(snakemake.output),
    "params": [snakemake.params[0], snakemake.params.text, snakemake.params.mapping],
    "size": snakemake.params.get("size"),
    "wildcards": dict(snakemake.wildcards.items()),
    "threads": snakemake.threads,
    "mem_mb": snakemake.resources.mem_mb,
    "queue_name": snakemake.resources.queue_name,
    "config": snakemake.config,
    "rule": snakemake.rule,
    "log": name(snakemake.log),
    "read": [Path(path).read_text() for path in snakemake.input],
}
with open(snakemake.output[0], "w") as out:
    json.dump(told, out, indent=2)
with open(snakemake.output.extra, "w") as out:
    out.write(shout(snakemake.wildcards.first))
