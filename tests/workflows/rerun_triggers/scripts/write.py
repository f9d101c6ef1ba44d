with open(snakemake.output[0], "w") as target:
    target.write("first\n")
