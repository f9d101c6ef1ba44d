"""Calls that make or end a stack, which other credentials may be for than those of runs."""

import functools

from snakemake_executor_plugin_batchx.aws import errors
from snakemake_executor_plugin_batchx.denials import STACK_MAKER

ask_aws = functools.partial(errors.ask_aws, party=STACK_MAKER)
"""As the other, but refusals say who may make a stack."""
