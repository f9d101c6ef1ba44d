log <- file(snakemake@log[[1]], open = "wt")
sink(log, type = "message")
message("summarising")
source(file.path(snakemake@scriptdir, "helpers.R"))

counts <- read.csv(snakemake@input[["counts"]])
lines <- c(
  snakemake@params[["title"]],
  paste(snakemake@params[["ratio"]], snakemake@params[["is_strict"]]),
  paste(snakemake@threads, snakemake@resources[["mem_mb"]], snakemake@rule),
  paste(snakemake@config[["min_reads"]], snakemake@config[["labels"]]),
  total(counts$reads)
)
writeLines(lines, snakemake@output[[1]])
