"""What names and other texts must look like, as one table. Rows are read as in limits.py."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType

from snakemake_executor_plugin_batchx.local.limits import API


@dataclass(frozen=True)
class Pattern:
    """What a text must look like, in full. ``message`` may use ``{value}``."""

    regex: re.Pattern[str]
    message: str
    source: str
    is_quoted: bool = False

    def is_kept(self, value: str) -> bool:
        """True if the whole of ``value`` matches."""
        return self.regex.fullmatch(value) is not None

    def describe_breach(self, value: str) -> str:
        """The refusal's text for ``value``."""
        return self.message.format(value=value)


PATTERNS = MappingProxyType(
    {
        # Seen in https://github.com/fluidattacks/makes/issues/697.
        "job_name": Pattern(
            re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}"),
            "Job name should match valid pattern",
            f"{API}/API_SubmitJob.html",
            is_quoted=True,
        ),
        # The words: https://github.com/aws/aws-sdk-js/issues/4280.
        "definition_name": Pattern(
            re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}"),
            "Provided name {value} is not supported pattern[a-zA-Z_0-9-]{{1,128}}",
            f"{API}/API_RegisterJobDefinition.html",
            is_quoted=True,
        ),
        "resource_name": Pattern(
            re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}"),
            "Provided name {value} is not supported pattern[a-zA-Z_0-9-]{{1,128}}",
            f"{API}/API_CreateJobQueue.html",
            is_quoted=True,
        ),
        "image": Pattern(
            re.compile(r"[A-Za-z0-9_:./@#-]+"),
            "Image {value} should hold letters, numbers, hyphens, underscores, colons, periods, "
            "forward slashes, at and number signs only",
            f"{API}/API_ContainerProperties.html",
        ),
        "share_identifier": Pattern(
            re.compile(r"[A-Za-z0-9]{0,254}[A-Za-z0-9*]"),
            "Share identifier {value} should hold up to 255 alphanumeric characters, optionally "
            "ending with an asterisk",
            f"{API}/API_SubmitJob.html",
        ),
        "glob": Pattern(
            re.compile(r"[A-Za-z0-9.:\s]*\*?"),
            "Pattern {value} should hold letters, numbers, periods, colons and white space only, "
            "optionally ending with an asterisk",
            f"{API}/API_EvaluateOnExit.html",
        ),
        "exit_code_glob": Pattern(
            re.compile(r"[0-9]*\*?"),
            "Pattern {value} should hold numbers only, optionally ending with an asterisk",
            f"{API}/API_EvaluateOnExit.html",
        ),
        "role_arn": Pattern(
            re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+"),
            "{value} is not an IAM role ARN",
            f"{API}/API_ContainerProperties.html",
        ),
        # The words: https://github.com/nextflow-io/nextflow/discussions/2900.
        "user": Pattern(
            re.compile(r"([a-z0-9_][a-z0-9_-]{0,30}|\d+)(:([a-z0-9_][a-z0-9_-]{0,30}|\d+))?"),
            "User '{value}' does not match regex",
            f"{API}/API_ContainerProperties.html",
            is_quoted=True,
        ),
        "environment_name": Pattern(
            re.compile(r"(?!AWS_BATCH)[^=\x00]+"),
            "Environment variable name {value} is empty, holds '=' or starts with AWS_BATCH, "
            "which is reserved",
            f"{API}/API_ContainerProperties.html",
        ),
        "volume_name": Pattern(
            re.compile(r"[A-Za-z0-9_-]{1,255}"),
            "Volume name {value} should hold up to 255 letters, numbers, hyphens and underscores",
            f"{API}/API_Volume.html",
        ),
        "tag_key": Pattern(
            re.compile(r"(?!(?i:aws):).*", re.DOTALL),
            "Tag key {value} starts with aws:, which is reserved",
            "https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html",
        ),
    }
)
