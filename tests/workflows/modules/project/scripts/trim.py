with open(snakemake.input[0]) as reads, open(snakemake.output[0], "w") as out:
    out.write(reads.read().strip().lower() + "\n")
