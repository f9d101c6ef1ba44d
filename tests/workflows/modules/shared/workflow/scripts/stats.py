with open(snakemake.input[0]) as lines, open(snakemake.output[0], "w") as out:
    print(snakemake.rule, snakemake.params.title, len(lines.readlines()), file=out)
