"""Why nobody answers where a service of AWS is looked for."""

import os
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from snakemake_executor_plugin_batchx.aws.partitions import is_known_region

VARIABLE = "AWS_ENDPOINT_URL"
"""With _ and a service behind it for that alone
(https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html)."""

REGION = re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-\d")
"""https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html"""


def explain_silence(endpoint: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return a sentence on an endpoint to which there is no connection, "" for nothing to say."""
    place = urlsplit(endpoint)
    for name, value in sorted(environ.items()):
        if name.startswith(VARIABLE) and value and urlsplit(value).netloc == place.netloc:
            return f"{name} names {value}, where nobody answers: open a new shell, or unset it."
    for label in (place.hostname or "").split("."):
        if REGION.fullmatch(label) and not is_known_region(label):
            return (
                f"Region {label} is none of AWS's that this boto3 knows, and nobody answers there: "
                "check --region, --batchx-region, AWS_REGION or the profile, wherever it is named."
            )
    return ""
