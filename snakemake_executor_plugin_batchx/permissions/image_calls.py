"""What the head needs to read images in ECR, and to derive others from them.

Registries of other hosts know nothing of IAM. ECR's actions stand behind the HTTP API of registries
(https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html).
"""

from snakemake_executor_plugin_batchx.permissions.row import (
    HEAD,
    OPTIONAL,
    REGISTRY,
    SETTING,
    WITHHELD,
    Permission,
)

ALL_IMAGES = ("OwnRepositories", "Repositories")

DERIVING = "--batchx-runtime=layer"

IMAGE_CALLS = (
    Permission(
        HEAD,
        "ecr.GetAuthorizationToken",
        ("ecr:GetAuthorizationToken",),
        ("Anything",),
        "All registries of ECR take the login that this gives.",
    ),
    Permission(
        HEAD,
        f"{REGISTRY}HEAD manifest",
        ("ecr:BatchGetImage",),
        ALL_IMAGES,
        "What a tag stands for is looked up before the first job.",
    ),
    Permission(
        HEAD,
        f"{REGISTRY}GET manifest",
        ("ecr:BatchGetImage",),
        ALL_IMAGES,
        "What an image consists of, and whether one has been derived from it already.",
    ),
    Permission(
        HEAD,
        f"{REGISTRY}GET manifest",
        ("ecr:BatchImportUpstreamImage", "ecr:CreateRepository"),
        ("Repositories",),
        "A pull-through cache fetches an image that it does not have yet.",
        WITHHELD,
        loss="images not in the cache are read where they are; allow it on the cache's "
        "repositories, or in the registry's policy",
    ),
    Permission(
        HEAD,
        f"{REGISTRY}GET blob",
        ("ecr:GetDownloadUrlForLayer",),
        ALL_IMAGES,
        "An image's configuration is read, and layers that go to another registry.",
    ),
    Permission(
        HEAD,
        f"{REGISTRY}HEAD blob",
        ("ecr:BatchCheckLayerAvailability",),
        ALL_IMAGES,
        "Layers that are there already are not sent again.",
        SETTING,
        setting=DERIVING,
        loss="images that are prepared are used; others stop the run, with the command that "
        "somebody else may run",
    ),
    Permission(
        HEAD,
        f"{REGISTRY}POST upload",
        ("ecr:InitiateLayerUpload",),
        ("OwnRepositories",),
        "A layer is to be sent, or mounted from another repository.",
        SETTING,
        setting=DERIVING,
    ),
    Permission(
        HEAD,
        f"{REGISTRY}PUT blob",
        ("ecr:UploadLayerPart", "ecr:CompleteLayerUpload"),
        ("OwnRepositories",),
        "A layer is sent.",
        SETTING,
        setting=DERIVING,
    ),
    Permission(
        HEAD,
        f"{REGISTRY}PUT manifest",
        ("ecr:PutImage",),
        ("OwnRepositories",),
        "A derived image gets its tag.",
        SETTING,
        setting=DERIVING,
    ),
    Permission(
        HEAD,
        "ecr.DescribeRepositories",
        ("ecr:DescribeRepositories",),
        ("OwnRepositories",),
        "Whether a repository is there is looked at before it is made.",
        SETTING,
        setting=DERIVING,
    ),
    Permission(
        HEAD,
        "ecr.CreateRepository",
        ("ecr:CreateRepository",),
        ("MakableRepositories",),
        "Each source of images gets a repository below the prefix.",
        SETTING,
        setting="`--batchx-repository PREFIX/`",
    ),
    Permission(
        HEAD,
        "ecr.PutLifecyclePolicy",
        ("ecr:PutLifecyclePolicy",),
        ("MakableRepositories",),
        "Derived images expire 90 days after their push.",
        SETTING,
        setting="`--batchx-repository PREFIX/`",
        loss="they are kept for ever",
    ),
    Permission(
        HEAD,
        "ecr.DescribePullThroughCacheRules",
        ("ecr:DescribePullThroughCacheRules",),
        ("Anything",),
        "Images are read through the account's pull-through caches.",
        OPTIONAL,
        loss="images are read where they are",
    ),
    Permission(
        HEAD,
        "ecr.GetAccountSetting",
        ("ecr:GetAccountSetting",),
        ("Anything",),
        "Who copies layers within ECR is told how to spare it.",
        OPTIONAL,
        loss="nobody is told",
    ),
    Permission(
        HEAD,
        "ecr.DescribeRepositories",
        ("ecr:DescribeRepositories",),
        ("AllRepositories",),
        "`batchx image list` looks for derived images.",
        OPTIONAL,
        loss="it cannot list them",
    ),
    Permission(
        HEAD,
        "ecr.DescribeImages",
        ("ecr:DescribeImages",),
        ("OwnRepositories",),
        "Likewise, in each repository.",
        OPTIONAL,
        loss="it cannot list them",
    ),
)
