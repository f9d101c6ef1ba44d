"""The provider of Snakemake's s3 storage plugin, made parallel, for use inside a job.

The plugin moves one object at a time and asks S3 again and again for what it was told before:
for 100 inputs and 101 outputs of 1 MiB it makes some 1,500 requests, one after the other. The head
knows the objects of a job, so here they are fetched together as soon as there is a provider, the
plugin's questions are answered from what came, and outputs are sent together at the end. Whatever
the head did not name is left to the plugin's own code.

The classes stand in for the plugin's under the names that Snakemake looks for
(snakemake_interface_storage_plugins/registry).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import boto3
import snakemake_storage_plugin_s3 as stock
from botocore.config import Config
from snakemake_interface_common.exceptions import WorkflowError
from snakemake_storage_plugin_s3 import StorageProviderSettings

from snakemake_executor_plugin_batchx.denials import JOB
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.spec import StorageFile
from snakemake_executor_plugin_batchx.storage.engine import Engine
from snakemake_executor_plugin_batchx.storage.gateway import CLIENT_CONFIG
from snakemake_executor_plugin_batchx.storage.kept_files import KeptFiles
from snakemake_executor_plugin_batchx.storage.options import PLAIN_OPTIONS, S3Options
from snakemake_executor_plugin_batchx.storage.paying import agree_to_pay
from snakemake_executor_plugin_batchx.storage.s3_exchange import (
    Exchange,
    Fetch,
    Found,
    Place,
    look_at,
)
from snakemake_executor_plugin_batchx.storage.s3_objects import ObjectGateway


@dataclass
class Known:
    """What is known of an object of the job: what S3 had, and whether the job has made its own.

    `fetch` is None for outputs, but for update(): what an earlier run left of them is as good as
    gone.
    """

    place: Place
    fetch: Fetch | None
    is_output: bool
    wave: int = 0
    is_made: bool = False

    def find(self) -> Found | None:
        """Return what there is, None if nothing. Raises what a fetch does."""
        if self.is_made:
            return look_at(self.place.path)
        return self.fetch.wait() if self.fetch else None


class JobObjects:
    """The objects that a job reads and makes through the plugin.

    `work_dir` is what relative paths refer to: the workflow may change there after the provider is
    made. `kept` is what the host keeps for its jobs. To be closed: use it in a `with`.
    """

    def __init__(
        self,
        files: Sequence[StorageFile],
        work_dir: Path,
        memory_bytes: int | None = None,
        kept: KeptFiles | None = None,
        s3_options: S3Options = PLAIN_OPTIONS,
    ) -> None:
        self._files = files
        self._work_dir = work_dir
        self.s3_options = s3_options
        self._kept = kept
        self._exchange = Exchange(Engine(memory_bytes))
        self._known: list[Known] = []

    def __enter__(self) -> "JobObjects":
        return self

    def __exit__(self, *_: object) -> None:
        self._exchange.close()

    def begin(self, provider: "StorageProvider") -> dict[tuple[str, str], Known]:
        """Begin to fetch what the job reads through one provider; return all it knows, by name.

        What input functions look at is there when this returns. Raises what a fetch does.
        """
        own = (provider.local_prefix.name, provider.is_default)
        gateways: dict[str, ObjectGateway] = {}
        known: dict[tuple[str, str], Known] = {}
        awaited: list[Fetch] = []
        for file in self._files:
            if (file.provider, file.is_default) != own:
                continue
            item = provider.object(file.query)
            gateway = gateways.get(item.bucket) or provider.open_bucket(item.bucket)
            gateways[item.bucket] = gateway
            path = self._work_dir / item.local_path()
            kept = self._kept if file.is_cached else None
            place = Place(gateway, item.key, path, was_dir=file.was_dir, kept=kept)
            fetch = Fetch(self._exchange.engine, place) if file.is_fetched else None
            known[item.bucket, item.key] = Known(place, fetch, file.is_output, file.wave)
            if fetch and file.is_awaited:
                awaited.append(fetch)
        self._known += known.values()
        for fetch in awaited:
            fetch.wait()
        return known

    def send_made(self) -> None:
        """Send what the job has made, wave by wave. Raises StorageError or OSError."""
        waves: dict[int, list[Place]] = {}
        for known in self._known:
            if known.is_made:
                waves.setdefault(known.wave, []).append(known.place)
        for _, places in sorted(waves.items()):
            self._exchange.send(places)

    def make_plugin(self) -> SimpleNamespace:
        """Return a plugin for Snakemake's registry whose providers know these objects."""

        class Provider(StorageProvider):
            objects = self

        return SimpleNamespace(
            StorageProvider=Provider,
            StorageObject=StorageObject,
            StorageProviderSettings=StorageProviderSettings,
        )


