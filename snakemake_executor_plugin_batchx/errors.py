"""The one exception whose text is meant for the user."""


class BatchxError(Exception):
    """Something the user can mend; the text is one sentence that names what, where and the fix.

    It is turned into Snakemake's WorkflowError where the executor meets Snakemake, so that the
    modules below need not know Snakemake.
    """
