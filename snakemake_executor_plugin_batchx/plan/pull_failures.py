"""Failures to bring an image to a host.

What the ECS agent says: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/
task_cannot_pull_image.html
"""

from snakemake_executor_plugin_batchx.plan.failure_row import FailureRow, Place, RetriedBy

PULLS = (
    FailureRow(
        kind="disk",
        place=Place.WORDS,
        pattern=r"CannotPull.*no space left on device",
        shown="CannotPullContainerError: … no space left on device",
        sentence="its host's disk was full before image {image} was there",
        advice=(
            "Give the queue's instances a larger volume (launch template) or fewer jobs at once; "
            "disk_mb of the rule is no help on EC2, but is on Fargate."
        ),
        retried_by=RetriedBy.BATCH,
    ),
    FailureRow(
        kind="image",
        place=Place.WORDS,
        pattern=r"CannotPull.*(toomanyrequests|\b429\b|rate limit|rate exceeded)",
        shown="CannotPullContainerError: … toomanyrequests: You have reached your pull rate limit.",
        sentence="the registry of image {image} refused it because of too many pulls",
        advice=(
            "Use a copy of the image in ECR or a pull-through cache rule, or wait some hours and "
            "start the workflow again."
        ),
        retried_by=RetriedBy.BATCH,
    ),
    FailureRow(
        kind="image",
        place=Place.WORDS,
        pattern=(
            r"CannotPull.*(no matching manifest|descriptor (for|matching) platform|"
            r"no match for platform)"
        ),
        shown="CannotPullContainerError: … no matching manifest for linux/arm64",
        sentence="image {image} does not exist for the processor of its queue's hosts",
        advice=(
            "Use a queue whose instances have the image's processor, or an image that is built for "
            "theirs (arm64: Graviton)."
        ),
        retried_by=RetriedBy.BATCH,
    ),
    FailureRow(
        kind="infrastructure",
        place=Place.WORDS,
        pattern=(
            r"CannotPull.*(time-?out|timed out|deadline exceeded|request canceled|context canceled|"
            r"dial tcp|connection (refused|reset)|no such host|registry endpoint|unexpected EOF|"
            r"bad gateway|service unavailable|internal server error)"
        ),
        shown="CannotPullContainerError: … i/o timeout",
        sentence="its host could not reach the registry of image {image}",
        advice=(
            "If it happens again, see that the queue's subnets have a way to the registry: a NAT "
            "gateway, public addresses (on Fargate batchx_public_ip), or for ECR the VPC endpoints "
            "ecr.api, ecr.dkr and s3."
        ),
        retried_by=RetriedBy.BATCH,
    ),
    FailureRow(
        kind="image",
        place=Place.WORDS,
        pattern=r"CannotPull.*(x509|certificate)",
        shown="CannotPullContainerError: … x509: certificate signed by unknown authority",
        sentence="its host does not trust the certificate of the registry of image {image}",
        advice="Use a copy of the image in ECR, or hosts that know the registry's certificate.",
        retried_by=RetriedBy.BATCH,
    ),
    FailureRow(
        kind="image",
        place=Place.WORDS,
        pattern=(
            r"CannotPull.*(denied|unauthorized|no basic auth|not authorized|\b40[13]\b|"
            r"failed to authorize|authentication required|credentials)"
        ),
        shown="CannotPullContainerError: … pull access denied",
        sentence="image {image} may not be pulled or does not exist",
        advice=(
            "Check its name; for ECR the instance role (or --batchx-execution-role) needs "
            "ecr:GetAuthorizationToken, ecr:BatchGetImage and ecr:GetDownloadUrlForLayer (batchx "
            "policy instance, or execution, prints what it needs), and the policy of another "
            "account's repository has to allow them."
        ),
        retried_by=RetriedBy.BATCH,
    ),
    FailureRow(
        kind="image",
        place=Place.WORDS,
        pattern=r"CannotPull.*(not found|manifest unknown|no such image|not exist|\b404\b)",
        shown="CannotPullImageManifestError: … manifest unknown",
        sentence="image {image} does not exist",
        advice=(
            "Check name and tag of the rule's container, and whether a lifecycle rule of its "
            "repository has removed it."
        ),
        retried_by=RetriedBy.BATCH,
    ),
    FailureRow(
        kind="image",
        place=Place.WORDS,
        pattern=(
            r"CannotPull.*(diffIDs|media ?type|schema|invalid tar|failed to register layer|"
            r"unsupported)"
        ),
        shown="CannotPullContainerError: … number of layers and diffIDs don't match",
        sentence="the host cannot take image {image} in the form in which it is stored",
        advice="Push the image anew, with all its layers compressed by gzip.",
        retried_by=RetriedBy.BATCH,
    ),
    FailureRow(
        kind="image",
        place=Place.WORDS,
        pattern=r"CannotPull",
        shown="CannotPullContainerError: …",
        sentence="image {image} could not be pulled",
        advice="See what Batch says; the registry may have been in trouble.",
        # With the rows above it: evaluateOnExit cannot tell them apart.
        retried_by=RetriedBy.BATCH,
        retried=(("onReason", "CannotPull*"),),
    ),
)
"""In the order in which they are tried."""
