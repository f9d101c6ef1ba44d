"""Clients of AWS's services, made when they are needed, by whichever thread needs them."""

import threading
from typing import Any

from botocore.config import Config

CHECK_CONFIG = Config(
    # A check that gets no answer is a warning: nobody should wait for it for long.
    retries={"mode": "standard", "total_max_attempts": 2},
    connect_timeout=3,
    read_timeout=3,
)

ANYWHERE = Config()


class ClientMaker:
    """Makes clients of a boto3 session one after the other: sessions are for one thread at a time.

    `endpoint_url` and `config` are those of the embedded AWS.
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/session.html
    """

    def __init__(
        self, session: Any, endpoint_url: str | None = None, config: Config = ANYWHERE
    ) -> None:
        self._session = session
        self._endpoint_url = endpoint_url
        self._config = config
        self._lock = threading.Lock()

    def make(
        self,
        service: str,
        region: str | None = None,
        *,
        config: Config,
        endpoint_url: str | None = None,
    ) -> Any:
        """Return a client of a service, for the session's region if none is named."""
        with self._lock:
            return self._session.client(
                service,
                region,
                endpoint_url=endpoint_url or self._endpoint_url,
                config=config.merge(self._config),
            )
