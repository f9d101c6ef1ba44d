"""The one exception whose text is meant for the user, and words of AWS that many parts read."""

import re

SKEWED = re.compile(r"Signature expired: |Signature not yet current: ")
"""What is said to a clock that is wrong, by the code of a wrong key
(https://github.com/aws/aws-cli/issues/6676, https://github.com/boto/botocore/issues/3587,
https://github.com/JuliaCloud/AWS.jl/issues/206)."""


class BatchxError(Exception):
    """Something the user can mend; the text is one sentence that names what, where and the fix.

    Where the executor meets Snakemake it becomes an error of Snakemake's or a job's message, so
    that the modules below need not know Snakemake.
    """
