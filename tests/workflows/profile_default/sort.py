with open(snakemake.input[0]) as source, open(snakemake.output[0], "w") as target:
    lines = sorted(source, reverse=snakemake.params.order == "falling")
    target.writelines(lines)
    target.write(f"threads {snakemake.threads}\n")
    for name in ("mem_mb", "label", "disk_mb"):
        target.write(f"{name} {snakemake.resources.get(name)}\n")
