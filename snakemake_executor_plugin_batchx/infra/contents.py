"""What runs left in a stack's bucket and beside the stack, and its end."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.batch.definition_listing import (
    FoundDefinition,
    interpret_definitions,
)
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.infra.asking import ask_aws
from snakemake_executor_plugin_batchx.storage.layout import AREA

NO_BUCKET = frozenset({"NoSuchBucket", "404"})


class S3Client(Protocol):
    """The methods of boto3's S3 client that we use."""

    def list_object_versions(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def delete_objects(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def list_multipart_uploads(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102

    def abort_multipart_upload(self, **request: Any) -> dict[str, Any]: ...  # noqa: D102


@dataclass(frozen=True)
class BucketContents:
    """How many objects (and versions of such) a bucket holds: batchx's own, and others."""

    own: int = 0
    others: int = 0
    example: str = ""


class Bucket:
    """A bucket to be emptied. Every method raises AwsError where S3 refuses."""

    def __init__(self, client: S3Client, name: str) -> None:
        self._client = client
        self.name = name

    def count_contents(self) -> BucketContents:
        """Count what is there; nothing where the bucket is gone."""
        own = others = 0
        example = ""
        for version in self._iter_versions():
            if version["Key"].startswith(f"{AREA}/"):
                own += 1
            else:
                others += 1
                example = example or version["Key"]
        return BucketContents(own, others, example)

    def empty(self, prefix: str = "") -> int:
        """Delete all objects, versions and unfinished uploads below a prefix; return how many.

        A page of versions is as many as one call deletes: 1,000
        (https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html).
        """
        done = 0
        # Each time from the beginning: what the last page ended with is gone.
        while page := self._list_page({"Bucket": self.name, "Prefix": prefix}):
            done += self._delete(
                [
                    {"Key": version["Key"], "VersionId": version["VersionId"]}
                    for version in _list_versions(page)
                ]
            )
            if not page.get("IsTruncated"):
                break
        self._abort_uploads(prefix)
        return done

    def _iter_versions(self) -> Iterator[Mapping[str, Any]]:
        request: dict[str, Any] = {"Bucket": self.name}
        while page := self._list_page(request):
            yield from _list_versions(page)
            if not page.get("IsTruncated"):
                return
            request["KeyMarker"] = page["NextKeyMarker"]
            request["VersionIdMarker"] = page["NextVersionIdMarker"]

    def _list_page(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return versions from where the request says; None where the bucket is gone."""
        try:
            return ask_aws(
                "s3:ListBucketVersions", lambda: self._client.list_object_versions(**request)
            )
        except AwsError as error:
            if error.code in NO_BUCKET:
                return None
            raise

    def _delete(self, objects: Sequence[Mapping[str, str]]) -> int:
        if not objects:
            return 0
        answer = ask_aws(
            "s3:DeleteObject",
            lambda: self._client.delete_objects(
                Bucket=self.name, Delete={"Objects": list(objects), "Quiet": True}
            ),
        )
        for refused in answer.get("Errors", ()):
            raise BatchxError(
                f"s3://{self.name}/{refused['Key']} cannot be deleted: {refused.get('Message')} "
                f"({refused.get('Code')})."
            )
        return len(objects)

    def _abort_uploads(self, prefix: str) -> None:
        """End the uploads that nobody has finished: their parts are not listed as objects."""
        while True:
            try:
                answer = ask_aws(
                    "s3:ListBucketMultipartUploads",
                    lambda: self._client.list_multipart_uploads(Bucket=self.name, Prefix=prefix),
                )
            except AwsError as error:
                if error.code in NO_BUCKET:
                    return
                raise
            for upload in answer.get("Uploads", ()):
                self._abort(upload["Key"], upload["UploadId"])
            if not answer.get("IsTruncated"):
                return

    def _abort(self, key: str, upload_id: str) -> None:
        ask_aws(
            "s3:AbortMultipartUpload",
            lambda: self._client.abort_multipart_upload(
                Bucket=self.name, Key=key, UploadId=upload_id
            ),
        )


def _list_versions(page: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]


def choose_definitions(
    described: Iterable[Mapping[str, Any]], job_role: str
) -> list[FoundDefinition]:
    """Return the definitions of batchx whose jobs have a stack's role."""
    return [
        each
        for each in interpret_definitions(described)
        if (each.described.get("containerProperties") or {}).get("jobRoleArn") == job_role
    ]
