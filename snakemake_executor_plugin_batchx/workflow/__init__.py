"""The only place that touches Snakemake's objects."""
