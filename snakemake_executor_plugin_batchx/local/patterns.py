"""What names and other texts must look like, as one table. Rows are read as in limits.py."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType

from snakemake_executor_plugin_batchx.local.limits import API, GUIDE

TAG_GUIDE = f"{GUIDE}/tag-restrictions.html"
S3_FILES = r"arn:aws[a-z-]*:s3files:[a-z0-9-]+:\d{12}:file-system/"
# The form of an access point's ARN is ours: the documentation shows that of the file system alone.
S3_FILES_GUIDE = (
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specify-s3files-config.html"
)
# Which characters names may have:
# https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html and
# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
ASM_ARN = r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[A-Za-z0-9/_+=.@!-]+"
PARAMETER = r"arn:aws[a-z-]*:ssm:[a-z0-9-]+:\d{12}:parameter/[A-Za-z0-9_./-]+"
PARAMETER_NAME = r"[A-Za-z0-9_./-]+"


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
        "absolute_path": Pattern(
            re.compile(r"/[^\x00]*"),
            "Path '{value}' should be absolute",
            f"{API}/API_Tmpfs.html",
        ),
        "file_system": Pattern(
            re.compile(r"fs-[0-9a-f]+"),
            "fileSystemId {value} should be fs- and hexadecimal digits",
            "https://docs.aws.amazon.com/efs/latest/ug/API_FileSystemDescription.html",
        ),
        "access_point": Pattern(
            re.compile(r"fsap-[0-9a-f]+"),
            "accessPointId {value} should be fsap- and hexadecimal digits",
            "https://docs.aws.amazon.com/efs/latest/ug/API_AccessPointDescription.html",
        ),
        "s3_file_system": Pattern(
            re.compile(S3_FILES + r"fs-[0-9A-Za-z]+"),
            "fileSystemArn {value} is not the ARN of an S3 Files file system",
            S3_FILES_GUIDE,
        ),
        "s3_access_point": Pattern(
            re.compile(S3_FILES + r"fs-[0-9A-Za-z]+/access-point/[0-9A-Za-z-]+"),
            "accessPointArn {value} is not the ARN of an S3 Files access point",
            S3_FILES_GUIDE,
        ),
        "secret_place": Pattern(
            re.compile(f"{ASM_ARN}(:[^:]*){{0,3}}|{PARAMETER}|{PARAMETER_NAME}"),
            "valueFrom {value} should be the ARN of a Secrets Manager secret, or the ARN or name "
            "of a Systems Manager parameter",
            f"{API}/API_Secret.html",
        ),
        "secret_arn": Pattern(
            re.compile(ASM_ARN),
            "credentialsParameter {value} should be the ARN of a Secrets Manager secret",
            f"{API}/API_RepositoryCredentials.html",
        ),
        "tag_key": Pattern(
            re.compile(r"(?!(?i:aws):)[\w +\-=.:/@]*"),
            "Tag key {value} starts with aws:, which is reserved, or holds other characters than "
            "letters, numbers, spaces and + - = . _ : / @",
            TAG_GUIDE,
        ),
        "tag_value": Pattern(
            re.compile(r"(?!(?i:aws):)[\w +\-=.:/@]*"),
            "Tag value {value} starts with aws:, which is reserved, or holds other characters than "
            "letters, numbers, spaces and + - = . _ : / @",
            TAG_GUIDE,
        ),
    }
)
