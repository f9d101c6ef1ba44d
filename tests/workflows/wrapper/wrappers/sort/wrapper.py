from snakemake.shell import shell

shell("sort {snakemake.input} > {snakemake.output}")
