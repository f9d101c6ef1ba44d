"""What policies are about: the names of the things that a run uses."""

from dataclasses import dataclass

from snakemake_executor_plugin_batchx.images.destination import DEFAULT_REPOSITORY
from snakemake_executor_plugin_batchx.plan.container_logs import DEFAULT_LOG_GROUP


@dataclass(frozen=True)
class S3Place:
    """A bucket and a prefix in it: the object of that key, and all below it.

    The whole bucket without a prefix; one that ends with * stands for all that begin so. Both are
    as IAM writes them: what else would be a wildcard or a variable in them is written otherwise.
    """

    bucket: str
    prefix: str = ""


@dataclass(frozen=True)
class Scope:
    """The things that policies name. Any value may be a placeholder of CloudFormation's.

    Queues, repositories, log groups and consumable resources are names or ARNs, and a * in them
    stands for anything, as in IAM. `area` is the place of all that batchx keeps below the S3 root,
    prefix `.batchx` included (storage/layout.py). `reads` is what workflows read in S3 beside it,
    `writes` what they read, write and delete. `repositories` are those that images are pulled
    from, `own_repository` where derived images go: a prefix that ends with / or one name, empty
    where there are none. All else are ARNs: roles, secrets of jobs (of Secrets Manager or
    parameters of Systems Manager), secrets with logins of registries, and KMS keys that encrypt
    objects in S3, or those secrets. Without `has_options` policies hold only what no run can do
    without.
    """

    partition: str
    region: str
    account_id: str
    queues: tuple[str, ...] = ()
    area: S3Place | None = None
    reads: tuple[S3Place, ...] = ()
    writes: tuple[S3Place, ...] = ()
    repositories: tuple[str, ...] = ()
    own_repository: str = DEFAULT_REPOSITORY
    job_roles: tuple[str, ...] = ()
    execution_roles: tuple[str, ...] = ()
    head_roles: tuple[str, ...] = ()
    log_groups: tuple[str, ...] = (DEFAULT_LOG_GROUP,)
    secrets: tuple[str, ...] = ()
    logins: tuple[str, ...] = ()
    s3_kms_keys: tuple[str, ...] = ()
    secret_kms_keys: tuple[str, ...] = ()
    consumables: tuple[str, ...] = ()
    sets_acl: bool = False
    has_options: bool = True
