from snakemake.shell import shell

options = snakemake.params.extra
log = snakemake.log_fmt_shell(stdout=False)
shell("(echo counting >&2; wc {options} < {snakemake.input.lines}) > {snakemake.output} {log}")
