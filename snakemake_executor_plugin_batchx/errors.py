"""The one exception whose text is meant for the user."""


class BatchxError(Exception):
    """Something the user can mend; the text is one sentence that names what, where and the fix.

    Where the executor meets Snakemake it becomes an error of Snakemake's or a job's message, so
    that the modules below need not know Snakemake.
    """
