"""The repositories in ECR that runs on a stack made, and their end."""

import functools
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.batch.gateway import chunk
from snakemake_executor_plugin_batchx.images import push, recipe
from snakemake_executor_plugin_batchx.infra.asking import ask_aws, iter_pages

IMAGE_TAGS = (recipe.TAG_PREFIX, push.TAG_PREFIX)
"""What the tags of images begin with that batchx derived or pushed (images/)."""

NO_REPOSITORY = "RepositoryNotFoundException"
NOT_EMPTY = "RepositoryNotEmptyException"

IMAGES_AT_ONCE = 100
"""https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchDeleteImage.html"""


class EcrClient(Protocol):
    """The methods of boto3's ECR client that we use."""

    def describe_repositories(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def list_images(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def batch_delete_image(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def delete_repository(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102


@dataclass(frozen=True)
class Repository:
    """A repository in ECR: how many images, and whether it is surely batchx's making.

    It is if there is an image with a tag of batchx's, and no tag is any other.
    """

    name: str
    images: int
    is_ours: bool


class Repositories:
    """The repositories below a prefix. Every method raises AwsError where ECR refuses."""

    def __init__(self, client: EcrClient) -> None:
        self._client = client

    def list_repositories(self, prefix: str, others: Collection[str] = ()) -> list[Repository]:
        """Return the repositories whose names begin so, but not with one of the others."""
        pages = iter_pages("ecr:DescribeRepositories", self._client.describe_repositories, {})
        names = [
            str(each["repositoryName"]) for page in pages for each in page.get("repositories", ())
        ]
        return [
            self._look_at(name)
            for name in sorted(names)
            if name.startswith(prefix) and not name.startswith(tuple(others))
        ]

    def _look_at(self, name: str) -> Repository:
        images = self._list_images(name)
        tags = [image["imageTag"] for image in images if image.get("imageTag")]
        is_ours = bool(tags) and all(tag.startswith(IMAGE_TAGS) for tag in tags)
        return Repository(name, len({image["imageDigest"] for image in images}), is_ours)

    def _list_images(self, name: str) -> list[dict[str, str]]:
        request = {"repositoryName": name}
        pages = iter_pages("ecr:ListImages", self._client.list_images, request)
        return [image for page in pages for image in page.get("imageIds", ())]

    def delete(self, name: str) -> bool:
        """Delete a repository of ours: its images, and then itself, if nothing else is there.

        Returns False where others have put something there meanwhile, which stays; one that is
        gone already does not matter.
        """
        try:
            if not self._look_at(name).is_ours:
                return False
            self._delete_images(name)
            ask_aws(
                "ecr:DeleteRepository",
                lambda: self._client.delete_repository(repositoryName=name),
            )
        except AwsError as error:
            if error.code == NO_REPOSITORY:
                return True
            if error.code == NOT_EMPTY:
                return False
            raise
        return True

    def _delete_images(self, name: str) -> None:
        """Delete images, as often as that leaves fewer: an index goes before what it refers to."""
        left = {image["imageDigest"] for image in self._list_images(name)}
        while left:
            for portion in chunk(sorted(left), IMAGES_AT_ONCE):
                request = {
                    "repositoryName": name,
                    "imageIds": [{"imageDigest": digest} for digest in portion],
                }
                ask_aws(
                    "ecr:BatchDeleteImage",
                    functools.partial(self._client.batch_delete_image, **request),
                )
            still = left & {image["imageDigest"] for image in self._list_images(name)}
            if still == left:
                return
            left = still
