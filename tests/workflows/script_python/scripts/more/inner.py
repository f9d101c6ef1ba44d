from pathlib import Path

from snakemake.shell import shell

beside = Path(snakemake.scriptdir) / "adapters.txt"
shell("cat {beside} > {snakemake.output}")
