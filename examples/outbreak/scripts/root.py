"""Write the consensus sequence of the earliest isolates, gene by gene."""

import csv
import gzip
from collections import Counter


def read_fasta(path: str) -> dict[str, str]:
    """Return the sequences of a gzipped FASTA file by name."""
    sequences: dict[str, str] = {}
    with gzip.open(path, "rt", encoding="ascii") as lines:
        for line in lines:
            if line.startswith(">"):
                name = line[1:].strip()
                sequences[name] = ""
            else:
                sequences[name] += line.strip()
    return sequences


def find_consensus(sequences: list[str]) -> str:
    """Return the commonest base of each place; of equals, the first in A, C, G, T."""
    consensus = ""
    for column in zip(*sequences, strict=True):
        counts = Counter(column)
        consensus += max("ACGT", key=lambda base: counts[base])
    return consensus


with open(snakemake.input.isolates, encoding="utf-8", newline="") as table:
    isolates = list(csv.DictReader(table, delimiter="\t"))
isolates.sort(key=lambda row: (row["date"], row["ha"]))
earliest = isolates[: snakemake.params.earliest]

with open(snakemake.output[0], "w", encoding="ascii") as fasta:
    for gene, path in zip(snakemake.params.genes, snakemake.input.fastas, strict=True):
        sequences = read_fasta(path)
        consensus = find_consensus([sequences[row[gene.lower()]] for row in earliest])
        fasta.write(f">{gene}\n{consensus}\n")

with open(snakemake.log[0], "w", encoding="utf-8") as log:
    log.write(f"{len(earliest)} isolates, {earliest[0]['date']} to {earliest[-1]['date']}\n")
