with open(snakemake.output[0], "w") as target:
    target.write(f"rule {snakemake.rule} in {snakemake.scriptdir.rsplit('/', 1)[-1]}\n")
