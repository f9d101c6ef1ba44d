"""What a stack keeps: the bucket and the log group."""

from snakemake_executor_plugin_batchx.infra.options import LOG_DAYS, StackOptions
from snakemake_executor_plugin_batchx.infra.part import (
    Part,
    Values,
    get_attribute,
    make_output,
    make_parameter,
    make_ref,
    make_tags,
)
from snakemake_executor_plugin_batchx.storage.layout import AREA

ABANDONED_DAYS = 7
"""After so many the parts of an upload that nobody finished are deleted."""


def plan_bucket(options: StackOptions) -> Part:
    """Plan the bucket, whose area of batchx empties itself."""
    return Part(
        "Bucket",
        f"Where jobs and heads exchange files, below {AREA}/: what is there is deleted after "
        "ExpireDays, and sent again where a later run needs it. All else stays: results in S3 and "
        "data of your own may lie beside it. Encrypted, private, reached by TLS only.",
        {"Bucket": _make_bucket(), "BucketPolicy": _make_bucket_policy()},
        parameters={
            "ExpireDays": make_parameter(
                "Number",
                f"Days after which objects below {AREA}/ are deleted: twice the longest run",
                options.expire_days,
                MinValue=1,
            )
        },
        outputs={"Bucket": make_output("The bucket", make_ref("Bucket"))},
    )


def _make_bucket() -> Values:
    """Return the bucket.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html
    """
    encryption = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    return {
        "Type": "AWS::S3::Bucket",
        # CloudFormation deletes no bucket that holds anything.
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "area-of-batchx",
                        "Status": "Enabled",
                        "Prefix": f"{AREA}/",
                        "ExpirationInDays": make_ref("ExpireDays"),
                    },
                    {
                        "Id": "unfinished-uploads",
                        "Status": "Enabled",
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABANDONED_DAYS},
                    },
                ]
            },
            "Tags": make_tags(),
        },
    }


def _make_bucket_policy() -> Values:
    """Return the policy that refuses what is not encrypted on its way.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/security-best-practices.html
    """
    bucket = get_attribute("Bucket", "Arn")
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {
            "Bucket": make_ref("Bucket"),
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "TlsOnly",
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": [bucket, {"Fn::Sub": "${Bucket.Arn}/*"}],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ],
            },
        },
    }


def plan_logs(options: StackOptions) -> Part:
    """Plan the log group."""
    return Part(
        "Log group",
        "What jobs print, kept for LogDays.",
        {
            "LogGroup": {
                "Type": "AWS::Logs::LogGroup",
                "DeletionPolicy": "Delete",
                "UpdateReplacePolicy": "Delete",
                "Properties": {
                    "LogGroupName": {"Fn::Sub": "/batchx/${AWS::StackName}"},
                    "RetentionInDays": make_ref("LogDays"),
                    "Tags": make_tags(),
                },
            }
        },
        parameters={
            "LogDays": make_parameter(
                "Number",
                "Days that CloudWatch keeps what jobs print",
                options.log_days,
                AllowedValues=list(LOG_DAYS),
            )
        },
        outputs={"LogGroup": make_output("The log group of the jobs", make_ref("LogGroup"))},
    )
