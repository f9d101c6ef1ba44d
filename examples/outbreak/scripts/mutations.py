"""Compare each isolate of a region with the root: its mutations and its lineage."""

import csv
from itertools import product

BASES = "TCAG"
AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
CODE = dict(zip(map("".join, product(BASES, repeat=3)), AMINO_ACIDS, strict=True))


def read_root(path: str) -> dict[str, str]:
    """Return the root sequences (a line each) by gene."""
    with open(path, encoding="ascii") as fasta:
        lines = fasta.read().split()
    return {name[1:]: sequence for name, sequence in zip(lines[::2], lines[1::2], strict=True)}


def count_differences(root: str, sequence: str) -> int:
    """Count the places that differ; an ambiguous base differs from nothing."""
    pairs = zip(root, sequence, strict=True)
    return sum(ours != theirs and theirs in BASES for ours, theirs in pairs)


def translate_codon(sequence: str, starts: int, codon: int) -> str:
    """Return the amino acid of a codon, X where a base is ambiguous.

    `starts` is the place in the coding sequence at which `sequence` begins; both count from 1.
    """
    first = 3 * (codon - 1) + 1 - starts
    return CODE.get(sequence[first : first + 3], "X")


def name_lineage(acids: list[str], markers: list[dict], lineage: str) -> str:
    """Return "founder" (every marker ancestral), the lineage's name (all derived), or "between"."""
    if all(acid == marker["derived"] for acid, marker in zip(acids, markers, strict=True)):
        return lineage
    if all(acid == marker["ancestral"] for acid, marker in zip(acids, markers, strict=True)):
        return "founder"
    return "between"


genes = snakemake.params.genes
lineage = snakemake.params.lineage
markers = lineage["markers"]
root = read_root(snakemake.input.root)
with open(snakemake.input.sequences, encoding="utf-8", newline="") as table:
    isolates = list(csv.DictReader(table, delimiter="\t"))

with open(snakemake.output[0], "w", encoding="utf-8", newline="") as table:
    writer = csv.writer(table, delimiter="\t", lineterminator="\n")
    marker_names = [f"{marker['gene']}-{marker['codon']}" for marker in markers]
    writer.writerow(["isolate", "region", "date", "mutations", *marker_names, "lineage"])
    for row in isolates:
        mutations = sum(count_differences(root[gene], row[gene]) for gene in genes)
        acids = [
            translate_codon(row[marker["gene"]], genes[marker["gene"]]["starts"], marker["codon"])
            for marker in markers
        ]
        kind = name_lineage(acids, markers, lineage["name"])
        region = snakemake.wildcards.region
        writer.writerow([row["isolate"], region, row["date"], mutations, *acids, kind])

with open(snakemake.log[0], "w", encoding="utf-8") as log:
    log.write(f"{len(isolates)} isolates compared over {sum(map(len, root.values()))} bases\n")
