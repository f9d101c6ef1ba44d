"""What calls of S3 need, the head's and those of jobs.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

import dataclasses

from snakemake_executor_plugin_batchx.permissions.row import (
    DENIED,
    HEAD,
    JOB,
    OPTIONAL,
    SETTING,
    WITHHELD,
    Permission,
)

PARTS = ("s3.CreateMultipartUpload", "s3.UploadPart", "s3.CompleteMultipartUpload")
"""What stands for PutObject where a file is large."""

IN_S3 = "data in S3"
"""What is needed only where files of the workflow lie in S3."""

NO_PARTS = "An upload that fails leaves no parts, which would be charged."


def _share(row: Permission, *calls: str) -> tuple[Permission, ...]:
    """Return a row, and the same for further calls."""
    return (row, *(dataclasses.replace(row, call=call) for call in calls))


OWN_DATA = (
    *_share(
        Permission(
            HEAD,
            "s3.HeadObject",
            ("s3:GetObject",),
            ("Reads", "Writes"),
            "Inputs are read in S3, and asked for their age.",
            SETTING,
            setting=IN_S3,
        ),
        "s3.GetObject",
    ),
    *_share(
        Permission(
            HEAD,
            "s3.HeadBucket",
            ("s3:ListBucket",),
            ("DataBuckets",),
            "Folders in S3 are listed, and S3 says of an object that is not there that it is "
            "missing instead of forbidden.",
            SETTING,
            condition="DataPrefix",
            setting=IN_S3,
        ),
        "s3.ListObjects",
        "s3.ListObjectsV2",
    ),
    *_share(
        Permission(
            HEAD,
            "s3.PutObject",
            ("s3:PutObject",),
            ("Writes",),
            "Outputs are written to S3.",
            SETTING,
            setting=IN_S3,
        ),
        *PARTS,
    ),
    Permission(
        HEAD,
        "s3.AbortMultipartUpload",
        ("s3:AbortMultipartUpload",),
        ("Writes",),
        NO_PARTS,
        SETTING,
        setting=IN_S3,
    ),
    *_share(
        Permission(
            HEAD,
            "s3.DeleteObject",
            ("s3:DeleteObject",),
            ("Writes",),
            "temp() files, outputs of failed jobs and what a new output replaces are removed.",
            SETTING,
            setting=IN_S3,
        ),
        "s3.DeleteObjects",
    ),
    Permission(
        HEAD,
        "s3.CreateBucket",
        ("s3:CreateBucket",),
        ("DataBuckets",),
        "Snakemake's s3 plugin makes a bucket that is not there.",
        WITHHELD,
        loss="make the bucket yourself",
    ),
    # To complete a multipart upload, S3 reads its parts again
    # (https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html).
    *(
        Permission(
            HEAD,
            call,
            actions,
            ("S3Keys",),
            "A KMS key of yours encrypts the objects.",
            SETTING,
            condition="ForS3",
            setting="--batchx-s3-kms-key-id",
        )
        for call, actions in (
            ("s3.GetObject", ("kms:Decrypt",)),
            ("s3.PutObject", ("kms:GenerateDataKey", "kms:Decrypt")),
        )
    ),
)
"""What a workflow's own data in S3 needs, and a key: of the head, and of jobs likewise."""

HEAD_S3_CALLS = (
    *_share(
        Permission(
            HEAD,
            "s3.HeadObject",
            ("s3:GetObject",),
            ("Area",),
            "Results of jobs are read, and what S3 has already is not sent again.",
        ),
        "s3.GetObject",
    ),
    *_share(
        Permission(
            HEAD,
            "s3.PutObject",
            ("s3:PutObject",),
            ("Area",),
            "Sources, inputs and the specs of jobs are written below the S3 root.",
        ),
        *PARTS,
    ),
    Permission(HEAD, "s3.AbortMultipartUpload", ("s3:AbortMultipartUpload",), ("Area",), NO_PARTS),
    Permission(
        HEAD,
        "s3.DeleteObjects",
        ("s3:DeleteObject",),
        ("Area",),
        "A job's spec, which may hold secrets of `envvars:`, is deleted when the job has ended.",
    ),
    Permission(
        HEAD,
        "s3.HeadBucket",
        ("s3:ListBucket",),
        ("AreaBucket",),
        "Whether the bucket is there, and in the queue's region, is looked at; and S3 says of an "
        "object that is not there that it is missing instead of forbidden.",
        OPTIONAL,
        condition="AreaPrefix",
        loss="neither is told",
    ),
    Permission(
        HEAD,
        "s3.ListObjectsV2",
        ("s3:ListBucket",),
        ("AreaBucket",),
        "Detached runs below the S3 root are found, and what their heads noted there.",
        SETTING,
        condition="AreaPrefix",
        setting="batchx run",
    ),
    *(
        dataclasses.replace(row, condition="DataFolder") if row.condition == "DataPrefix" else row
        for row in OWN_DATA
    ),
    *_share(
        Permission(
            HEAD,
            "s3.CopyObject",
            ("s3:PutObject",),
            ("Writes",),
            "`batchx sync` copies within S3 what it may read.",
            SETTING,
            setting=IN_S3,
        ),
        "s3.UploadPartCopy",
    ),
    Permission(
        HEAD,
        "s3.CopyObject",
        ("s3:GetObjectTagging", "s3:PutObjectTagging"),
        ("Reads", "Writes"),
        "An object keeps its tags when it is copied within S3.",
        WITHHELD,
        loss="an object with tags cannot be copied: allow them where you have such",
    ),
    Permission(
        HEAD,
        "s3.DeleteBucket",
        ("s3:DeleteBucket",),
        ("DataBuckets",),
        "Snakemake's s3 plugin deletes a bucket from which it has removed the last object.",
        WITHHELD,
        loss="have something else in the bucket, the S3 root say, and it is left alone",
    ),
    Permission(
        HEAD,
        "s3.PutObject",
        ("s3:PutObjectAcl",),
        ("AclArea", "AclWrites"),
        "What is written gets that ACL.",
        SETTING,
        setting="--batchx-s3-acl",
    ),
    Permission(
        HEAD,
        "s3.RestoreObject",
        ("s3:RestoreObject",),
        ("Reads", "Writes"),
        "`batchx sync --restore` has archived objects restored.",
        WITHHELD,
        loss="it is charged: allow it to those who may ask for it",
    ),
)

JOB_S3_CALLS = (
    *_share(
        Permission(
            JOB,
            "s3.HeadObject",
            ("s3:GetObject",),
            ("Area",),
            "A job reads its spec, sources and inputs, and what earlier jobs made.",
        ),
        "s3.GetObject",
    ),
    *_share(
        Permission(
            JOB,
            "s3.PutObject",
            ("s3:PutObject",),
            ("JobArea",),
            "A job writes its lease, result and outputs, and conda environments for later jobs.",
        ),
        *PARTS,
    ),
    Permission(
        JOB, "s3.AbortMultipartUpload", ("s3:AbortMultipartUpload",), ("JobArea",), NO_PARTS
    ),
    *(dataclasses.replace(row, holder=JOB) for row in OWN_DATA),
    Permission(
        JOB,
        "s3.PutObject",
        ("s3:PutObjectAcl",),
        ("AclJobArea", "AclWrites"),
        "What is written gets that ACL.",
        SETTING,
        setting="--batchx-s3-acl",
    ),
    Permission(
        JOB,
        "s3.DeleteBucket",
        ("s3:DeleteBucket",),
        ("AllBuckets",),
        "Snakemake's s3 plugin deletes a bucket from which it has removed the last object.",
        DENIED,
    ),
)
