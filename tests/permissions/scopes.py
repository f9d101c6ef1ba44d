"""A scope such as a laboratory has it, for the tests of policies."""

from snakemake_executor_plugin_batchx.permissions.scope import S3Place, Scope


def make_scope(partition: str = "aws", region: str = "eu-west-1", **more: object) -> Scope:
    """Return a scope that names something of everything."""

    def name(service: str, resource: str) -> str:
        where = "" if service == "iam" else region
        return f"arn:{partition}:{service}:{where}:123456789012:{resource}"

    values: dict[str, object] = {
        "queues": ("spot", "on-demand"),
        "area": S3Place("lab", "flu/.batchx"),
        "reads": (S3Place("genomes", "grch38"), S3Place("atlas")),
        "writes": (S3Place("lab", "flu/results"),),
        "repositories": ("tools/*", f"arn:{partition}:ecr:{region}:999999999999:repository/bwa"),
        "job_roles": (name("iam", "role/lab/batchx-job"),),
        "execution_roles": (name("iam", "role/batchx-execution"),),
        "log_groups": ("/aws/batch/job", "/lab/jobs"),
        "secrets": (
            name("secretsmanager", "secret:token"),
            name("ssm", "parameter/lab/licence"),
        ),
        "logins": (name("secretsmanager", "secret:quay-AbCdEf"),),
        "s3_kms_keys": (name("kms", "key/1234abcd-12ab-34cd-56ef-1234567890ab"),),
        "secret_kms_keys": (name("kms", "key/5678abcd-12ab-34cd-56ef-1234567890ab"),),
        "consumables": ("licences",),
        "sets_acl": True,
    }
    return Scope(partition, region, "123456789012", **{**values, **more})  # type: ignore[arg-type]
