#!/usr/bin/env bash
set -euo pipefail

exec 2> "${snakemake_log[0]}"
echo "counting" >&2
{
    wc "${snakemake_params[flags]}" < "${snakemake_input[reads]}"
    echo "$(basename "${snakemake_input[0]}") ${snakemake_wildcards[sample]} ${snakemake_config[genome]}"
    echo "${snakemake[threads]} ${snakemake[rule]}"
    echo "${snakemake_params[text]}"
} > "${snakemake_output[0]}"
