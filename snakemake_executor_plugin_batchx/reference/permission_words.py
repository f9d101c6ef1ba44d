"""What the documentation calls the resources and conditions of the table of permissions."""

from collections.abc import Mapping
from types import MappingProxyType

KIND_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "Anything": "all (AWS knows nothing narrower)",
        "Queues": "your job queues",
        "Definitions": "batchx's job definitions",
        "Jobs": "all jobs",
        "Consumables": "your consumable resources",
        "Roles": "your job and execution roles",
        "InstanceProfiles": "all instance profiles",
        "Quotas": "quotas of EC2 and Fargate",
        "Area": "batchx's area below the S3 root",
        "JobArea": "the folders in batchx's area that jobs write to",
        "AreaBucket": "the bucket of the S3 root",
        "Reads": "what --read names",
        "Writes": "what --write names",
        "DataBuckets": "the buckets of --read and --write",
        "AclArea": "batchx's area, where objects get an ACL",
        "AclJobArea": "the folders in it that jobs write to, where objects get an ACL",
        "AclWrites": "what --write names, where objects get an ACL",
        "AllBuckets": "all buckets",
        "OwnRepositories": "the repositories of derived images",
        "MakableRepositories": "the repositories below `--repository PREFIX/`",
        "Repositories": "the repositories that --pull names",
        "AllRepositories": "all repositories",
        "LogStreams": "the streams of your log groups",
        "Secrets": "your secrets in Secrets Manager",
        "Parameters": "your parameters in Systems Manager",
        "Logins": "your secrets with logins of registries",
        "S3Keys": "what --s3-kms-key names",
        "SecretKeys": "what --secrets-kms-key names",
        "Clusters": "the ECS clusters that Batch makes",
        "ClusterInstances": "instances in the ECS clusters that Batch makes",
    }
)
"""By the names in permissions/resources.py, after which statements are called."""

CONDITION_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "ToEcs": "if passed to ECS",
        "AreaPrefix": "if asked for batchx's area, or for no prefix",
        "DataPrefix": "if asked for what these name, or for no prefix",
        "DataFolder": "if asked for what these name, for its folder, or for no prefix",
        "ForS3": "if S3 uses the key",
        "ForLogins": "if Secrets Manager uses the key",
        "ForSecrets": "if Secrets Manager or Systems Manager uses the key",
    }
)
"""By the names in permissions/conditions.py, as they stand behind a resource."""
