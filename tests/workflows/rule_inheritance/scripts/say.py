with open(snakemake.input[0]) as lines, open(snakemake.output[0], "w") as out:
    out.write(f"{snakemake.rule}\n{lines.read()}")
