with open(snakemake.input[0]) as source, open(snakemake.output[0], "w") as target:
    target.writelines(line.strip()[::-1] + "\n" for line in source)
