"""The command that renews the tables of documents."""

import sys

from snakemake_executor_plugin_batchx.reference import main

main(sys.argv[1:])
