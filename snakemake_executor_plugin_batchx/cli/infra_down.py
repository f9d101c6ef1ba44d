"""The end of a stack: what runs left in it and beside it goes first."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.aws.session import AwsSession
from snakemake_executor_plugin_batchx.batch.definition_listing import FoundDefinition
from snakemake_executor_plugin_batchx.cli.batch_access import make_batch
from snakemake_executor_plugin_batchx.cli.definition_lines import count_definitions
from snakemake_executor_plugin_batchx.cli.definition_pruning import deregister
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.infra.attachments import Holder, PolicyAttachments
from snakemake_executor_plugin_batchx.infra.contents import (
    Bucket,
    BucketContents,
    choose_definitions,
)
from snakemake_executor_plugin_batchx.infra.gateway import Stack
from snakemake_executor_plugin_batchx.infra.queue_closing import QueueCloser
from snakemake_executor_plugin_batchx.infra.repositories import Repositories, Repository
from snakemake_executor_plugin_batchx.storage.layout import AREA


@dataclass(frozen=True)
class Inventory:
    """What will go with a stack, and the repositories below its prefix that will not.

    `holders` have its policy. With `may_delete_data` the bucket goes with all that is in it.
    """

    contents: BucketContents
    definitions: tuple[FoundDefinition, ...]
    repositories: tuple[Repository, ...]
    foreign: tuple[Repository, ...]
    holders: tuple[Holder, ...]
    may_delete_data: bool


class Demolition:
    """Clears what CloudFormation does not delete by itself. Safe to repeat.

    Every method raises BatchxError where AWS refuses.
    """

    def __init__(self, session: AwsSession, stack: Stack, tell: Callable[[str], None]) -> None:
        self._stack = stack
        self._tell = tell
        self._batch = make_batch(session, lambda: False)
        region = session.region
        self._queues = QueueCloser(session.make_patient_client("batch", region), time.sleep, tell)
        self._bucket = Bucket(session.s3_client, stack.outputs.get("Bucket", ""))
        self._repositories = Repositories(session.make_patient_client("ecr", region))
        self._attachments = PolicyAttachments(session.make_patient_client("iam", region))

    def take_inventory(
        self, *, may_delete_data: bool, other_prefixes: Collection[str] = ()
    ) -> Inventory:
        """Look at what is there. Raises BatchxError where data would be lost that nobody gave up.

        What is below the prefixes of other stacks' repositories is theirs. A stack that was never
        made has no outputs, and nothing but itself.
        """
        outputs = self._stack.outputs
        contents = self._bucket.count_contents() if self._bucket.name else BucketContents()
        if contents.others and not may_delete_data:
            raise BatchxError(
                f"Bucket {self._bucket.name} holds data beside .batchx/ ({contents.others}: "
                f"{contents.example}{' and others' if contents.others > 1 else ''}): save what you "
                "want to keep (batchx sync), and give --delete-data."
            )
        role, prefix = outputs.get("JobRoleArn"), outputs.get("RepositoryPrefix")
        definitions = choose_definitions(self._batch.list_definitions(), role) if role else []
        found = self._repositories.list_repositories(prefix, other_prefixes) if prefix else []
        policy = outputs.get("HeadPolicyArn")
        return Inventory(
            contents,
            tuple(definitions),
            tuple(each for each in found if each.is_ours),
            tuple(each for each in found if not each.is_ours),
            tuple(self._attachments.list_holders(policy) if policy else ()),
            may_delete_data,
        )

    def tell_plan(self, inventory: Inventory) -> list[str]:
        """Return what will be deleted, and a question."""
        contents = inventory.contents
        lines = [
            f"Stack {self._stack.name} will be deleted, with",
            "  its job queues, and all jobs in them",
            f"  its bucket {self._bucket.name}: {contents.own} objects of batchx, "
            f"{contents.others} others",
            f"  its log group {self._stack.outputs.get('LogGroup', '')}, and what jobs printed",
            f"  {count_definitions(inventory.definitions)}",
        ]
        lines += [
            f"  repository {each.name} in ECR: {each.images} images"
            for each in inventory.repositories
        ]
        lines += [f"  but not repository {_tell_foreign(each)}" for each in inventory.foreign]
        lines += [
            f"  {each.kind.lower()} {each.name} can start no runs on it any more: HeadPolicy is "
            "detached"
            for each in inventory.holders
        ]
        return [*lines, "Go on? [y/N] "]

    def clear(self, inventory: Inventory) -> None:
        """End jobs, and delete what the inventory names; the bucket's objects go last.

        Without leave to delete data it is the area of batchx that is emptied: what was written
        beside it meanwhile stays, and the bucket with it.
        """
        outputs = self._stack.outputs
        self._queues.close([arn for key, arn in outputs.items() if key.endswith("Queue")])
        if inventory.definitions:
            problems = deregister(self._batch, inventory.definitions)
            if problems:
                raise BatchxError(" ".join(problems))
        for holder in inventory.holders:
            self._attachments.detach(outputs["HeadPolicyArn"], holder)
            self._tell(f"detached HeadPolicy from {holder.kind.lower()} {holder.name}")
        for repository in inventory.repositories:
            is_gone = self._repositories.delete(repository.name)
            self._tell(f"{'deleted' if is_gone else 'left'} repository {repository.name}")
        for repository in inventory.foreign:
            self._tell(f"left repository {_tell_foreign(repository)}")
        if self._bucket.name:
            done = self._bucket.empty("" if inventory.may_delete_data else f"{AREA}/")
            self._tell(f"deleted {done} objects in {self._bucket.name}")


def _tell_foreign(repository: Repository) -> str:
    why = "images that batchx has not made" if repository.images else "no image of batchx's"
    return f"{repository.name}: it holds {why}"