class StorageProvider(stock.StorageProvider):  # type: ignore[misc]
    """The plugin's provider, with the user's settings for it and room for many requests."""

    objects: ClassVar[JobObjects]

    def __post_init__(self) -> None:
        settings = self.settings
        self._session = boto3.Session(
            region_name=settings.region,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            aws_session_token=settings.token,
        )
        if self.objects.s3_options.is_requester_pays:
            agree_to_pay(self._session)
        self.s3c = self._session.resource(
            "s3",
            endpoint_url=settings.endpoint_url,
            config=Config(
                signature_version=settings.signature_version,
                retries={"mode": "standard", "max_attempts": settings.retries},
                max_pool_connections=CLIENT_CONFIG.max_pool_connections,
                tcp_keepalive=True,
                connect_timeout=CLIENT_CONFIG.connect_timeout,
                read_timeout=CLIENT_CONFIG.read_timeout,
                request_checksum_calculation=CLIENT_CONFIG.request_checksum_calculation,
                s3=self.objects.s3_options.make_config() or None,
            ),
        )
        self._known: dict[tuple[str, str], Known] = {}
        try:
            self._known = self.objects.begin(self)
        except (BatchxError, OSError) as error:
            raise WorkflowError(str(error)) from error

    def open_bucket(self, name: str) -> ObjectGateway:
        """Return the gateway to a bucket, with the settings of this provider."""
        # awscrt signs in one way only; where the user asks for another, boto3 does it all.
        signs_itself = self.settings.signature_version is not None
        credentials = None if signs_itself else self._session.get_credentials()
        client, region = self.s3c.meta.client, self.settings.region
        options = self.objects.s3_options
        more = {"credentials": credentials, "options": options, "party": JOB}
        return ObjectGateway(client, name, region, **more)

    def get_known(self, item: "StorageObject") -> Known | None:
        """Return what is known of an object, None of one that the head did not name."""
        return self._known.get((item.bucket, item.key))

    def forget(self, item: "StorageObject") -> None:
        """Leave an object to the plugin's own code from now on."""
        self._known.pop((item.bucket, item.key), None)


class StorageObject(stock.StorageObject):  # type: ignore[misc]
    """The plugin's object; of those that the head named, it asks S3 nothing."""

    provider: StorageProvider

    async def inventory(self, cache: Any) -> None:
        """Do nothing: the plugin would list all that is beside this object, to save questions."""

    def exists(self) -> bool:
        """Tell whether the object was there when the job began, or was made by it."""
        known = self.provider.get_known(self)
        return bool(super().exists()) if known is None else self._find(known) is not None

    def mtime(self) -> float:
        """Return the modification time in seconds of the epoch."""
        found = self._find_here()
        return float(super().mtime()) if found is None else found.mtime

    def size(self) -> int:
        """Return the size in bytes; of a directory, of all its files."""
        found = self._find_here()
        return int(super().size()) if found is None else found.size

    def is_dir(self) -> bool:
        """Tell whether this is a directory: objects below a key."""
        found = self._find_here()
        return bool(super().is_dir()) if found is None else found.is_dir

    def local_footprint(self) -> int:
        """Return how many bytes of disk it still takes to retrieve the object."""
        known = self.provider.get_known(self)
        return 0 if known and known.place.path.exists() else int(super().local_footprint())

    def retrieve_object(self) -> None:
        """See that the object stands in its place on disk."""
        known = self.provider.get_known(self)
        if known is None or self._find(known) is None or not known.place.path.exists():
            super().retrieve_object()

    def store_object(self) -> None:
        """Note that the job has made the object; it is sent when the job has ended."""
        known = self.provider.get_known(self)
        if known is None:
            super().store_object()
        else:
            known.is_made = True

    def remove(self) -> None:
        """Remove the object; an output of the job only from what is to be sent.

        Whether an earlier one stays in S3 is for the head to say, when it knows how the job ended.
        """
        known = self.provider.get_known(self)
        if known and known.is_output:
            known.is_made = False
        else:
            self.provider.forget(self)
            super().remove()

    def _find_here(self) -> Found | None:
        """Return what is known of the object, or of what stands on disk for it."""
        known = self.provider.get_known(self)
        if known is None:
            return None
        found = self._find(known)
        if found is None and known.place.path.exists():
            return look_at(known.place.path)
        return found

    def _find(self, known: Known) -> Found | None:
        try:
            return known.find()
        except (BatchxError, OSError) as error:
            raise WorkflowError(str(error)) from error
