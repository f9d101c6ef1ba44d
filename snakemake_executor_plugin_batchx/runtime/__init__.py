"""The job runtime: `/batchx`, a folder that runs Snakemake inside any Linux container."""
