from collections import Counter
from pathlib import Path

from tables import write_table

letters = Counter(Path(snakemake.input.reads).read_text().strip())
write_table(snakemake.output[0], snakemake.params.group, letters)
Path(snakemake.log[0]).write_text(f"counted {snakemake.wildcards.sample}\n")
